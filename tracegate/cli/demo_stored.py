"""What Jaeger gives back: spans as the rest of the demo takes them, what they say, and how they differ from ours.

Jaeger 1.62 keeps a list as the text of its JSON; nothing else of what is compared here changes on the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tracegate.cli.demo_account import Account, Served, Try
from tracegate.telemetry import names
from tracegate.telemetry.model import SpanView

# Source: opentelemetry-proto 1.x, trace.proto, `SpanKind` and `StatusCode`.
_KINDS = {1: "internal", 2: "server", 3: "client"}
_STATUS = ("unset", "ok", "error")


@dataclass(frozen=True, slots=True)
class Stored:
    """One span; times are UTC nanoseconds, `parent` is empty for a root."""

    name: str
    kind: str
    trace: bytes
    span: bytes
    parent: bytes
    start: int
    end: int
    attributes: Mapping[str, object]
    status: str


def stored(resources: Sequence[Mapping[str, Any]]) -> list[Stored]:
    """The spans of a trace, as `Jaeger.trace` returned it."""
    return [
        Stored(
            span["name"],
            _KINDS[span["kind"]],
            bytes.fromhex(span["traceId"]),
            bytes.fromhex(span["spanId"]),
            bytes.fromhex(span.get("parentSpanId", "")),
            int(span["startTimeUnixNano"]),
            int(span["endTimeUnixNano"]),
            dict(map(_attribute, span.get("attributes", ()))),
            _STATUS[span.get("status", {}).get("code", 0)],
        )
        for resource in resources
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def differences(found: Sequence[Stored], sent: Sequence[SpanView]) -> Iterator[str]:
    """What is not as the gateway recorded it: spans, their places, times, statuses, attributes."""
    ours = {span.span: span for span in sent}
    kept = {span.span: span for span in found}
    if len(kept) < len(found):
        yield "a span is there twice"
    yield from (f"`{ours[id].name}` is missing" for id in ours.keys() - kept.keys())
    yield from (f"`{kept[id].name}` was never sent" for id in kept.keys() - ours.keys())
    for id in ours.keys() & kept.keys():
        for what, said, sent_ in _pairs(kept[id], ours[id]):
            if said != sent_:
                yield f"`{ours[id].name}`: {what} is {said!r}, was {sent_!r}"


def account(found: Sequence[Stored]) -> Account:
    """What a trace that has a SERVER span says of its request."""
    server = next(span.attributes for span in found if span.kind == "server")
    return Account(
        tuple(_try(said) for said in attempts(found)),
        _served(server) if names.TRACEGATE_SERVED_BY_PROVIDER in server else None,
        cast("int | None", server.get(names.TRACEGATE_TOTAL_COST_MICROS)),
    )


def attempts(found: Sequence[Stored]) -> list[Mapping[str, object]]:
    """The attributes of the attempts, in their order."""
    said = (span.attributes for span in found if span.kind == "client")
    return sorted(said, key=lambda said: cast(int, said[names.TRACEGATE_ATTEMPT_INDEX]))


def _try(said: Mapping[str, object]) -> Try:
    status, error = said.get(names.HTTP_RESPONSE_STATUS_CODE), said.get(names.ERROR_TYPE)
    return Try(
        str(said[names.GEN_AI_PROVIDER_NAME]),
        str(said[names.TRACEGATE_TARGET_ID]),
        str(said[names.TRACEGATE_ATTEMPT_KIND]),
        cast("int | None", status),
        None if error is None or error == str(status) else str(error),
    )


def _served(said: Mapping[str, object]) -> Served:
    return Served(
        str(said[names.TRACEGATE_SERVED_BY_PROVIDER]),
        str(said[names.TRACEGATE_SERVED_BY_MODEL]),
        cast("str | None", said.get(names.TRACEGATE_SERVED_BY_REGION)),
        str(said[names.TRACEGATE_SERVED_BY_TARGET]),
        cast(int, said[names.TRACEGATE_SERVED_BY_ATTEMPT]),
    )


def _attribute(told: Mapping[str, Any]) -> tuple[str, object]:
    ((kind, value),) = told["value"].items()
    return told["key"], int(value) if kind == "intValue" else value


def _pairs(kept: Stored, ours: SpanView) -> Iterator[tuple[str, object, object]]:
    for what in ("name", "kind", "trace", "parent", "start", "end", "status"):
        yield what, getattr(kept, what), getattr(ours, what)
    for name in sorted(kept.attributes.keys() | ours.attributes.keys()):
        said, sent = kept.attributes.get(name), ours.attributes.get(name)
        if isinstance(sent, Sequence) and not isinstance(sent, str) and isinstance(said, str):
            said, sent = json.loads(said), list(sent)
        yield name, said, sent
