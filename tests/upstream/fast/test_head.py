"""What a head says; what is refused is in the corpus of `test_answer`."""

from __future__ import annotations

import pytest

from tracegate.errors import Broken
from tracegate.upstream.fast import head as module
from tracegate.upstream.fast.head import Head, hopeless, malformed, read_head


def of(*lines: str, first: str = "HTTP/1.1 200 OK") -> Head:
    """A head of these lines, in the middle of other bytes."""
    data = "\r\n".join([first, *lines, "", ""]).encode("latin-1")
    return read_head(b"before" + data + b"behind", 6, 6 + len(data))


def test_a_head_tells_all_it_says() -> None:
    """Names in lower case, values without blanks around them, in order."""
    head = of("X-A:  b c\t", "x-a:", "Content-Length: 12", first="HTTP/1.1 404 Not Found")
    assert (head.status, head.protocol, head.length, head.chunked, head.close, head.kept_s) == (
        (404, "http/1.1", 12, False, False, None)
    )
    assert head.headers == (("x-a", "b c"), ("x-a", ""), ("content-length", "12"))


def test_a_head_without_fields_says_nothing() -> None:
    """And has none."""
    assert (of().headers, of().length) == ((), None)


@pytest.mark.parametrize(
    ("line", "close"),
    [
        ("close", True),
        ("Close", True),
        ("x,close", True),
        ("x ,\tclose , y", True),
        ("keep-alive", False),
        ("closed", False),
    ],
)
def test_a_connection_may_be_said_to_end(line: str, close: bool) -> None:
    """Among other options, in any case."""
    assert of(f"Connection: {line}").close is close
    assert of("connection: y", f"connection: {line}").close is close


def test_http_1_0_ends_its_connection() -> None:
    """Whatever it says of it."""
    head = of("connection: keep-alive", first="HTTP/1.0 200 OK")
    assert (head.close, head.protocol) == (True, "http/1.0")


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("timeout=5", 5),
        ("timeout=5, max=100", 5),
        ("max=9,Timeout = 72", 72),
        ('timeout="7"', 7),
        ("max=100", None),
        ("timeout=", None),
        ("xtimeout=5", None),
        ("timeout=-5", None),
    ],
)
def test_a_peer_may_say_how_long_it_keeps_a_connection(line: str, seconds: int | None) -> None:
    """In seconds; what is none is no reason to refuse an answer."""
    assert of(f"Keep-Alive: {line}").kept_s == seconds


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        (["a: b", "secret b", "c: d"], 2),
        (["a: b", "c: \x01"], 2),
        ([" folded: x"], 1),
    ],
)
def test_what_is_malformed_is_told_without_what_it_holds(lines: list[str], where: int) -> None:
    """By its place."""
    with pytest.raises(Broken) as caught:
        of(*lines)
    assert caught.value.message == f"The head of the provider's answer is malformed: its field {where}."
    with pytest.raises(Broken, match="malformed: its first line"):
        of(first="HTTP/3 200 OK")


def test_a_field_may_be_malformed_only_where_it_stands() -> None:
    """Two heads in one are none."""
    with pytest.raises(Broken, match="malformed"):
        of("a: b", "", "c: d")


def test_a_part_of_a_head_may_become_one() -> None:
    """Until something came that can't stand in any."""
    good = b"HTTP/1.1 200 OK\r\nx: y\r\n"
    for at in range(len(good)):
        assert not hopeless(good[:at], 0)
    assert hopeless(b"HTTP/1.1 200 OK\r\nx\x00", 0)
    assert not hopeless(b"HTTP/1.1 200 OK\r\nx\x00yz", 20)  # what was looked at before is not looked at again
    assert hopeless(b"HTTP/1.1 200 OK\rx", 16)  # but for the byte before


def test_lines_are_read_once_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long ones, and what frames a body, are read each time."""
    known: dict[bytes, tuple[str, str]] = {}
    monkeypatch.setattr(module, "_known", known)
    monkeypatch.setattr(module, "KNOWN", 2)
    for _ in range(2):
        assert of("X-A: b", "content-length: 5").headers == (("x-a", "b"), ("content-length", "5"))
    assert known == {b"X-A: b": ("x-a", "b"), b"": ("", "")}
    long = "x: " + "y" * module.LONG
    assert of(long, "c: d").headers == (("x", "y" * module.LONG), ("c", "d"))
    assert len(known) <= 2
    assert of("X-A: b", "c: d", "e: f").headers == (("x-a", "b"), ("c", "d"), ("e", "f"))


def test_what_a_head_fails_with_names_it() -> None:
    """A token of RFC 9209."""
    assert malformed().token == "http_protocol_error"
