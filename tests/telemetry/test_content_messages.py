"""Messages of OpenAI's form take the convention's, said at once or in pieces."""

from __future__ import annotations

from typing import Any

import pytest

from tests.telemetry.content_form import wrong_in
from tracegate.telemetry.content_messages import Message, message_of
from tracegate.telemetry.content_values import CUT, Room
from tracegate.telemetry.protobuf import any_value

ALL = 1_000_000


def told(said: dict[str, Any], left: int = ALL) -> dict[str, Any]:
    """One whole message, told."""
    return dict(message_of(said, Room(left)).told())


def text(content: str) -> dict[str, str]:
    """A part of text."""
    return {"type": "text", "content": content}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"role": "system", "content": "Be kind."}, {"role": "system", "parts": [text("Be kind.")]}),
        (
            {"role": "user", "name": "ada", "content": "hi"},
            {"role": "user", "name": "ada", "parts": [text("hi")]},
        ),
        (
            {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "developer", "parts": [text("a"), text("b")]},
        ),
        (
            {
                "role": "user",
                "content": [
                    "bare",
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                    7,
                ],
            },
            {
                "role": "user",
                "parts": [
                    text("bare"),
                    text("What is this?"),
                    {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
                    {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"},
                ],
            },
        ),
        (
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "think",
                "reasoning": "think",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"city":"Paris","n":null}'},
                    },
                    {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "not JSON"}},
                    {"id": "c3", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
                    {"id": "c4", "type": "function", "function": {"name": "h", "arguments": {"given": 1}}},
                    {"id": "c5", "type": "function", "function": {"name": "i"}},
                    {"id": 6, "type": "function", "function": "j"},
                    "none",
                ],
            },
            {
                "role": "assistant",
                "parts": [
                    {"type": "reasoning", "content": "think"},
                    {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"city": "Paris", "n": None}},
                    {"type": "tool_call", "id": "c2", "name": "g", "arguments": "not JSON"},
                    {"type": "tool_call", "id": "c3", "name": "sql", "arguments": "select 1"},
                    {"type": "tool_call", "id": "c4", "name": "h", "arguments": {"given": 1}},
                    {"type": "tool_call", "id": "c5", "name": "i"},
                    {"type": "tool_call", "name": ""},
                ],
            },
        ),
        (
            {"role": "assistant", "refusal": "I can't.", "content": [{"type": "refusal", "refusal": "No."}]},
            {
                "role": "assistant",
                "parts": [{"type": "refusal", "content": "No."}, {"type": "refusal", "content": "I can't."}],
            },
        ),
        (
            {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "[1]"}},
            {"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": [1]}]},
        ),
        (
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}, "?"]},
                    {"type": "text", "text": "so"},
                ],
            },
            {"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}, text("so")]},
        ),
        (
            {
                "role": "assistant",
                "content": "see",
                "images": [{"type": "image_url", "image_url": {"url": "data:image/webp;base64,BBBB"}}],
            },
            {
                "role": "assistant",
                "parts": [
                    text("see"),
                    {"type": "blob", "modality": "image", "mime_type": "image/webp", "content": "BBBB"},
                ],
            },
        ),
        (
            {"role": "assistant", "audio": {"id": "audio_1"}},
            {"role": "assistant", "parts": [{"type": "file", "modality": "audio", "file_id": "audio_1"}]},
        ),
        (
            {"role": "assistant", "audio": {"id": "audio_2", "data": "AAAA", "transcript": "hello"}},
            {
                "role": "assistant",
                "parts": [{"type": "file", "modality": "audio", "file_id": "audio_2", "transcript": "hello"}],
                CUT: 4,
            },
        ),
        (
            {"role": "user", "content": [{"type": "hologram", "depth": 3, "": 1, "of": {"a": 2**70}}, {"text": "?"}]},
            {
                "role": "user",
                "parts": [
                    {"type": "hologram", "depth": 3, "of": {"a": str(2**70)}},
                    {"type": "unknown", "text": "?"},
                ],
            },
        ),
        (
            {"role": "tool", "tool_call_id": "c1", "content": "21 °C"},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "21 °C"}]},
        ),
        (
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "a"}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": [text("a")]}]},
        ),
        (
            {"role": "function", "name": "f", "content": None},
            {"role": "function", "name": "f", "parts": [{"type": "tool_call_response", "response": []}]},
        ),
        ({"content": 5}, {"role": "user", "parts": []}),
    ],
)
def test_a_whole_message_takes_the_conventions_form(said: dict[str, Any], expected: dict[str, Any]) -> None:
    """Every role and part; what has no part in the convention keeps its own type."""
    message = told(said)
    assert message == expected
    assert wrong_in([message]) == []
    any_value(message)


def said_in(*pieces: dict[str, Any], left: int = ALL) -> dict[str, Any]:
    """A message that came in pieces."""
    message, room = Message(pieces=True), Room(left)
    for piece in pieces:
        message.add(piece, room)
    assert wrong_in([message.told()]) == []
    return dict(message.told())


def test_pieces_of_text_join_as_long_as_they_are_of_one_kind() -> None:
    """In the order in which they came."""
    message = said_in(
        {"role": "assistant", "content": ""},
        {"reasoning": "th"},
        {"reasoning": "ink"},
        {"content": "Hel"},
        {"content": "lo"},
        {"content": [{"type": "text", "text": "!"}]},
        {"refusal": "n"},
        {"refusal": "o"},
    )
    assert message["parts"] == [
        {"type": "reasoning", "content": "think"},
        text("Hello!"),
        {"type": "refusal", "content": "no"},
    ]


