"""OTLP protobuf to plain values, with the official classes and without mercy.

What a tolerant receiver would let pass is malformed here: a field that the official classes do not know, an id of a
wrong length or of zeros, an attribute twice or without a value, an end before its start. What can only be judged across
items (parents, names, series) is `check`'s.
Source: opentelemetry-proto 1.x, the comments of `trace.proto`, `metrics.proto`, `logs.proto`, `common.proto`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracegate.telemetry.model import Link
from tracegate.testing.otlp.points import metric_points
from tracegate.testing.otlp.signals import KINDS, STATUS, LogRecord, Origin, Point, Span, SpanEvent
from tracegate.testing.otlp.values import Malformed, attributes, ids, need, value_of

T = TypeVar("T")

HAS_IS_REMOTE, IS_REMOTE = 0x100, 0x200  # SpanFlags of trace.proto


def decode_traces(body: bytes) -> list[Span]:
    """The spans of an `ExportTraceServiceRequest`; raises `Malformed`."""
    request = _parse(ExportTraceServiceRequest, body)
    return _items(request.resource_spans, "scope_spans", "spans", lambda span, origin: [_span(span, origin)])


def decode_metrics(body: bytes) -> list[Point]:
    """The points of an `ExportMetricsServiceRequest`; raises `Malformed`."""
    request = _parse(ExportMetricsServiceRequest, body)
    return _items(request.resource_metrics, "scope_metrics", "metrics", metric_points)


def decode_logs(body: bytes) -> list[LogRecord]:
    """The records of an `ExportLogsServiceRequest`; raises `Malformed`."""
    request = _parse(ExportLogsServiceRequest, body)
    return _items(request.resource_logs, "scope_logs", "log_records", lambda log, origin: [_log(log, origin)])


def _parse(kind: Any, body: bytes) -> Any:
    try:
        request = kind.FromString(body)
    except Exception as exc:  # protobuf's own class, but protobuf is no dependency of ours
        raise Malformed(f"not a {kind.DESCRIPTOR.name}: {exc}") from exc
    if _has_unknown(request):
        raise Malformed(f"{_unknown_at(request, kind.DESCRIPTOR.name)}: a field that the official classes do not know")
    return request


def _has_unknown(message: Any) -> bool:
    """Whether a message or one inside it has an unknown field; a wrong number or wire type in a writer makes them."""
    copy = type(message)()
    copy.CopyFrom(message)
    copy.DiscardUnknownFields()
    return bool(copy.ByteSize() != message.ByteSize())


def _unknown_at(message: Any, path: str) -> str:
    """Where the unknown field is."""
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for item in value if isinstance(value, Sequence) else [value]:
                if _has_unknown(item):
                    return _unknown_at(item, f"{path}.{descriptor.name}")
    return path


def _items(resources: Iterable[Any], scopes: str, items: str, read: Callable[[Any, Origin], list[T]]) -> list[T]:
    """Walk resource, scope, item; each level must hold something."""
    found: list[T] = []
    for outer in resources:
        resource = attributes(outer.resource.attributes, "resource")
        need(bool(resource.get("service.name")), "resource: `service.name` is missing")
        for inner in getattr(outer, scopes):
            need(bool(inner.scope.name), "scope: its name is empty")
            url = inner.schema_url or outer.schema_url
            origin = Origin(resource, inner.scope.name, inner.scope.version, url)
            for item in getattr(inner, items):
                found += read(item, origin)
    need(bool(found), "the request holds nothing")
    return found


def _span(span: Any, origin: Origin) -> Span:
    what = f"span `{span.name}`"
    need(bool(span.name), "span: its name is empty")
    ids(span.trace_id, span.span_id, what)
    need(len(span.parent_span_id) in (0, 8), f"{what}: its parent's id has {len(span.parent_span_id)} bytes")
    need(not span.parent_span_id or any(span.parent_span_id), f"{what}: its parent's id is zero")
    need(span.parent_span_id != span.span_id, f"{what}: it is its own parent")
    need(span.kind in KINDS, f"{what}: its kind is {span.kind}")
    need(span.start_time_unix_nano > 0, f"{what}: it has no start")
    need(span.end_time_unix_nano >= span.start_time_unix_nano, f"{what}: it ends before it starts")
    need(span.status.code < len(STATUS), f"{what}: its status is {span.status.code}")
    status = STATUS[span.status.code]
    need(status == "error" or not span.status.message, f"{what}: it has a status message and is no error")
    return Span(
        name=span.name,
        kind=KINDS[span.kind],  # type: ignore[arg-type]  # the values of KINDS are those of the field
        trace=span.trace_id,
        span=span.span_id,
        parent=span.parent_span_id,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=attributes(span.attributes, what),
        status=status,  # type: ignore[arg-type]  # as with `kind`
        description=span.status.message,
        links=tuple(_link(link, what) for link in span.links),
        events=tuple(_event(event, what) for event in span.events),
        tracestate=span.trace_state,
        flags=span.flags,
        parent_remote=bool(span.flags & IS_REMOTE) if span.flags & HAS_IS_REMOTE else None,
        origin=origin,
    )


def _link(link: Any, what: str) -> Link:
    ids(link.trace_id, link.span_id, f"{what}, a link")
    said: Mapping[str, Any] = attributes(link.attributes, f"{what}, a link")
    return Link(link.trace_id, link.span_id, link.flags & 0xFF, link.trace_state, said)


def _event(event: Any, what: str) -> SpanEvent:
    need(bool(event.name), f"{what}: an event has no name")
    need(event.time_unix_nano > 0, f"{what}: the event `{event.name}` has no time")
    return SpanEvent(event.name, event.time_unix_nano, attributes(event.attributes, f"{what}, `{event.name}`"))


def _log(log: Any, origin: Origin) -> LogRecord:
    what = f"log record `{log.event_name}`"
    need(log.time_unix_nano > 0 or log.observed_time_unix_nano > 0, f"{what}: it has no time")
    need(0 <= log.severity_number <= 24, f"{what}: its severity is {log.severity_number}")
    if log.trace_id or log.span_id:
        ids(log.trace_id, log.span_id, what)
    return LogRecord(
        name=log.event_name,
        severity=log.severity_number,
        severity_text=log.severity_text,
        time=log.time_unix_nano,
        observed=log.observed_time_unix_nano,
        trace=log.trace_id,
        span=log.span_id,
        body=value_of(log.body, what) if log.body.WhichOneof("value") else None,  # an empty value is none: common.proto
        attributes=attributes(log.attributes, what),
        origin=origin,
    )
