"""What was released is put aside, read late, and bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.telemetry.content_form import wrong_in
from tracegate.telemetry.content_answer import CHOICES, EVENT, TOGETHER, Said
from tracegate.telemetry.content_values import CUT, MOST, Room


def event(*choices: object, **more: object) -> bytes:
    """One event of a stream."""
    return b"data: " + json.dumps({"choices": choices, **more}).encode() + b"\n\n"


def delta(content: str, index: int = 0) -> dict[str, object]:
    """A choice that adds to its text."""
    return {"index": index, "delta": {"content": content}}


def streamed(*chunks: bytes) -> list[Any]:
    """The messages of a stream."""
    said = Said(stream=True)
    for chunk in chunks:
        said.add(chunk)
    return told(said)


def told(said: Said) -> list[Any]:
    """Its messages, which have the convention's form."""
    messages = said.messages()
    assert wrong_in(messages) == []
    return messages


def texts(messages: list[Any]) -> list[str]:
    """The one text of each message."""
    return [message["parts"][0]["content"] for message in messages]


def test_a_whole_answer_has_a_message_for_each_choice() -> None:
    """In their order; no finish reason, for that is the span's."""
    said = Said(stream=False)
    choices = [
        {"index": 1, "message": {"role": "assistant", "content": "two"}, "finish_reason": "stop"},
        {"index": 0, "message": {"role": "assistant", "content": "one"}, "finish_reason": "stop"},
        {"message": {"content": "by place"}},
        {"index": 3, "message": None},
        "none",
    ]
    said.add(json.dumps({"id": "x", "choices": choices}).encode())
    assert texts(told(said)) == ["one", "two", "by place"]


def test_a_stream_joins_what_belongs_together() -> None:
    """Role, empty and foreign events say nothing; choices may interleave."""
    messages = streamed(
        event({"index": 0, "delta": {"role": "assistant", "content": ""}}),
        event(delta("Hel"), delta("Sal", 1)) + event(delta("lo")),
        event(delta("ut", 1)) + b": a comment\n\ndata: nonsense\n\n",
        event({"index": 0, "delta": {}, "finish_reason": "stop"}) + event(usage={"prompt_tokens": 3}),
        b'data: {"error":{"message":"planted"}}\n\ndata: [DONE]\n\n',
    )
    assert texts(messages) == ["Hello", "Salut"]
    assert all(message["role"] == "assistant" for message in messages)


def test_chunks_may_be_cut_anywhere() -> None:
    """A dialect of somebody else's may hand on whatever it likes."""
    data = event(delta("Hello")) + event(delta(" wörld"))
    for at in range(1, len(data)):
        assert texts(streamed(data[:at], data[at:])) == ["Hello wörld"]


def test_nothing_released_is_no_message() -> None:
    """Neither of an answer nor of a stream."""
    assert streamed() == []
    assert streamed(event()) == []
    assert told(Said(stream=False)) == []
    odd = Said(stream=False)
    odd.add(b"[1]")
    assert told(odd) == []


def test_what_is_held_of_a_stream_is_its_text() -> None:
    """Events around it are forgotten whenever enough have come together."""
    said = Said(stream=True)
    chunk = event(delta("word "), id="chatcmpl-0123456789", model="m", system_fingerprint="f" * 200)
    count = 10 * TOGETHER // len(chunk)
    held = []
    for _ in range(count):
        said.add(chunk)
        held.append(said.held)
    assert max(held) < TOGETHER + len(chunk) + 5 * count + 100
    assert texts(told(said)) == ["word " * count]


def test_a_long_answer_is_cut_and_says_so() -> None:
    """Where its bound is; however long it goes on, no more is held."""
    said = Said(stream=True)
    for _ in range(12):
        said.add(event(delta("x" * 100_000)))
    assert said.held < MOST + TOGETHER + 200_000
    (message,) = told(said)
    length = len(message["parts"][0]["content"])
    assert (length, message[CUT]) == (MOST - Room.PART, 1_200_000 - MOST + Room.PART)


def test_a_whole_answer_is_cut_the_same_way() -> None:
    """Its second choice finds no room."""
    said = Said(stream=False)
    choices = [{"index": n, "message": {"content": f"{n}" * MOST}} for n in range(2)]
    said.add(json.dumps({"choices": choices}).encode())
    assert said.held > 2 * MOST
    first, second = told(said)
    assert first["parts"][0]["content"] == "0" * MOST
    assert second == {"role": "assistant", "parts": [], CUT: MOST}


def test_an_event_beyond_all_measure_ends_what_is_read() -> None:
    """Dialects let none through; what comes from one that does is cut."""
    said = Said(stream=True)
    said.add(event(delta("before")))
    said.add(b"data: " + b"x" * EVENT)
    said.add(b"y" * TOGETHER)
    (message,) = told(said)
    assert message["parts"][0]["content"] == "before"
    assert message[CUT] > EVENT
    nothing = Said(stream=True)
    nothing.add(b"data: " + b"x" * EVENT)
    assert told(nothing) == []


def test_choices_are_bounded() -> None:
    """A provider that invents them fills no memory."""
    assert len(streamed(*(event(delta("x", n)) for n in range(CHOICES + 9)))) == CHOICES


def test_a_fault_is_raised_where_it_is_told_never_where_it_passes() -> None:
    """The answer goes on whatever a third party's dialect hands over."""
    said = Said(stream=True)
    wrong: Any = "x" * TOGETHER  # a dialect ought to give bytes
    said.add(wrong)
    said.add(event(delta("later")))
    assert said.held < TOGETHER
    with pytest.raises(TypeError):
        said.messages()
