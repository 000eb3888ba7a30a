"""Leaves are found in what a Collector's file, an export and a VictoriaLogs hold; what can't be read is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracegate.audit.sinks import Found, Unread, read_lines

LEAF = '{"log":"gw.example/a","n":"ä"}'


def record(index: Any = "7", log: Any = "gw.example/a", body: Any = LEAF, event: str = "tracegate.audit.v1") -> Any:
    """A log record as the file exporter writes it."""
    attributes = [
        {"key": "audit.sequence.number", "value": {"intValue": index}},
        {"key": "tracegate.audit.log", "value": {"stringValue": log}},
    ]
    return {"timeUnixNano": "1", "body": {"stringValue": body}, "attributes": attributes, "eventName": event}


def otlp(*records: Any) -> str:
    """A line of the file exporter."""
    scopes = [{"scope": {}, "logRecords": list(records)}]
    return json.dumps({"resourceLogs": [{"resource": {}}, {"scopeLogs": scopes}]}, separators=(",", ":"))


def read(*lines: str) -> list[Found | Unread]:
    """What is found in lines."""
    return list(read_lines([line.encode() + b"\n" for line in lines], "f"))


def found(index: int = 7, place: str = "f:1") -> Found:
    """The leaf of these tests."""
    return Found("gw.example/a", index, LEAF.encode(), place)


def test_leaves_of_a_file_exporter_are_found() -> None:
    """All of a line; other log records and empty lines are passed over."""
    lines = (otlp(record(), record(8), record(event="another")), "", otlp(record("9")))
    assert read(*lines) == [found(), found(8), found(9, "f:3")]


def test_leaves_of_an_export_are_found() -> None:
    """A leaf a line."""
    assert read(json.dumps({"log": "gw.example/a", "index": 7, "hash": "0", "leaf": LEAF})) == [found()]


def test_leaves_of_a_victorialogs_are_found() -> None:
    """All its values are texts; other records are passed over."""
    line = {"_msg": LEAF, "event_name": "tracegate.audit.v1", "tracegate.audit.log": "gw.example/a"}
    number = {"audit.sequence.number": "7"}
    assert read(json.dumps(line | number), json.dumps({"_msg": "hello", "event_name": "other"})) == [found()]


@pytest.mark.parametrize("records", [1, 2])
def test_what_was_cut_by_a_crash_is_told_and_the_rest_of_the_line_is_read(records: int) -> None:
    """A writer that begins again goes on behind what its last life left."""
    whole = otlp(*(record(index) for index in range(records)))
    for end in (1, 20, len(whole) // 2, len(whole) - 1):
        first, *rest = read(whole[:end] + whole, whole)
        assert isinstance(first, Unread)
        assert (first.place, first.why.startswith("not JSON: ")) == ("f:1", True)
        here = [found(index) for index in range(records)]
        assert rest == [*here, *(found(one.index, "f:2") for one in here)]


def test_a_last_line_that_is_cut_is_told() -> None:
    """Nothing in it is believed, not what seems whole."""
    (told,) = read(otlp(record())[:-9])
    assert isinstance(told, Unread)


@pytest.mark.parametrize("line", ["[]", "7", '{"resourceLogs":{}}', '{"log":"x","index":"1","leaf":"y"}', "{}"])
def test_what_has_no_known_form_is_told(line: str) -> None:
    """It might have held a leaf."""
    (told,) = read(line)
    assert told == Unread("f:1", "neither OTLP logs, nor a leaf of `audit export`, nor a record of VictoriaLogs")


@pytest.mark.parametrize(
    "changed",
    [
        {"index": None},
        {"index": "-1"},
        {"index": 1.5},
        {"index": "x"},
        {"log": None},
        {"body": None},
        {"body": {"a": 1}},
    ],
)
def test_a_leaf_that_does_not_say_which_is_told(changed: dict[str, Any]) -> None:
    """Or whose body is no text any more."""
    (told,) = read(otlp(record(**changed)))
    assert told == Unread("f:1", "a leaf without `tracegate.audit.log`, `audit.sequence.number` or a text as its body")


def test_a_leaf_without_attributes_or_a_body_is_told() -> None:
    """As whatever stripped them left it."""
    (told,) = read(otlp({"eventName": "tracegate.audit.v1"}))
    assert isinstance(told, Unread)


def test_a_body_that_no_leaf_can_have_is_not_lost() -> None:
    """It will be another than in the log."""
    (got,) = read(json.dumps({"log": "a", "index": 0, "leaf": "\ud800"}))
    assert got == Found("a", 0, b"\xed\xa0\x80", "f:1")
