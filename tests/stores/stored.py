"""Spans as Jaeger gives them back, in the form in which our own receiver keeps those that were sent.

What Jaeger 1.62 does not keep: flags, the type of list attributes (their JSON stays, as text), everything of a link but
its ids, schema URLs, and attributes of the scope. `as_kept` takes the same away from a span that was sent, so that the
rest can be compared whole.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from tracegate.telemetry.model import Link
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.otlp.signals import Origin, Span, SpanEvent

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
STATUS = ("unset", "ok", "error")

LISTS = frozenset(name for name, kind in Registry.ours().attributes.items() if kind == "S")
"""Names of our attributes that are lists of texts."""


def spans(resources: Sequence[Mapping[str, Any]], lists: Collection[str] = LISTS) -> list[Span]:
    """The spans of what `Jaeger.trace` returned, by their start.

    Args:
        resources: As it returned them.
        lists: Names of attributes that are lists, which Jaeger keeps as text.
    """
    found = [
        _span(span, _origin(resource, scope), lists)
        for resource in resources
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    return sorted(found, key=lambda span: (span.start, span.span))


def as_kept(span: Span) -> Span:
    """A span that was sent, without what Jaeger does not keep."""
    return replace(
        span,
        flags=0,
        parent_remote=None,
        links=tuple(Link(link.trace, link.span) for link in span.links),
        origin=replace(span.origin, schema_url=""),
    )


def _span(told: Mapping[str, Any], origin: Origin, lists: Collection[str]) -> Span:
    status = told.get("status", {})
    return Span(
        name=told["name"],
        kind=cast(Any, KINDS[told["kind"]]),
        trace=bytes.fromhex(told["traceId"]),
        span=bytes.fromhex(told["spanId"]),
        parent=bytes.fromhex(told.get("parentSpanId", "")),
        start=int(told["startTimeUnixNano"]),
        end=int(told["endTimeUnixNano"]),
        attributes=_attributes(told, lists),
        status=cast(Any, STATUS[status.get("code", 0)]),
        description=status.get("message", ""),
        links=tuple(Link(bytes.fromhex(one["traceId"]), bytes.fromhex(one["spanId"])) for one in told.get("links", ())),
        events=tuple(
            SpanEvent(one["name"], int(one["timeUnixNano"]), _attributes(one, lists)) for one in told.get("events", ())
        ),
        tracestate=told.get("traceState", ""),
        origin=origin,
    )


def _origin(resource: Mapping[str, Any], scope: Mapping[str, Any]) -> Origin:
    named = scope.get("scope", {})
    return Origin(_attributes(resource["resource"], ()), named.get("name", ""), named.get("version", ""))


def _attributes(holder: Mapping[str, Any], lists: Collection[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for one in holder.get("attributes", ()):
        ((kind, value),) = one["value"].items()
        read = int(value) if kind == "intValue" else float(value) if kind == "doubleValue" else value
        found[one["key"]] = tuple(json.loads(value)) if one["key"] in lists and kind == "stringValue" else read
    return found
