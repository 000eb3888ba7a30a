"""What a sink has of the audit log, from lines of JSON: each leaf with the place where it stands.

Three forms are known, and may stand beside each other: OTLP JSON as the Collector's file exporter writes it, what
`audit export` writes, and what VictoriaLogs answers. A line that was cut by a crash is told of, and what was written
behind it on the same line is read. Log records that are no leaves are passed over.
Source: opentelemetry-proto 1.x, JSON form of `logs.proto`; section 12 of the audit formats.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

EVENT = "tracegate.audit.v1"
LOG, INDEX = "tracegate.audit.log", "audit.sequence.number"

_BEGIN = '{"resourceLogs":'  # inside a text of JSON its quotes would be escaped
_reading = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Found:
    """A leaf at a sink: whose it says it is, its bytes, and where it stands."""

    log: str
    index: int
    raw: bytes
    place: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Something at a sink that can't be read, and why."""

    place: str
    why: str


def read_lines(lines: Iterable[bytes], name: str) -> Iterator[Found | Unread]:
    """What stands in the lines of a file or an answer; `name` is its name, for places."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield from _line(line.decode("utf-8", "replace"), f"{name}:{number}")


def _line(text: str, place: str) -> Iterator[Found | Unread]:
    try:
        yield from _object(json.loads(text), place)
        return
    except ValueError as exc:
        yield Unread(place, f"not JSON: {exc}")
    at = text.find(_BEGIN)
    while at >= 0:
        try:
            value, end = _reading.raw_decode(text, at)
            yield from _object(value, place)
        except ValueError:
            end = at + 1
        at = text.find(_BEGIN, end)


def _object(value: Any, place: str) -> Iterator[Found | Unread]:
    match value:
        case {"resourceLogs": list(resources)}:
            for record in _records(resources):
                yield from _leaf(record, place)
        case {"log": str(log), "index": int(index), "leaf": str(leaf)}:
            yield Found(log, index, _bytes(leaf), place)
        case {"_msg": str(leaf), "event_name": "tracegate.audit.v1"}:
            yield _found(value.get(LOG), value.get(INDEX), leaf, place)
        case {"_msg": str()}:
            pass
        case _:
            yield Unread(place, "neither OTLP logs, nor a leaf of `audit export`, nor a record of VictoriaLogs")


def _records(resources: Iterable[Any]) -> Iterator[Any]:
    for resource in resources:
        for scope in resource.get("scopeLogs", ()):
            yield from scope.get("logRecords", ())


def _leaf(record: Mapping[str, Any], place: str) -> Iterator[Found | Unread]:
    if record.get("eventName") == EVENT:
        told = {one.get("key"): one.get("value", {}) for one in record.get("attributes", ())}
        log, index = told.get(LOG, {}).get("stringValue"), told.get(INDEX, {}).get("intValue")
        yield _found(log, index, record.get("body", {}).get("stringValue"), place)


def _found(log: object, index: object, leaf: object, place: str) -> Found | Unread:
    if isinstance(log, str) and isinstance(leaf, str) and isinstance(index, str | int) and str(index).isdecimal():
        return Found(log, int(index), _bytes(leaf), place)
    return Unread(place, f"a leaf without `{LOG}`, `{INDEX}` or a text as its body")


def _bytes(leaf: str) -> bytes:
    return leaf.encode("utf-8", "surrogatepass")  # what no leaf can hold is altered, not unreadable
