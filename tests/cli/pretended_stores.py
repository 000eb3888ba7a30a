"""Stores that stand in for the real ones: what a gateway sent to our own receiver, in the forms in which stores answer.

`spoil` changes what is answered, so that a difference can be seen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tracegate.stack.standing import Stores
from tracegate.testing.otlp.signals import Span
from tracegate.testing.receiver import Receiver
from tracegate.testing.receiving import listen

KINDS = {"internal": 1, "server": 2, "client": 3}
STATUS = ("unset", "ok", "error")

Spoil = Callable[[str, Any], Any]
"""Given the store and its answer, what is answered."""


def as_it_is(store: str, answer: Any) -> Any:
    """Nothing is changed."""
    return answer


def jaeger_span(span: Span) -> Mapping[str, Any]:
    """A span as Jaeger gives it: lists as the text of their JSON."""
    return {
        "name": span.name,
        "kind": KINDS[span.kind],
        "traceId": span.trace.hex(),
        "spanId": span.span.hex(),
        "parentSpanId": span.parent.hex(),
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": [{"key": key, "value": _value(value)} for key, value in span.attributes.items()],
        "status": {"code": STATUS.index(span.status)} if span.status != "unset" else {},
    }


def _value(value: object) -> Mapping[str, object]:
    if isinstance(value, tuple):
        return {"stringValue": "[" + ",".join(f'"{one}"' for one in value) + "]"}
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return {kinds[type(value)]: str(value) if type(value) is int else value}


class Pretended(Stores):
    """`Stores` over a receiver."""

    __slots__ = ("receiver", "spoil")

    receiver: Receiver
    spoil: Spoil

    @property
    def jaeger(self) -> Any:
        """Itself, as it answers for all three."""
        return self

    prometheus = victorialogs = jaeger

    @property
    def url(self) -> str:
        """Of each."""
        return self._url("jaeger")

    async def trace(self, trace_id: str) -> Sequence[Mapping[str, Any]]:
        """See `Jaeger.trace`."""
        spans = self.receiver.trace(bytes.fromhex(trace_id))
        told = [{"scopeSpans": [{"spans": [dict(jaeger_span(span)) for span in spans]}]}] if spans else []
        answer: Sequence[Mapping[str, Any]] = self.spoil("jaeger", told)
        return answer

    async def query(self, asked: str, *, limit: int = 0) -> Sequence[Mapping[str, Any]]:
        """See `Prometheus.query` and `VictoriaLogs.query`."""
        if limit:
            assert "_time:" in asked
            told = [{"event_name": log.name, "trace_id": log.trace.hex()} for log in self.receiver.logs]
            events: Sequence[Mapping[str, Any]] = self.spoil("victorialogs", told)
            return events
        found = re.fullmatch(r'sum(?: by \(([a-z_, ]+)\))? \((\w+)\{service_instance_id="[^"]+"\}\)', asked)
        assert found is not None, asked
        labels = found[1].split(", ") if found[1] else []
        counted = Counter[tuple[str, ...]]()
        for metric in {point.metric for point in self.receiver.points}:
            for point in self.receiver.series(metric):
                if re.sub(r"(_seconds)?(_count|_total)$", "", found[2]) == metric.replace(".", "_"):
                    said = {name.replace(".", "_"): str(value) for name, value in point.labels.items()}
                    key = tuple(said.get(label, "") for label in labels)
                    counted[key] += int(point.count if point.count is not None else point.value or 0)
        sums = [
            {
                "metric": {label: value for label, value in zip(labels, key, strict=True) if value},
                "value": [0, str(count)],
            }
            for key, count in counted.items()
        ]
        series: Sequence[Mapping[str, Any]] = self.spoil("prometheus", sums)
        return series


def standing(own: bool, spoil: Spoil = as_it_is) -> Callable[..., Any]:
    """What stands in for `tracegate.stack.standing.standing`."""

    @asynccontextmanager
    async def stands(at: Path, *, programs: Mapping[str, Path] | None = None) -> AsyncIterator[Stores]:
        receiver = Receiver()
        async with listen(receiver) as server:
            names = ("otlp_http", "otlp_grpc", "otlp_audit", "jaeger", "prometheus", "victorialogs")
            ports = dict.fromkeys(names, server.port)
            stores = Pretended(ports, own)
            object.__setattr__(stores, "receiver", receiver)
            object.__setattr__(stores, "spoil", spoil)
            yield stores

    return stands
