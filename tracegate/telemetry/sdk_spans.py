"""Spans and log events into the OpenTelemetry SDK: with our ids, times, links and status, whoever the provider is.

Two ways, one result (the tests compare them):

- `Finished` hands finished spans straight to the provider's processors. It is for providers of our own making:
  nothing starts, so nothing is sampled, and no processor is told of a start.
- `Started` makes real spans, whose ids it puts into the tracer. It is for a host's provider, whose processors may
  want to see a span start and write on it.

In both, evidence is never sampled away, and the ids are those of the records, so headers and spans keep agreeing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry._logs import LoggerProvider, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, Tracer
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TracerProvider,
    TraceState,
    set_span_in_context,
)
from opentelemetry.util.types import Attributes

from tracegate.telemetry import names
from tracegate.telemetry.model import LogView, SpanView

SpanReplay = Callable[[Iterable[SpanView]], None]
LogReplay = Callable[[Iterable[LogView]], None]

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
NOWHERE = set_span_in_context(INVALID_SPAN, Context())
"""A context of no span; an empty one would be taken for the current one."""


def context_of(trace: bytes, span: bytes) -> Context:
    """A context whose current span is one of ours; nothing else is in it, no baggage either.

    Args:
        trace: Trace id, 16 bytes.
        span: Span id, 8 bytes; empty for no span at all.
    """
    return _in(_context(trace, span)) if span else NOWHERE


class Finished:
    """Replays spans as finished ones.

    Args:
        provider: Whose processors get them, and whose resource they have.
        limits: Of attributes; by default `OTEL_*` of the environment, as the SDK reads it.
    """

    __slots__ = ("_limits", "_scope", "_tracer")

    def __init__(self, provider: TracerProvider, limits: SpanLimits | None = None) -> None:
        self._tracer = tracer_of(provider)
        self._limits = limits or SpanLimits()
        self._scope = InstrumentationScope(names.SCOPE, names.SCOPE_VERSION, names.SCHEMA_URL)

    def __call__(self, views: Iterable[SpanView]) -> None:
        """Hand the spans over."""
        tracer = self._tracer
        for view in views:
            tracer.span_processor.on_end(
                ReadableSpan(
                    name=view.name,
                    context=_context(view.trace, view.span, tracestate=view.tracestate),
                    parent=_parent(view),
                    resource=tracer.resource,
                    attributes=self._bounded(view),
                    links=_links(view),
                    kind=KINDS[view.kind],
                    status=_status(view),
                    start_time=view.start,
                    end_time=view.end,
                    instrumentation_scope=self._scope,
                )
            )

    def _bounded(self, view: SpanView) -> Attributes:
        longest = self._limits.max_span_attribute_length
        if longest is None:
            return view.attributes
        return BoundedAttributes(None, view.attributes, max_value_len=longest)


class Started:
    """Replays spans as real ones, that begin and end.

    Args:
        provider: The host's; only the tracer it makes for our scope is changed.
    """

    __slots__ = ("_ids", "_tracer")

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = tracer_of(provider)
        self._tracer.sampler = ALWAYS_ON
        self._tracer.id_generator = self._ids = _Ids()

    def __call__(self, views: Iterable[SpanView]) -> None:
        """Begin and end the spans."""
        for view in views:
            self._ids.next = view
            parent = _parent(view)
            span = self._tracer.start_span(
                view.name,
                context=NOWHERE if parent is None else _in(parent),
                kind=KINDS[view.kind],
                attributes=view.attributes,
                links=_links(view),
                start_time=view.start,
            )
            span.set_status(_status(view))
            span.end(view.end)


class Logs:
    """Replays log events.

    Args:
        provider: Whose processors get them.
    """

    __slots__ = ("_logger",)

    def __init__(self, provider: LoggerProvider) -> None:
        self._logger = provider.get_logger(names.SCOPE, names.SCOPE_VERSION, names.SCHEMA_URL)

    def __call__(self, views: Iterable[LogView]) -> None:
        """Emit the events, each in the context of its span."""
        for view in views:
            self._logger.emit(
                timestamp=view.time,
                observed_timestamp=view.time,
                context=context_of(view.trace, view.span),
                severity_number=SeverityNumber(view.severity),
                severity_text=view.severity_text,
                attributes=view.attributes,
                event_name=view.name,
            )


def tracer_of(provider: TracerProvider) -> Tracer:
    """The provider's tracer for our scope.

    Raises:
        TypeError: If the provider is not the OpenTelemetry SDK's: then nobody could keep our ids.
    """
    tracer = provider.get_tracer(names.SCOPE, names.SCOPE_VERSION, names.SCHEMA_URL)
    if not isinstance(tracer, Tracer):
        raise TypeError(
            f"the tracer provider must be the OpenTelemetry SDK's and must not be disabled; "
            f"`{type(provider).__module__}.{type(provider).__qualname__}` gave a "
            f"`{type(tracer).__module__}.{type(tracer).__qualname__}`"
        )
    return tracer


class _Ids(IdGenerator):
    """Gives the ids of the view that is being replayed."""

    next: SpanView

    def generate_span_id(self) -> int:
        return int.from_bytes(self.next.span, "big")

    def generate_trace_id(self) -> int:
        return int.from_bytes(self.next.trace, "big")

    def is_trace_id_random(self) -> bool:
        return True


def _context(trace: bytes, span: bytes, *, remote: bool = False, tracestate: str = "") -> SpanContext:
    state = TraceState.from_header([tracestate]) if tracestate else None
    return SpanContext(int.from_bytes(trace, "big"), int.from_bytes(span, "big"), remote, SAMPLED, state)


def _in(span: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(span), Context())


def _parent(view: SpanView) -> SpanContext | None:
    if not view.parent:
        return None
    return _context(view.trace, view.parent, remote=view.parent_remote, tracestate=view.tracestate)


def _links(view: SpanView) -> list[Link]:
    return [
        Link(
            SpanContext(
                int.from_bytes(link.trace, "big"),
                int.from_bytes(link.span, "big"),
                True,
                TraceFlags(link.flags),
                TraceState.from_header([link.tracestate]) if link.tracestate else None,
            ),
            link.attributes,
        )
        for link in view.links
    ]


def _status(view: SpanView) -> Status:
    return Status(StatusCode.ERROR, view.description or None) if view.status == "error" else Status(StatusCode.UNSET)
