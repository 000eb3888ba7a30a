"""Server-sent events as the standard says, however the bytes are cut."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegate.dialects.sse import Decoder, ServerEvent

LARGE = 1 << 20

Dispatched = tuple[bytes, bytes]  # type of the event, data


def decoded(parts: Iterable[bytes], limit: int = LARGE) -> list[ServerEvent]:
    """The events of a stream fed in parts."""
    decoder = Decoder(limit)
    return [event for part in parts for event in decoder.feed(part)]


def dispatched(events: Iterable[ServerEvent]) -> list[Dispatched]:
    """What a client would see of the events."""
    return [(event.name or b"message", event.data) for event in events]


def reference(stream: bytes) -> list[Dispatched]:
    """The standard's algorithm, written down step by step (HTML, section 9.2.6)."""
    text = stream.decode("latin-1")  # line by line in bytes; UTF-8 is never cut by a line end
    text = text.removeprefix("\xef\xbb\xbf")
    lines, line, at = [], "", 0
    while at < len(text):
        if text[at] in "\r\n":
            lines.append(line)
            line = ""
            at += 2 if text[at : at + 2] == "\r\n" else 1
        else:
            line += text[at]
            at += 1
    found: list[Dispatched] = []
    data, kind = "", ""
    for line in lines:
        if line == "":
            if data:
                found.append(((kind or "message").encode("latin-1"), data.removesuffix("\n").encode("latin-1")))
            data, kind = "", ""
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                kind = value
            elif field == "data":
                data += value + "\n"
    return found


def cuts(stream: bytes) -> Iterable[list[bytes]]:
    """Every way to cut a stream in two, and byte by byte."""
    yield [stream]
    yield [stream[at : at + 1] for at in range(len(stream))]
    for at in range(len(stream)):
        yield [stream[:at], b"", stream[at:]]


STREAMS = {
    "one line": b"data: a\n\n",
    "no blank": b"data:a\n\n",
    "two blanks": b"data:  a\n\n",
    "several lines": b"data: a\ndata: b\ndata\ndata:\n\n",
    "empty data": b"data\n\ndata\ndata\n\ndata:\n\n",
    "comments": b": hello\n\ndata: a\n: within\ndata: b\n\n:\n\n",
    "no event": b"event: x\n\nid: 3\n\nretry: 5\n\n\n\n\n",
    "named": b"event: ping\ndata: {}\n\ndata: next\n\n",
    "named anew": b"event: a\nevent: b\nevent:\ndata: x\n\n",
    "id and retry": b"id: 7\nretry: 3000\ndata: a\n\nid\ndata: b\n\nid: a\0b\nretry: x\ndata: c\n\n",
    "CR": b"data: a\rdata: b\r\rdata: c\r\r",
    "CRLF": b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n",
    "mixed ends": b"data: a\n\r\ndata: b\r\n\ndata: c\r\n\rdata: d\n\r\n\r\r\n",
    "ends in CR": b"data: a\n\r",
    "mark": b"\xef\xbb\xbfdata: a\n\n",
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n",
    "half a mark": b"\xef\xbbdata: a\n\n",
    "mark only": b"\xef\xbb\xbf",
    "UTF-8": "data: Größe ☃ 😀\n\n".encode(),
    "unknown fields": b"datas: x\nDATA: y\nfoo\n data: z\ndata: a\n\n",
    "unfinished": b"data: a\n\ndata: b\ndata: c\n",
    "unfinished line": b"data: a\n\ndata: b",
    "colons": b"data: a:b: c\n:data: x\n\n",
    "nothing": b"",
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=list(STREAMS))
def test_any_cut_gives_the_events_of_the_standard(stream: bytes) -> None:
    """Line ends, comments, marks and characters may be cut anywhere."""
    whole = decoded([stream])

    assert reference(stream) == dispatched(whole)
    for parts in cuts(stream):
        assert whole == decoded(parts)


