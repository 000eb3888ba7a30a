"""JSON of clients and providers as values of a log event, and how much of it there is room for.

Nothing here knows what a message is. JSON is read as leniently as the gateway passes it on (ruling 57); what can't be
read is absent. Numbers beyond 64 bits become texts, for OTLP has no others.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tracegate.dialects.openai_shape import lenient
from tracegate.telemetry.model import Structured
from tracegate.telemetry.protobuf import any_value

MOST = 1_000_000
"""Bytes that are told of the messages of one prompt, about; likewise of its instructions, of its tools, of one answer.

Ours: four times this is still below the 4 MiB that a gRPC server takes unless it is told otherwise."""

DEPTH = 16
"""Levels of JSON that become structure; what lies deeper is told as JSON text. A level is three nested messages of
protobuf, at most sixteen stand around it, and decoders stop at 100. Source: protobuf, `CodedInputStream`."""

CUT = "tracegate.cut_bytes"
"""Member of what was cut: how many bytes of it, and of what was left out before or behind it, are missing."""

_value = msgspec.json.Decoder().decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_json(data: msgspec.Raw | bytes) -> Any:
    """The value of JSON text; `None` where it is none."""
    try:
        return _value(data)
    except _UNDECODABLE:
        try:
            return lenient(bytes(data))
        except ValueError:
            return None


def elements(data: msgspec.Raw | bytes | None) -> list[msgspec.Raw | bytes]:
    """The JSON text of each element of an array, none where it is no array: they are read one by one, as far as
    there is room.
    """
    if data is None:
        return []
    try:
        return [*_raws(data)]
    except _UNDECODABLE:
        value = read_json(data)
        return [json.dumps(item).encode() for item in value] if isinstance(value, list) else []


def size_of(data: msgspec.Raw | bytes) -> int:
    """Bytes of JSON text."""
    return memoryview(data).nbytes


def structured(value: Any, depth: int = DEPTH) -> Structured:
    """A JSON value as one that OTLP has."""
    if isinstance(value, dict):
        if depth and "" not in value:  # no attribute has an empty name
            return {key: structured(item, depth - 1) for key, item in value.items()}
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return [structured(item, depth - 1) for item in value] if depth else json.dumps(value, ensure_ascii=False)
    if value.__class__ is int and not -(2**63) <= value < 2**63:
        return str(value)
    told: Structured = value
    return told


class Room:
    """Bytes that may still be told, and how many did not fit.

    Args:
        left: Bytes of text in UTF-8; parts count a little more (`PART`).
    """

    PART = 32

    __slots__ = ("cut", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.cut = 0

    def text(self, text: str) -> str:
        """As much of a text as fits."""
        data = text.encode("utf-8", "replace")
        if len(data) <= self.left:
            self.left -= len(data)
            return text
        fits = data[: max(self.left, 0)].decode("utf-8", "ignore")
        self.cut += len(data) - len(fits.encode())
        self.left = 0
        return fits

    def whole(self, value: Structured) -> bool:
        """Whether a value fits, of which a part would mean nothing."""
        size = len(any_value(value))
        if size > self.left:
            self.cut += size
            return False
        self.left -= size
        return True

    def part(self) -> None:
        """Another part was begun."""
        self.left -= self.PART
