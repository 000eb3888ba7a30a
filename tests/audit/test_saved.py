"""Saved responses, as tools write them."""

from __future__ import annotations

import pytest

from tests.audit.vectors import BODY, STREAM_RESPONSE, UNARY_RESPONSE
from tracegate.audit.saved import parse_saved
from tracegate.errors import Malformed


def test_the_responses_of_the_vectors() -> None:
    """A whole answer and a stream, with their heads."""
    unary, stream = parse_saved(UNARY_RESPONSE), parse_saved(STREAM_RESPONSE)
    assert (unary.status, unary.body, unary.streamed) == (200, BODY, False)
    assert unary.fields["tracegate-cost"] == "4213;unit=micros;currency=USD;basis=local"
    assert (stream.status, stream.streamed) == (200, True)
    assert stream.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 200 OK", b"HTTP/2 200 ", b"HTTP/2 200", b"HTTP/3 200 ", b"HTTP/1.0 200 Fine"]
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_head_of_any_version_and_line_end(first: bytes, end: bytes) -> None:
    """Names in lower case, values without their blanks, lines of one name joined."""
    raw = end.join([first, b"A: 1", b"b:\t2 ", b"a:3", b"", b"body"])
    saved = parse_saved(raw)
    assert (saved.status, saved.fields, saved.body) == (200, {"a": "1, 3", "b": "2"}, b"body")


def test_sections_before_the_answer_are_passed_over() -> None:
    """`100 Continue` and early hints."""
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert parse_saved(hints + UNARY_RESPONSE) == parse_saved(UNARY_RESPONSE)


def _chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


def test_chunks_are_joined() -> None:
    """With and without extensions; most tools have joined them already."""
    assert parse_saved(_chunked(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")).body == b"abcde"
    assert parse_saved(_chunked(b"data: x\n\n")).body == b"data: x\n\n"
    assert parse_saved(_chunked(b"3\r\nabcd\r\n0\r\n\r\n")).body == b"3\r\nabcd\r\n0\r\n\r\n"
    assert parse_saved(_chunked(b"5\r\nabc")).body == b"5\r\nabc"


def test_bare_events_are_a_stream() -> None:
    """A capture without its head."""
    saved = parse_saved(b"data: {}\n\n: tracegate-outcome ok\n\n")
    assert (saved.status, saved.fields, saved.streamed) == (None, {}, True)
    assert parse_saved(b": keep-alive\n\n").streamed


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "neither"),
        (b'{"id": 1}', "neither"),
        (b"HTTP/1.1 OK\r\n\r\n", "status line"),
        (b"HTTP/1.1 200 OK\r\nA: 1\r\n", "does not end"),
        (b"HTTP/1.1 200 OK", "does not end"),
        (b"HTTP/1.1 200 OK\r\nA 1\r\n\r\n", "no field"),
        (b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n", "no field"),
        (b"HTTP/1.1 200 OK\r\nA : 1\r\n\r\n", "no field"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "does not end"),
    ],
)
def test_what_is_no_response_is_refused(raw: bytes, says: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(Malformed, match=says):
        parse_saved(raw)
