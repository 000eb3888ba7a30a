"""What an OTLP request held, as plain values: spans, metric points, log records.

Values of attributes are text, `bool`, `int`, `float`, `bytes`, tuples and mappings. Times are UTC nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from tracegate.telemetry.model import Link, SpanKind, SpanView, StatusCode, Value

Attributes = Mapping[str, object]

# Source: opentelemetry-proto 1.x, trace.proto, `SpanKind` and `StatusCode`.
KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
STATUS = ("unset", "ok", "error")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an item came from: its resource and its instrumentation scope."""

    resource: Attributes = field(default_factory=dict)
    scope: str = ""
    scope_version: str = ""
    schema_url: str = ""


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An event on a span."""

    name: str
    time: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it was exported; `parent_remote` is `None` when its flags do not say."""

    name: str
    kind: Literal["server", "client", "internal", "producer", "consumer"]
    trace: bytes
    span: bytes
    parent: bytes
    start: int
    end: int
    attributes: Attributes
    status: Literal["unset", "ok", "error"] = "unset"
    description: str = ""
    links: tuple[Link, ...] = ()
    events: tuple[SpanEvent, ...] = ()
    tracestate: str = ""
    flags: int = 0
    parent_remote: bool | None = None
    origin: Origin = field(default_factory=Origin)

    def view(self) -> SpanView:
        """The view that a renderer must have been given, to compare with; lists of texts are tuples."""
        return SpanView(
            self.name,
            cast(SpanKind, self.kind),
            self.trace,
            self.span,
            self.parent,
            self.start,
            self.end,
            cast(Mapping[str, Value], self.attributes),
            cast(StatusCode, self.status),
            self.description,
            self.links,
            self.tracestate,
            bool(self.parent and self.parent_remote),
        )


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One measurement kept beside a sum, and the span it was made in."""

    trace: bytes
    span: bytes
    time: int
    value: int | float
    attributes: Attributes = field(default_factory=dict)


PointKind = Literal["sum", "gauge", "histogram", "exponential_histogram"]


@dataclass(frozen=True, slots=True)
class Point:
    """One point of one time series.

    `value` is that of a sum or gauge; `count`, `sum` and `buckets` (upper bounds in `bounds`) are a histogram's.
    """

    metric: str
    unit: str
    kind: PointKind
    labels: Attributes
    time: int
    start: int = 0
    cumulative: bool | None = None
    monotonic: bool | None = None
    value: int | float | None = None
    count: int | None = None
    sum: float | None = None
    buckets: Sequence[int] = ()
    bounds: Sequence[float] = ()
    exemplars: tuple[Exemplar, ...] = ()
    origin: Origin = field(default_factory=Origin)

    @property
    def series(self) -> tuple[object, ...]:
        """What makes the time series: resource, scope, metric, labels."""
        origin = (frozen(self.origin.resource), self.origin.scope, self.origin.scope_version)
        return (*origin, self.metric, frozen(self.labels))


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A log record; `name` is its event name. Ids are empty when it belongs to no span."""

    name: str
    severity: int
    severity_text: str
    time: int
    observed: int
    trace: bytes
    span: bytes
    body: object
    attributes: Attributes
    origin: Origin = field(default_factory=Origin)


def frozen(value: object) -> object:
    """A value that can be a key: mappings become sorted pairs, and types are kept apart (`1`, `1.0`, `True`)."""
    if isinstance(value, Mapping):
        return tuple((key, frozen(item)) for key, item in sorted(value.items()))
    if isinstance(value, tuple):
        return tuple(frozen(item) for item in value)
    return type(value).__name__, value
