"""Small OTLP requests made with the official classes, to be bent by the tests."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

TRACE = bytes(range(1, 17))
URL = "https://example.test/schema"


def value(said: object) -> AnyValue:
    """An `AnyValue` of a Python value."""
    match said:
        case bool():
            return AnyValue(bool_value=said)
        case int():
            return AnyValue(int_value=said)
        case float():
            return AnyValue(double_value=said)
        case bytes():
            return AnyValue(bytes_value=said)
        case list():
            return AnyValue(array_value=ArrayValue(values=[value(item) for item in said]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(said)))
        case _:
            return AnyValue(string_value=str(said))


def pairs(said: dict[str, object]) -> list[KeyValue]:
    """Attributes."""
    return [KeyValue(key=key, value=value(item)) for key, item in said.items()]


def resource() -> Resource:
    """The least a resource must say."""
    return Resource(attributes=pairs({"service.name": "gateway"}))


def scope(name: str = "tracegate") -> InstrumentationScope:
    """A scope with a version."""
    return InstrumentationScope(name=name, version="1")


def span(number: int = 1, parent: int = 0, **more: Any) -> Span:
    """A right span whose id is a number, from 100 to 200."""
    fields: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": number.to_bytes(8, "big"),
        "parent_span_id": parent.to_bytes(8, "big") if parent else b"",
        "name": f"span {number}",
        "kind": 1,
        "start_time_unix_nano": 100,
        "end_time_unix_nano": 200,
    }
    return Span(**fields | more)


def traces(*spans: Span, of: str = "tracegate") -> ExportTraceServiceRequest:
    """A request with these spans."""
    inner = ScopeSpans(scope=scope(of), spans=spans, schema_url=URL)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource(), scope_spans=[inner])])


def number(amount: float = 3, labels: dict[str, object] | None = None, **more: Any) -> pb.NumberDataPoint:
    """A point of a sum or gauge, counted from 100 to 200."""
    kind = "as_int" if isinstance(amount, int) else "as_double"
    fields: dict[str, Any] = {"start_time_unix_nano": 100, "time_unix_nano": 200, kind: amount}
    return pb.NumberDataPoint(attributes=pairs(labels or {}), **fields | more)


def counter(name: str, *points: pb.NumberDataPoint, temporality: int = 2, monotonic: bool = True) -> pb.Metric:
    """A sum; cumulative and monotonic unless said otherwise."""
    data = pb.Sum(data_points=points, aggregation_temporality=temporality, is_monotonic=monotonic)  # type: ignore[arg-type]  # an enum's number
    return pb.Metric(name=name, unit="{x}", sum=data)


def histogram(name: str, **more: Any) -> pb.Metric:
    """A histogram with one point: 1, 2 and 3 measurements in three buckets."""
    fields: dict[str, Any] = {
        "start_time_unix_nano": 100,
        "time_unix_nano": 200,
        "count": 6,
        "sum": 7.5,
        "bucket_counts": [1, 2, 3],
        "explicit_bounds": [1.0, 2.0],
    }
    point = pb.HistogramDataPoint(**fields | more)
    return pb.Metric(name=name, unit="s", histogram=pb.Histogram(data_points=[point], aggregation_temporality=2))  # type: ignore[arg-type]  # an enum's number


def metrics(*found: pb.Metric, of: str = "tracegate") -> ExportMetricsServiceRequest:
    """A request with these metrics."""
    inner = pb.ScopeMetrics(scope=scope(of), metrics=found, schema_url=URL)
    return ExportMetricsServiceRequest(
        resource_metrics=[pb.ResourceMetrics(resource=resource(), scope_metrics=[inner])]
    )


def log(name: str = "event", **more: Any) -> LogRecord:
    """A log record of severity 9 at time 150."""
    fields: dict[str, Any] = {"event_name": name, "severity_number": 9, "severity_text": "INFO", "time_unix_nano": 150}
    return LogRecord(**fields | more)


def logs(*records: LogRecord, of: str = "tracegate") -> ExportLogsServiceRequest:
    """A request with these log records."""
    inner = ScopeLogs(scope=scope(of), log_records=records, schema_url=URL)
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=resource(), scope_logs=[inner])])
