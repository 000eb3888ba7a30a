"""Spans as Jaeger gives them back, read into the form in which the receiver keeps those that were sent.

Jaeger 1.62 keeps a list attribute as the text of its JSON; those that the registry calls lists are read back as such.
What it does not keep at all is absent here: flags, schema URLs, attributes of a scope, all of a link but its ids.
Source: `ExportTraceServiceRequest` in OTLP's JSON encoding, as Jaeger's v3 HTTP interface answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from tracegate.telemetry import registry
from tracegate.telemetry.model import Link
from tracegate.testing.otlp.signals import KINDS, STATUS, Origin, Span, SpanEvent

Json = Mapping[str, Any]


def spans_of(resources: Sequence[Json]) -> list[Span]:
    """The spans of what `Jaeger.trace` returned, by their start."""
    found = [
        _span(span, _origin(resource, scope))
        for resource in resources
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    return sorted(found, key=lambda span: (span.start, span.span))


def _span(told: Json, origin: Origin) -> Span:
    status = told.get("status", {})
    return Span(
        name=told["name"],
        kind=cast(Any, KINDS[told["kind"]]),
        trace=bytes.fromhex(told["traceId"]),
        span=bytes.fromhex(told["spanId"]),
        parent=bytes.fromhex(told.get("parentSpanId", "")),
        start=int(told["startTimeUnixNano"]),
        end=int(told["endTimeUnixNano"]),
        attributes=_attributes(told),
        status=cast(Any, STATUS[status.get("code", 0)]),
        description=status.get("message", ""),
        links=tuple(Link(bytes.fromhex(one["traceId"]), bytes.fromhex(one["spanId"])) for one in told.get("links", ())),
        events=tuple(
            SpanEvent(one["name"], int(one["timeUnixNano"]), _attributes(one)) for one in told.get("events", ())
        ),
        tracestate=told.get("traceState", ""),
        origin=origin,
    )


def _origin(resource: Json, scope: Json) -> Origin:
    named = scope.get("scope", {})
    return Origin(_attributes(resource.get("resource", {})), named.get("name", ""), named.get("version", ""))


def _attributes(holder: Json) -> dict[str, object]:
    return {one["key"]: _value(one["key"], one["value"]) for one in holder.get("attributes", ())}


def _value(name: str, told: Json) -> object:
    ((kind, value),) = told.items()
    if kind == "stringValue" and name in _lists():
        return tuple(json.loads(value))
    return int(value) if kind == "intValue" else float(value) if kind == "doubleValue" else value


@cache
def _lists() -> frozenset[str]:
    """Names of our attributes that are lists of texts."""
    return frozenset(name for name, kind in registry.load().attributes.items() if kind == "string[]")
