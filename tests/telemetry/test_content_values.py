"""JSON becomes what OTLP has, whatever it is, and is bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracegate.telemetry.content_values import DEPTH, Room, elements, read_json, size_of, structured
from tracegate.telemetry.model import LogView, Structured
from tracegate.telemetry.otlp import Encoder, Envelope
from tracegate.telemetry.protobuf import any_value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":[1,null,true,"x"]}', {"a": [1, None, True, "x"]}),
        (rb'"\ud83d"', "\ud83d"),
        (b"[1E400,NaN]", None),
        (b"", None),
        (b"[DONE]", None),
        (b'"\xff"', None),
        (b"[" * 5000, None),
    ],
)
def test_json_is_read_leniently(data: bytes, value: object) -> None:
    """Half surrogate pairs and numbers of any size too; what is no JSON is nothing."""
    read = read_json(data)
    if data == b"[1E400,NaN]":
        assert str(read) == "[inf, nan]"
    else:
        assert read == value


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'[{"a" : 1}, "x",2]', [b'{"a" : 1}', b'"x"', b"2"]),
        (rb'["\ud83d",1]', [rb'"\ud83d"', b"1"]),
        (b"{}", []),
        (b"nonsense", []),
        (None, []),
    ],
)
def test_an_array_is_cut_into_the_text_of_its_elements(data: bytes | None, found: list[bytes]) -> None:
    """So that each can be read, or left, by itself."""
    got = elements(data)
    assert [bytes(element) for element in got] == found
    assert [size_of(element) for element in got] == [len(element) for element in found]


def nested(levels: int, inner: object) -> Any:
    """A list in a list, so many levels deep."""
    for _ in range(levels):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": {"b": [1, 2.5, None, False, "x"]}}, {"a": {"b": [1, 2.5, None, False, "x"]}}),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, "9223372036854775808"),
        ([-(2**70)], [str(-(2**70))]),
        ({"": 1, "é": 2}, '{"": 1, "é": 2}'),
        (nested(DEPTH, {"a": 1}), nested(DEPTH, '{"a": 1}')),
        (nested(DEPTH + 1, 1), nested(DEPTH, "[1]")),
        (nested(DEPTH, 1), nested(DEPTH, 1)),
    ],
)
def test_values_that_otlp_lacks_become_text(value: object, told: Structured) -> None:
    """Numbers beyond 64 bits, empty names, and what is nested too deeply for decoders."""
    assert structured(value) == told
    any_value(structured(value))


def test_the_deepest_structure_can_be_decoded() -> None:
    """Where it stands deepest: in a tool call of a message."""
    deep: Any = 1
    for _ in range(200):
        deep = {"k": deep}
    part = {"type": "tool_call", "name": "f", "arguments": structured(deep)}
    attributes: dict[str, Structured] = {"gen_ai.input.messages": [{"role": "assistant", "parts": [part]}]}
    view = LogView("e", 5, "DEBUG", 1, b"t" * 16, b"s" * 8, attributes)
    data = Envelope({"service.name": "x"}).wrap([Encoder().logs([view])])
    assert ExportLogsServiceRequest.FromString(data).ByteSize() == len(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_whatever_json_can_say_can_be_told(value: object) -> None:
    """Nothing a client writes makes an event that can't be encoded."""
    any_value(structured(read_json(json.dumps(value).encode())))


def test_a_room_takes_as_much_of_a_text_as_fits() -> None:
    """In whole characters, and counts the rest; nothing fits behind a cut."""
    room = Room(10)
    assert room.text("abcd") == "abcd"
    assert (room.left, room.cut) == (6, 0)
    assert room.text("ééééé") == "ééé"
    assert (room.left, room.cut) == (0, 4)
    assert room.text("x") == ""
    assert room.cut == 5
    room = Room(5)
    assert (room.text("a€€"), room.left, room.cut) == ("a€", 0, 3)


def test_a_room_takes_a_value_whole_or_not() -> None:
    """Counted as it will be encoded."""
    value = {"a": [1, 2]}
    size = len(any_value(value))
    room = Room(size + Room.PART)
    room.part()
    assert room.whole(value)
    assert (room.left, room.cut) == (0, 0)
    assert not room.whole("x")
    assert (room.left, room.cut) == (0, 3)


@given(st.lists(st.text(max_size=20), max_size=8), st.integers(0, 60))
def test_what_is_told_and_what_is_cut_make_the_whole(texts: list[str], most: int) -> None:
    """And no more is told than there was room for."""
    room = Room(most)
    told = [room.text(text) for text in texts]
    sizes = [len(text.encode("utf-8", "replace")) for text in texts]
    kept = [len(text.encode("utf-8", "replace")) for text in told]
    assert sum(kept) + room.cut == sum(sizes)
    assert sum(kept) <= most
    assert all(whole.startswith(part) for whole, part in zip(texts, told, strict=True))
