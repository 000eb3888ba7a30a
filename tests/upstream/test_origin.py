"""Which proxy is meant, and that settings keep their secrets."""

from __future__ import annotations

from typing import Any

import pytest

from tracegate.upstream.origin import TransportSettings, authority, proxy_of


def proxied(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], **settings: Any) -> str | None:
    """Which proxy is used in an environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return proxy_of(TransportSettings(**{"scheme": "https", "host": "api.example.com", "port": 443, **settings}))


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, "http://a:1"),
        ({"HTTP_PROXY": "http://a:1"}, None),
        ({"ALL_PROXY": "http://a:1"}, "http://a:1"),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:1"}, "http://b:1"),
        ({"HTTPS_PROXY": "a:1"}, "http://a:1"),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "localhost, example.com"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": ".example.com"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "api.example.com:443"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "api.example.com:8443"}, "http://a:1"),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "ample.com,other.com"}, "http://a:1"),
    ],
)
def test_the_environment_names_a_proxy(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], proxy: str | None
) -> None:
    """Per scheme; `NO_PROXY` has names, what ends in them, ports, and `*`."""
    assert proxied(monkeypatch, environment) == proxy


def test_addresses_may_stand_in_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of IPv6 with brackets or without."""
    environment = {"HTTP_PROXY": "http://a:1", "NO_PROXY": "127.0.0.1,::1,[fd00::1]:8080"}
    for host in ("127.0.0.1", "::1", "fd00::1"):
        assert proxied(monkeypatch, environment, scheme="http", host=host, port=8080) is None
    assert proxied(monkeypatch, environment, scheme="http", host="fd00::2", port=8080) == "http://a:1"


def test_the_configuration_decides_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL, or none at all."""
    environment = {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "*"}
    assert proxied(monkeypatch, environment, proxy="http://b:1") == "http://b:1"
    monkeypatch.delenv("NO_PROXY")
    assert proxied(monkeypatch, {"HTTPS_PROXY": "http://a:1"}, proxy="none") is None


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    """As in a URL, with a port or without."""
    assert [authority("::1", 443), authority("::1", None)] == ["[::1]:443", "[::1]"]
    assert [authority("a.example", 80), authority("127.0.0.1", None)] == ["a.example:80", "127.0.0.1"]
