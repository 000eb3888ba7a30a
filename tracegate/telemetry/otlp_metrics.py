"""A snapshot of the aggregator as OTLP: the entries of `ScopeMetrics.metrics`, serialised.

The official protobuf classes are fast enough for something that happens every few seconds; `otlp.Envelope` puts the
resource and the scope around what is returned here.
Source: opentelemetry-proto, `metrics.proto`; fields are filled as the OpenTelemetry SDK fills them.
"""

from __future__ import annotations

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from tracegate.telemetry.aggregate import HistogramPoint, Metric, Snapshot
from tracegate.telemetry.metrics_labels import Labels
from tracegate.telemetry.model import Measurement

CUMULATIVE = pb.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def encode_metrics(snapshot: Snapshot) -> bytes:
    """The entries of `ScopeMetrics.metrics` for what was counted."""
    metrics = [_metric(metric, snapshot.start, snapshot.time) for metric in snapshot.metrics]
    return bytes(pb.ScopeMetrics(metrics=metrics).SerializeToString())


def _metric(metric: Metric, start: int, time: int) -> pb.Metric:
    instrument = metric.instrument
    out = pb.Metric(name=instrument.name, description=instrument.description, unit=instrument.unit)
    if instrument.kind == "histogram":
        out.histogram.aggregation_temporality = CUMULATIVE
    else:
        out.sum.aggregation_temporality = CUMULATIVE
        out.sum.is_monotonic = instrument.kind == "counter"
    for point in metric.points:
        attributes = _attributes(point.labels)
        exemplars = [_exemplar(exemplar) for exemplar in point.exemplars]
        if isinstance(point, HistogramPoint):
            out.histogram.data_points.add(
                attributes=attributes,
                start_time_unix_nano=start,
                time_unix_nano=time,
                count=sum(point.counts),
                sum=point.sum,
                bucket_counts=point.counts,
                explicit_bounds=instrument.bounds,
                min=point.min,
                max=point.max,
                exemplars=exemplars,
            )
        else:
            number = out.sum.data_points.add(
                attributes=attributes, start_time_unix_nano=start, time_unix_nano=time, exemplars=exemplars
            )
            if isinstance(point.value, int):
                number.as_int = point.value
            else:
                number.as_double = point.value
    return out


def _exemplar(measurement: Measurement) -> pb.Exemplar:
    out = pb.Exemplar(time_unix_nano=measurement.time, trace_id=measurement.trace, span_id=measurement.span)
    if isinstance(measurement.amount, int):
        out.as_int = measurement.amount
    else:
        out.as_double = measurement.amount
    return out


def _attributes(labels: Labels) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in labels]


def _value(value: str | bool | int) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(bool_value=value) if isinstance(value, bool) else AnyValue(int_value=value)
