"""Addresses and URLs."""

from __future__ import annotations

import pytest

from tracegate.config.hosts import Url, address, is_loopback, stays_private, url
from tracegate.config.problems import Wrong

EXAMPLE = "https://api.example.com/v1"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://api.openai.com/v1", ("https", "api.openai.com", 443, "/v1")),
        ("https://api.openai.com/v1/", ("https", "api.openai.com", 443, "/v1")),
        ("http://localhost:8000", ("http", "localhost", 8000, "")),
        ("HTTPS://API.Example.com:8443/a%20b", ("https", "api.example.com", 8443, "/a%20b")),
        ("http://[::1]:8000/v1", ("http", "::1", 8000, "/v1")),
        ("https://my_host.internal", ("https", "my_host.internal", 443, "")),
    ],
)
def test_a_url_is_split(text: str, parts: tuple[str, str, int, str]) -> None:
    """The port is always there, a slash at the end never."""
    assert url(text, EXAMPLE) == Url(*parts)


def test_a_url_is_written_as_short_as_it_can_be() -> None:
    """The usual port is left out."""
    assert str(Url("https", "a.example", 443, "/v1")) == "https://a.example/v1"
    assert str(Url("http", "::1", 8000, "")) == "http://[::1]:8000"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (7, "`7` is not text"),
        ("ftp://a.example", "is not an http or https URL"),
        ("api.openai.com/v1", "is not an http or https URL"),
        ("https://", "is not an http or https URL"),
        ("https://a b.example", "is not an http or https URL"),
        ("https://user:pw@a.example", "a URL with user info"),
        ("https://user@a.example", "a URL with user info"),
        ("https://a.example/v1?key=sk-1", "a URL with a query or a fragment"),
        ("https://a.example/v1?", "a URL with a query or a fragment"),
        ("https://a.example/v1#x", "a URL with a query or a fragment"),
        ("https://a..example", "has no host name that can be looked up"),
        ("https://münchen.example", "has no host name that can be looked up"),
        ("https://a.example:0", "has a path or port that can't be used"),
        ("https://a.example/<x>", "has a path or port that can't be used"),
        ("https://a.example:99999", "not a URL"),
        ("https://[::1", "not a URL"),
    ],
)
def test_what_is_no_url_is_refused(value: object, why: str) -> None:
    """Credentials in one are not shown."""
    with pytest.raises(Wrong) as caught:
        url(value, EXAMPLE)
    assert why in caught.value.what
    assert "sk-1" not in caught.value.what + caught.value.fix
    assert ":pw@" not in caught.value.what + caught.value.fix


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.0.0.5", True),
        ("172.31.9.9", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("169.254.1.1", True),
        ("fd00::1", True),
        ("fe80::1", True),
        ("::ffff:10.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("8.8.8.8", False),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("vllm", True),
        ("gpu.internal", True),
        ("gpu.home.arpa", True),
        ("printer.local", True),
        ("x.localhost.", True),
        ("internal.example.com", False),
        ("api.openai.com", False),
        ("127.1", False),
        ("2130706433", False),
    ],
)
def test_clear_text_stays_inside(host: str, private: bool) -> None:
    """Loopback, private addresses, and names that only an inner resolver knows."""
    assert stays_private(host) is private


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("Localhost", True),
        ("::", False),
        ("10.0.0.1", False),
        ("example.com", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, loopback: bool) -> None:
    """Every other address is open to somebody."""
    assert is_loopback(host) is loopback


def test_an_address_has_a_host_and_a_port() -> None:
    """IPv6 stands in brackets."""
    assert address("10.0.0.1:4000") == ("10.0.0.1", 4000)
    assert address("localhost:0") == ("localhost", 0)
    assert address("[::1]:65535") == ("::1", 65535)


@pytest.mark.parametrize(
    "text", ["127.0.0.1", ":4000", "::1:4000", "[::1]", "[x]:1", "a:b", "a:-1", "a:65536", "a b:1", "a:" + "9" * 30]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """With how a right one looks."""
    with pytest.raises(Wrong, match="is not an address with a port"):
        address(text)
