"""The texts of an answer, from its bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.vectors import BODY, SSE
from tracegate.audit.content import CHOICES, StreamTexts, events, texts_of_body, texts_of_stream
from tracegate.dialects.openai_stream import StreamReader
from tracegate.events import Chunk
from tracegate.facts import Answer


def _event(*choices: object) -> bytes:
    return b"data: " + json.dumps({"choices": choices}).encode() + b"\n\n"


def test_the_texts_of_the_vectors() -> None:
    """A body's as it came; a stream's deltas joined."""
    assert texts_of_body(BODY) == {0: "Paris.\r\n"}
    assert texts_of_stream(SSE) == {0: "Paris."}


def test_choices_are_told_apart_by_their_index() -> None:
    """In whatever order they come."""
    stream = b"".join(
        _event({"index": index, "delta": {"content": text}}) for index, text in ((1, "a"), (0, "b"), (1, "c"))
    )
    assert texts_of_stream(stream) == {1: "ac", 0: "b"}
    choices = [{"index": 1, "message": {"content": "x"}}, {"index": 0, "message": {"content": None}}]
    assert texts_of_body(json.dumps({"choices": choices}).encode()) == {1: "x", 0: None}


def test_a_choice_without_an_index_has_its_position() -> None:
    """Also where the index is no count."""
    choices = [{"message": {"content": "a"}}, {"index": True, "message": {"content": "b"}}, {"index": -1}]
    assert texts_of_body(json.dumps({"choices": choices}).encode()) == {0: "a", 1: "b"}


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"choices":{}}', b'{"choices":[1]}', b"[" * 100_000])
def test_what_can_not_be_read_has_no_text(body: bytes) -> None:
    """No body is refused for it."""
    assert texts_of_body(body) == {}
    assert texts_of_stream(b"data: " + body + b"\n\n") == {}


def test_deltas_without_a_text_add_none() -> None:
    """Roles, tool calls and the usage chunk."""
    stream = _event({"delta": {"role": "assistant"}}) + _event({"delta": None}) + _event() + b"data: [DONE]\n\n"
    assert texts_of_stream(stream) == {}


def test_events_are_split_at_every_line_end() -> None:
    """Comments and other fields are no data; an event that is not finished is none."""
    stream = b": keep-alive\n\ndata: a\r\ndata:b\r\n\r\nevent: x\rdata: c\r\rdata: cut"
    assert list(events(stream)) == ["a\nb", "c"]


def test_of_very_many_choices_the_first_have_a_text() -> None:
    """A provider that invents indices can't make a leaf too long."""
    choices = [
        {"index": index, "message": {"content": "a"}, "delta": {"content": "b"}} for index in (CHOICES - 1, CHOICES)
    ]
    assert texts_of_body(json.dumps({"choices": choices}).encode()) == {CHOICES - 1: "a"}
    assert texts_of_stream(_event(*choices)) == {CHOICES - 1: "b"}


CHOICE = b'{"index":0,"delta":{"content":"%s"}}'
PIECES = [
    b'data: {"choices":[%s]}\n\n' % (CHOICE % b"quick"),
    b'data: {"choices":[%s]}\n\n' % (CHOICE % b"\\ud83d"),
    b'data: {"choices":[%s]}\n\n' % (CHOICE % b"\xff"),
    b'data:{"choices":[%s]}\n\n' % (CHOICE % b"no blank"),
    b'\n\ndata: {"choices":[%s]}\n\n\n' % (CHOICE % b"blank lines"),
    b'data: {"choices":[\ndata: %s]}\n\n' % (CHOICE % b"two lines"),
    b'event: x\r\ndata: {"choices":[%s]}\r\n\r\n' % (CHOICE % b"carriage returns"),
    b'\xef\xbb\xbfdata: {"choices":[%s]}\n\n' % (CHOICE % b"a mark of order"),
    b'data: {"choices":[%s,7]}\n\n' % (CHOICE % b"no choice"),
    b'data: {"n":NaN,"choices":[%s]}\n\n' % (CHOICE % b"no number"),
    b'data: {"choices":[{"index":1.5,"delta":{"content":"a fraction"}},{"delta":{"content":7}},{"delta":[]}]}\n\n',
    b'data: {"choices":[],"choices":[%s]}\n\n' % (CHOICE % b"twice"),
    b'data: {"error":{"message":"broke"}}\n\n: keep-alive\n\ndata: [DONE]\n\n',
    b'data: {"choices":null}\n\ndata: {"choices":[{"index":0,"delta":null},{"index":0,"finish_reason":"stop"}]}\n\n',
    b"data: " + b"[" * 2000 + b"\n\n",
]


def _leniently(stream: bytes) -> dict[int, str]:
    """The same by the lenient reader alone, which knows no short way."""
    parts: dict[int, str] = {}
    for data in events(stream):
        try:
            choices = json.loads(data)["choices"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        known = [choice for choice in choices or () if isinstance(choice, dict)]
        for position, choice in enumerate(known):
            delta, index = choice.get("delta"), choice.get("index")
            if isinstance(delta, dict) and isinstance(text := delta.get("content"), str):
                place = index if type(index) is int and index >= 0 else position
                parts[place] = parts.get(place, "") + text
    return parts


@given(st.lists(st.sampled_from(PIECES)))
def test_a_stream_read_in_pieces_has_the_texts_of_the_whole(pieces: list[bytes]) -> None:
    """Those that a verifier finds in the capture, however odd its events are."""
    stream = StreamTexts()
    for piece in pieces:
        stream.feed(piece)
    assert stream.joined() == texts_of_stream(b"".join(pieces)) == _leniently(b"".join(pieces))


DELTAS = (
    '{"content":"a"}',
    '{"content":""}',
    '{"content":"\\u00e9","role":"assistant"}',
    '{"content":"a","content":"b"}',
    '{"content":["x"],"refusal":"no"}',
    '{"content":null,"tool_calls":[{}]}',
    '{"tool_calls":[{}]}',
    '{"content":"\\ud83d"}',
    '{"content":7}',
    "{}",
)
INDEXES = (
    "",
    '"index":0,',
    '"index":1,',
    '"index":-1,',
    '"index":200,',
    '"index":1.0,',
    '"index":true,',
    '"index":null,',
)


@given(st.lists(st.tuples(st.sampled_from(INDEXES), st.sampled_from(DELTAS)), min_size=1, max_size=6))
def test_what_a_dialect_decoded_has_the_texts_that_are_found_here(choices: list[tuple[str, str]]) -> None:
    """Each event need not be decoded twice (ruling 40)."""
    first = [(index, '{"content":"x"}') for index in INDEXES]
    reader = StreamReader(Answer(), 200, 1 << 20, choices=1, hide_usage=True, skip_malformed=True)
    for read in (first, choices):
        events = "".join(f'data: {{"id":"1","choices":[{{{index}"delta":{delta}}}]}}\n\n' for index, delta in read)
        for event in reader.feed(events.encode()):
            assert isinstance(event, Chunk)
            if event.texts is not None:
                found, taken = StreamTexts(), StreamTexts()
                found.feed(event.data)
                taken.take(event.texts)
                assert found.joined() == taken.joined()


def test_the_usual_events_of_a_stream_are_decoded_once() -> None:
    """Those that do nothing but go on with the answer."""
    reader = StreamReader(Answer(), 200, 1 << 20, choices=1, hide_usage=True, skip_malformed=True)
    event = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
    told = [chunk for _ in range(2) for chunk in reader.feed(event * 2)]
    assert [chunk.texts for chunk in told if isinstance(chunk, Chunk)] == [None, [(0, "a"), (0, "a")]]
