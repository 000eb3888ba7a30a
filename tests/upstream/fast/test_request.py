"""Requests as bytes; what is sent over a socket is tested with both transports."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.upstream.served import outgoing
from tracegate.errors import Failed
from tracegate.upstream.fast import request as module
from tracegate.upstream.fast.request import Requests

FIELDS = [
    "host",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "connection",
    "keep-alive",
]


def test_a_request_is_its_line_its_fields_and_its_length() -> None:
    """In this order, and nothing else."""
    request = outgoing(8080, path="/v1/x?y=z", headers=(("X-A", "b"), ("x-b", "")), body=b"1234")
    assert Requests().head(request) == (
        b"POST /v1/x?y=z HTTP/1.1\r\nhost: 127.0.0.1:8080\r\ncontent-type: application/json\r\n"
        b"X-A: b\r\nx-b: \r\ncontent-length: 4\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("scheme", "host", "port", "named"),
    [
        ("http", "a.example", 80, "a.example"),
        ("http", "a.example", 443, "a.example:443"),
        ("https", "a.example", 443, "a.example"),
        ("https", "::1", 443, "[::1]"),
        ("http", "::1", 8080, "[::1]:8080"),
    ],
)
def test_the_host_is_named_as_its_url_has_it(scheme: str, host: str, port: int, named: str) -> None:
    """Without the port that its scheme has."""
    head = Requests().head(outgoing(port, scheme=scheme, host=host))
    assert head.split(b"\r\n")[1] == b"host: " + named.encode()


def test_what_a_url_can_not_hold_is_encoded() -> None:
    """Once: what is encoded stays."""
    head = Requests().head(outgoing(80, path='/a b/%20{c}<d>`"?e f#g'))
    assert head.startswith(b"POST /a%20b/%20%7Bc%7D%3Cd%3E%60%22?e%20f%23g HTTP/1.1\r\n")


@pytest.mark.parametrize("path", ["", "x", "*", "http://elsewhere/", "/\x7f", "/\n", "/ä"])
def test_what_is_no_path_is_not_sent(path: str) -> None:
    """It would be another kind of request, or none."""
    with pytest.raises(Failed, match="its path or host"):
        Requests().head(outgoing(80, path=path))


@pytest.mark.parametrize("host", ["a b", "a\r\nb", "ä"])
def test_what_is_no_host_is_not_sent(host: str) -> None:
    """Nor looked up."""
    with pytest.raises(Failed, match="its path or host"):
        Requests().head(outgoing(80, host=host))


def test_what_is_no_method_is_not_sent() -> None:
    """It is a token."""
    request = outgoing(80)
    request.method = "POST /evil HTTP/1.1\r\nx:"
    with pytest.raises(Failed, match="its method is none") as caught:
        Requests().head(request)
    assert (caught.value.class_, caught.value.token) == ("invalid_request", "http_request_error")


@pytest.mark.parametrize("name", FIELDS)
def test_framing_is_ours(name: str) -> None:
    """In any case; names that only begin so are free."""
    for written in (name, name.upper()):
        with pytest.raises(Failed, match=f"its field '{written}'"):
            Requests().head(outgoing(80, headers=((written, "x"),)))
    assert Requests().head(outgoing(80, headers=((f"{name}x", "y"),)))


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb", "a\x00b", " a", "a ", "a\x7f", "\u0100", "a\x1b"])
def test_a_value_that_is_none_is_not_sent_nor_shown(value: str) -> None:
    """It may be a secret."""
    with pytest.raises(Failed) as caught:
        Requests().head(outgoing(80, headers=(("x-good", "y"), ("authorization", value))))
    assert caught.value.message == "The request can't be sent: its field 'authorization' can't be carried by HTTP."


TEXT = st.text(st.characters(max_codepoint=300), max_size=12) | st.sampled_from(
    ["x", "x: y", "a\r\nb: c", "host", "a\nb\rc", "\r"]
)


@given(fields=st.lists(st.tuples(TEXT, TEXT), max_size=3), path=TEXT.map(lambda text: f"/{text}"))
def test_nothing_in_a_request_can_add_to_it(fields: list[tuple[str, str]], path: str) -> None:
    """A server reads what was given, or it was not sent."""
    request = outgoing(80, path=path, headers=tuple(fields), body=b"")
    try:
        head = Requests().head(request)
    except Failed:
        return
    server = h11.Connection(h11.SERVER)
    server.receive_data(head)
    event = server.next_event()
    assert isinstance(event, h11.Request)
    assert isinstance(server.next_event(), h11.EndOfMessage)
    assert server.trailing_data == (b"", False)
    got = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items()]
    assert got == [
        ("host", "127.0.0.1"),
        ("content-type", "application/json"),
        *fields,
        ("content-length", "0"),
    ]


def test_first_lines_are_made_once_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may hold a model that a client named."""
    monkeypatch.setattr(module, "STARTS", 2)
    requests = Requests()
    for value in "abca":
        assert f"x: {value}\r\n".encode() in requests.head(outgoing(80, headers=(("x", value),)))
        assert len(requests._fields) <= 2
    requests._starts.clear()
    kept = []
    for path in ("/a", "/a", "/b", "/c", "/a"):
        assert requests.head(outgoing(80, path=path)).startswith(f"POST {path} ".encode())
        kept.append(len(requests._starts))
    assert kept == [1, 1, 2, 1, 2]