def test_tool_calls_in_pieces_join_by_their_index() -> None:
    """However they interleave; id and name are those that came first."""
    message = said_in(
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "id": "other", "function": {"name": "other", "arguments": ": 1}"}}]},
    )
    assert message["parts"] == [
        {"type": "tool_call", "id": "a", "name": "f", "arguments": {"x": 1}},
        {"type": "tool_call", "id": "b", "name": "g", "arguments": {}},
    ]


def test_tool_calls_without_index_join_by_their_id() -> None:
    """A piece without id belongs to the last; another id begins another call."""
    message = said_in(
        {"content": "let me"},
        {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "[1"}}]},
        {"tool_calls": [{"function": {"arguments": ",2"}}]},
        {"tool_calls": [{"id": "a", "function": {"arguments": "]"}}]},
        {"tool_calls": [{"id": "b", "function": {"name": "g", "arguments": "[]"}}]},
    )
    assert message["parts"] == [
        text("let me"),
        {"type": "tool_call", "id": "a", "name": "f", "arguments": [1, 2]},
        {"type": "tool_call", "id": "b", "name": "g", "arguments": []},
    ]
    whole = said_in({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}, {"tool_calls": [{}]})
    assert whole["parts"] == [{"type": "tool_call", "name": "f", "arguments": {"a": 1}}]
    first = said_in({"function_call": {"name": "f"}}, {"function_call": {"arguments": "[]"}})
    assert first["parts"] == [{"type": "tool_call", "name": "f", "arguments": []}]


def test_spoken_pieces_join_and_the_sound_is_cut() -> None:
    """Id and transcript are told; how much sound there was is counted."""
    message = said_in(
        {"audio": {"id": "audio_1"}},
        {"audio": {"transcript": "hel"}},
        {"audio": {"data": "AAAA", "transcript": "lo"}},
        {"audio": {"data": "BB"}},
    )
    part = {"type": "file", "modality": "audio", "file_id": "audio_1", "transcript": "hello"}
    assert message == {"role": "assistant", "parts": [part], CUT: 6}
    assert said_in({"audio": {"transcript": "x"}})["parts"][0]["file_id"] == ""


def test_a_text_is_cut_where_the_room_ends() -> None:
    """And how much is missing stands on the message; parts that would be empty are not begun."""
    message = told({"role": "user", "content": [{"type": "text", "text": "abcd" * 10}, "more"]}, left=30)
    assert message == {"role": "user", "parts": [text(("abcd" * 10)[:30])], CUT: 14}
    pieces = said_in({"content": "ab"}, {"content": "cd"}, {"content": "ef"}, left=3 + Room.PART)
    assert pieces == {"role": "assistant", "parts": [text("abc")], CUT: 3}


def test_cut_arguments_stay_text() -> None:
    """For half of a structure is none; calls for which there is no room at all are counted."""
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"city":"Paris"}'}}
    message = said_in({"tool_calls": [call]}, left=7 + Room.PART)
    assert message["parts"] == [{"type": "tool_call", "id": "a", "name": "f", "arguments": '{"city"'}]
    assert message[CUT] == 9
    none = said_in(
        {"tool_calls": [call, {"index": 1, "function": {"arguments": "1234"}}, {"index": 2, "function": {}}]},
        left=7 + Room.PART,
    )
    assert (len(none["parts"]), none[CUT]) == (1, 13)
    given = said_in({"tool_calls": [{"function": {"name": "f", "arguments": {"a": "x" * 90}}}]}, left=60)
    assert given["parts"] == [{"type": "tool_call", "name": "f"}]
    assert given[CUT] > 90


def test_media_are_told_whole_or_without_their_data() -> None:
    """Half a picture is none; its kind is told all the same, where there is room for that."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 500}}
    message = told({"role": "user", "content": [picture, {"type": "text", "text": "What is it?"}]}, left=300)
    assert message == {
        "role": "user",
        "parts": [
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": ""},
            text("What is it?"),
        ],
        CUT: 500,
    }
    nothing = told({"role": "user", "content": [picture, {"type": "hologram", "of": "x" * 99}]}, left=20)
    assert nothing["parts"] == []
    assert nothing[CUT] > 500 + 99


def test_a_response_is_cut_like_any_text() -> None:
    """In either form."""
    said = {"role": "tool", "tool_call_id": "c", "content": "x" * 50}
    assert told(said, left=10)["parts"] == [{"type": "tool_call_response", "id": "c", "response": "x" * 10}]
    assert told(said, left=10)[CUT] == 40
    listed = told({"role": "tool", "content": [{"type": "text", "text": "y" * 50}]}, left=10)
    assert (listed["parts"][0]["response"], listed[CUT]) == ([text("y" * 10)], 40)


def test_half_a_surrogate_pair_is_no_obstacle() -> None:
    """In texts and in arguments, as providers send them."""
    message = told(
        {
            "role": "assistant",
            "content": "\ud83d",
            "tool_calls": [{"function": {"name": "f", "arguments": '["\ud83d"]'}}],
        }
    )
    assert b"\xef\xbf\xbd" in any_value(message)
