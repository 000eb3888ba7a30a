"""Log events as VictoriaLogs gives them back, in the form in which our own receiver keeps those that were sent.

What VictoriaLogs does not keep: the number of the severity, the time of observation, schema URLs, the types of
attributes, and whether an attribute was the record's or the resource's. A record without a body gets a text of its own.
`as_kept` takes the same away from a record that was sent, so that the rest can be compared whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from tests.stores.stored_metrics import texts
from tracegate.testing.otlp.signals import LogRecord, Origin

BODILESS = "missing _msg field; see https://docs.victoriametrics.com/victorialogs/keyconcepts/#message-field"
_OWN = {"_msg", "_time", "_stream", "_stream_id", "event_name", "severity", "trace_id", "span_id"} | {
    "scope.name",
    "scope.version",
}


def logs(records: Sequence[Mapping[str, str]]) -> list[LogRecord]:
    """The records of what `VictoriaLogs.query` returned."""
    return [
        LogRecord(
            name=one["event_name"],
            severity=0,
            severity_text=one["severity"],
            time=_nanoseconds(one["_time"]),
            observed=0,
            trace=bytes.fromhex(one.get("trace_id", "")),
            span=bytes.fromhex(one.get("span_id", "")),
            body=None if one["_msg"] == BODILESS else one["_msg"],
            attributes={name: value for name, value in one.items() if name not in _OWN},
            origin=Origin({}, one["scope.name"], one["scope.version"]),
        )
        for one in records
    ]


def as_kept(log: LogRecord) -> LogRecord:
    """A record that was sent, without what VictoriaLogs does not keep."""
    return replace(
        log,
        severity=0,
        observed=0,
        attributes=texts({**log.origin.resource, **log.attributes}),
        origin=replace(log.origin, resource={}, schema_url=""),
    )


def ordered(some: Iterable[LogRecord]) -> list[LogRecord]:
    """Records by time, to be compared."""
    return sorted(some, key=lambda log: (log.time, log.trace, log.span, log.name))


def _nanoseconds(text: str) -> int:
    """UTC nanoseconds of RFC 3339 with up to nine digits after the point."""
    whole, _, part = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()) * 10**9 + int(part.ljust(9, "0"))