LINE = st.one_of(
    st.sampled_from([b"", b"data: a", b"data:b", b"data", b": c", b":", b"event: e", b"event:", b"id: 1", b"retry: 2"]),
    st.binary(max_size=6),
)
END = st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"])


@given(
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(st.tuples(LINE, END), max_size=12),
    st.lists(st.integers(0, 120), max_size=6),
)
def test_random_streams_give_the_events_of_the_standard(
    mark: bytes, lines: list[tuple[bytes, bytes]], at: list[int]
) -> None:
    """However they are made, and however they are cut."""
    stream = mark + b"".join(line + end for line, end in lines)
    edges = [0, *sorted(at), len(stream)]
    events = decoded(stream[a:b] for a, b in pairwise(edges))

    assert reference(stream) == dispatched(events)
    assert events == decoded([stream])
    # What is forwarded says the same, and says it without comments and in one kind of line end.
    forwarded = b"".join(event.raw for event in events)
    assert reference(b"\n" + forwarded) == dispatched(events)
    assert b"\r" not in forwarded
    assert not any(line.startswith(b":") for line in forwarded.split(b"\n"))


def test_an_event_is_forwarded_as_it_came() -> None:
    """All its lines in their order, the comments left out."""
    stream = b":c\nevent: x\ndata:  a\n:d\nid: 1\nfoo: bar\ndata: b\n\n"

    (event,) = decoded([stream])

    assert event == ServerEvent(b"event: x\ndata:  a\nid: 1\nfoo: bar\ndata: b\n\n", b" a\nb", b"x", b"1", None)


def test_ids_and_retries_are_read() -> None:
    """An id with a NUL and a retry that is no number are ignored; an absurd one too."""
    stream = b"id: 7\nretry: 3000\ndata: a\n\nid: x\0y\nretry: 1e3\ndata: b\n\nretry: " + b"9" * 5000 + b"\ndata: c\n\n"

    assert [(event.id, event.retry) for event in decoded([stream])] == [(b"7", 3000), (None, None), (None, None)]


@pytest.mark.parametrize("stream", [b"data: 12345\n\n", b"data: 1\ndata: 2\n\n", b"event: abcd\ndata: \n\n"])
def test_an_event_of_the_largest_size_passes_and_one_byte_more_fails(stream: bytes) -> None:
    """The bound counts the bytes of the event, its line ends included, in whatever parts they come."""
    first = b"data: a\n\n"
    for parts in cuts(first + stream + first):
        assert len(decoded(parts, len(stream))) == 3
        decoder = Decoder(len(stream) - 1)
        events = [event for part in parts for event in decoder.feed(part)]
        assert [event.data for event in events] == [b"a"]
        assert decoder.failure is not None
        assert decoder.failure.token == "http_response_body_size"


def test_an_event_without_end_fails_early() -> None:
    """Memory is bounded, not just events."""
    decoder = Decoder(1000)
    fed = 0
    while decoder.failure is None:
        decoder.feed(b"data: xxxxxxxx\n")
        fed += 1

    assert fed == 67
    assert decoder.feed(b"\n\ndata: a\n\n") == []


@pytest.mark.parametrize(("before", "events"), [(b"", 0), (b"data: a\n\n", 1)])
def test_a_large_beginning_fails_behind_the_events_before_it(before: bytes, events: int) -> None:
    """One read may bring all of it."""
    decoder = Decoder(1000)

    assert events == len(decoder.feed(before + b"data: " + b"x" * 1000))
    assert decoder.failure is not None


@pytest.mark.parametrize("start", [b"", b"data: a\n", b"\n"])
def test_comments_need_no_room(start: bytes) -> None:
    """A connection may be kept alive for hours by comments without an empty line between them."""
    decoder = Decoder(100)
    decoder.feed(start)
    for _ in range(1000):
        assert decoder.feed(b": still here\n") == []

    assert decoder.failure is None
    assert [b"a\nb" if b"a" in start else b"b"] == [event.data for event in decoder.feed(b"data: b\n\n")]
