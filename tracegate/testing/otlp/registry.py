"""Names, types and values held against a registry of what may be exported.

A registry closes some prefixes: a name below one of them that it does not list is a finding. It judges only what comes
from its own scope; what another instrumentation says is that one's affair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracegate.telemetry import registry
from tracegate.testing.otlp.check import named
from tracegate.testing.otlp.signals import Attributes, LogRecord, Origin, Point, Span

TYPES: Mapping[str, type] = {"s": str, "i": int, "d": float, "b": bool, "S": tuple}

UNKNOWN = "unknown"
"""What a label says where a set of labels is fixed and the value is not known (ruling 4)."""


@dataclass(frozen=True, slots=True)
class Registry:
    """What may be exported.

    Args:
        scope: Name of the scope it judges.
        attributes: Type by name: `s` text, `i` int, `d` double, `b` boolean, `S` list of texts, `any`.
        closed: Prefixes below which every name must be listed.
        enums: Allowed values by name.
        metrics: Kind (`counter`, `updowncounter`, `gauge`, `histogram`) and unit by name.
        events: Severity number by event name.
        required: Names that a span must have, by its kind.
        forbidden: Names that must not be used, closed prefix or not.
    """

    scope: str
    attributes: Mapping[str, str]
    closed: tuple[str, ...]
    enums: Mapping[str, Collection[str]] = field(default_factory=dict)
    metrics: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)
    required: Mapping[str, Sequence[str]] = field(default_factory=dict)
    forbidden: Collection[str] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Registry:
        """From a document with `scope`, `attributes`, `closed`, `enums`, `metrics`, `events`, `attempt_required`,
        `server_required` and `deprecated`.
        """
        return cls(
            scope=document["scope"]["name"],
            attributes=document["attributes"],
            closed=tuple(document["closed"]),
            enums=document["enums"],
            metrics={name: (kind, unit) for name, (kind, unit) in document["metrics"].items()},
            events=document["events"],
            required={"client": document["attempt_required"], "server": document["server_required"]},
            forbidden=frozenset(document["deprecated"]),
        )

    @classmethod
    def ours(cls) -> Registry:
        """What this version of Tracegate may export."""
        return cls.of(registry.document())

    def findings(self, spans: Iterable[Span], points: Iterable[Point], logs: Iterable[LogRecord]) -> list[str]:
        """What is not as the registry says, each finding once."""
        found: dict[str, None] = {}
        for span in spans:
            if self._judges(span.origin):
                found |= dict.fromkeys(self._span(span))
        for point in points:
            if self._judges(point.origin):
                found |= dict.fromkeys(self._point(point))
        for log in logs:
            if self._judges(log.origin):
                found |= dict.fromkeys(self._log(log))
        return list(found)

    def _judges(self, origin: Origin) -> bool:
        return origin.scope == self.scope

    def _span(self, span: Span) -> Iterator[str]:
        yield from self._named(span.attributes, f"span `{span.name}`")
        for name in self.required.get(span.kind, ()):
            if name not in span.attributes:
                yield f"{named(span)} lacks `{name}`"

    def _point(self, point: Point) -> Iterator[str]:
        what = f"metric `{point.metric}`"
        labels = {name: value for name, value in point.labels.items() if name not in self.enums or value != UNKNOWN}
        yield from self._named(labels, what)
        kind = point.kind if point.kind != "sum" else "counter" if point.monotonic else "updowncounter"
        is_one = (kind.removeprefix("exponential_"), point.unit)
        if point.metric not in self.metrics:
            yield f"{what} is not registered"
        elif is_one != self.metrics[point.metric]:
            yield f"{what} is {is_one}, registered as {self.metrics[point.metric]}"

    def _log(self, log: LogRecord) -> Iterator[str]:
        what = f"log record `{log.name}`"
        yield from self._named(log.attributes, what)
        if log.name not in self.events:
            yield f"{what} is not registered"
        elif log.severity != self.events[log.name]:
            yield f"{what} has severity {log.severity}, registered with {self.events[log.name]}"

    def _named(self, said: Attributes, what: str) -> Iterator[str]:
        for name, value in said.items():
            kind = self.attributes.get(name)
            if name in self.forbidden:
                yield f"{what}: `{name}` is no longer used"
            elif kind is None:
                if name.startswith(self.closed):
                    yield f"{what}: `{name}` is not registered"
            elif kind != "any" and not _is(value, kind):
                yield f"{what}: `{name}` is {value!r}, registered as {kind}"
            elif name in self.enums and value not in self.enums[name]:
                yield f"{what}: `{name}` is {value!r}, must be one of {', '.join(self.enums[name])}"


def _is(value: object, kind: str) -> bool:
    if kind == "S":
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return type(value) is TYPES[kind]
