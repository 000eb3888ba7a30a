"""The points of one OTLP metric, decoded strictly: a histogram's counts add up, a counter is never negative.

Source: opentelemetry-proto 1.x, the comments of `metrics.proto`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from tracegate.testing.otlp.signals import Exemplar, Origin, Point, PointKind
from tracegate.testing.otlp.values import attributes, ids, need

CUMULATIVE = {1: False, 2: True}


def metric_points(metric: Any, origin: Origin) -> list[Point]:
    """The points of a metric; raises `Malformed`."""
    what = f"metric `{metric.name}`"
    need(bool(metric.name), "metric: its name is empty")
    kind = metric.WhichOneof("data")
    need(kind in ("sum", "gauge", "histogram", "exponential_histogram"), f"{what}: its data is `{kind}`")
    data = getattr(metric, kind)
    need(bool(data.data_points), f"{what}: it has no points")
    if kind != "gauge":
        need(data.aggregation_temporality in CUMULATIVE, f"{what}: it does not say whether it is cumulative")
    read = _number if kind in ("sum", "gauge") else _histogram
    return [read(metric, kind, data, point, origin) for point in data.data_points]


def _number(metric: Any, kind: PointKind, data: Any, point: Any, origin: Origin) -> Point:
    what = f"metric `{metric.name}`"
    monotonic = data.is_monotonic if kind == "sum" else None
    value = _value(point, what)
    need(not monotonic or value >= 0, f"{what}: a counter with {value}")
    return _point(metric, kind, data, point, origin, monotonic=monotonic, value=value)


def _histogram(metric: Any, kind: PointKind, data: Any, point: Any, origin: Origin) -> Point:
    what = f"metric `{metric.name}`"
    if kind == "histogram":
        counts, bounds = list(point.bucket_counts), list(point.explicit_bounds)
        need(len(counts) == len(bounds) + 1 or not (counts or bounds), f"{what}: bounds and buckets do not match")
        need(all(a < b for a, b in pairwise(bounds)), f"{what}: its bounds do not increase")
    else:
        counts, bounds = [point.zero_count, *point.positive.bucket_counts, *point.negative.bucket_counts], []
    need(not counts or sum(counts) == point.count, f"{what}: its buckets add up to {sum(counts)}, not {point.count}")
    total = point.sum if point.HasField("sum") else None
    return _point(metric, kind, data, point, origin, count=point.count, sum=total, buckets=counts, bounds=bounds)


def _point(metric: Any, kind: PointKind, data: Any, point: Any, origin: Origin, **values: Any) -> Point:
    what = f"metric `{metric.name}`"
    need(point.time_unix_nano > 0, f"{what}: a point has no time")
    if kind != "gauge":
        need(0 < point.start_time_unix_nano <= point.time_unix_nano, f"{what}: a point has no start, or ends before it")
    return Point(
        metric=metric.name,
        unit=metric.unit,
        kind=kind,
        labels=attributes(point.attributes, what),
        time=point.time_unix_nano,
        start=point.start_time_unix_nano,
        cumulative=None if kind == "gauge" else CUMULATIVE[data.aggregation_temporality],
        exemplars=tuple(_exemplar(exemplar, what) for exemplar in point.exemplars),
        origin=origin,
        **values,
    )


def _exemplar(exemplar: Any, what: str) -> Exemplar:
    need(exemplar.time_unix_nano > 0, f"{what}: an exemplar has no time")
    if exemplar.trace_id or exemplar.span_id:
        ids(exemplar.trace_id, exemplar.span_id, f"{what}, an exemplar")
    said = attributes(exemplar.filtered_attributes, f"{what}, an exemplar")
    return Exemplar(exemplar.trace_id, exemplar.span_id, exemplar.time_unix_nano, _value(exemplar, what), said)


def _value(holder: Any, what: str) -> Any:
    kind = holder.WhichOneof("value")
    need(kind is not None, f"{what}: a value is missing")
    return getattr(holder, kind)
