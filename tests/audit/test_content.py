"""The texts of an answer, from its bytes."""

from __future__ import annotations

import json

import pytest

from tests.audit.vectors import BODY, SSE
from tracegate.audit.content import events, texts_of_body, texts_of_stream


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
