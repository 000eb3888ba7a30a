"""Metric points are decoded to plain values, and what does not add up is refused."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from tests.testing.otlp.make import TRACE, URL, counter, histogram, metrics, number, pairs
from tracegate.testing.otlp.decode import decode_metrics
from tracegate.testing.otlp.signals import Exemplar, Origin, Point
from tracegate.testing.otlp.values import Malformed

ORIGIN = Origin({"service.name": "gateway"}, "tracegate", "1", URL)


def decode(*found: pb.Metric) -> list[Point]:
    """Through the wire and back."""
    return decode_metrics(metrics(*found).SerializeToString())


def test_a_counter_is_decoded_whole() -> None:
    """With its labels, times and exemplars."""
    kept = pb.Exemplar(
        trace_id=TRACE, span_id=b"s" * 8, time_unix_nano=150, as_int=1, filtered_attributes=pairs({"f": 1})
    )
    [point] = decode(counter("c", number(3, {"a": "x"}, exemplars=[kept])))
    assert point == Point(
        metric="c",
        unit="{x}",
        kind="sum",
        labels={"a": "x"},
        time=200,
        start=100,
        cumulative=True,
        monotonic=True,
        value=3,
        exemplars=(Exemplar(TRACE, b"s" * 8, 150, 1, {"f": 1}),),
        origin=ORIGIN,
    )


def test_ups_and_downs_and_gauges_are_decoded() -> None:
    """Both may be negative; a gauge counts from nowhere; an exemplar may be in no span."""
    kept = pb.Exemplar(time_unix_nano=150, as_double=0.5)
    up_down = counter("u", number(-2, exemplars=[kept]), temporality=1, monotonic=False)
    gauge = pb.Metric(name="g", unit="s", gauge=pb.Gauge(data_points=[number(-1.5, start_time_unix_nano=0)]))
    first, second = decode(up_down, gauge)
    assert (first.value, first.cumulative, first.monotonic) == (-2, False, False)
    assert first.exemplars == (Exemplar(b"", b"", 150, 0.5, {}),)
    assert (second.kind, second.value, second.cumulative, second.monotonic, second.start) == (
        "gauge",
        -1.5,
        None,
        None,
        0,
    )


def test_histograms_are_decoded() -> None:
    """With bounds, without buckets, and exponential."""
    plain, bare = histogram("h"), histogram("b", bucket_counts=[], explicit_bounds=[])
    bare.histogram.data_points[0].ClearField("sum")
    point = pb.ExponentialHistogramDataPoint(
        start_time_unix_nano=100,
        time_unix_nano=200,
        count=6,
        sum=9.0,
        zero_count=1,
        positive=pb.ExponentialHistogramDataPoint.Buckets(bucket_counts=[2, 2]),
        negative=pb.ExponentialHistogramDataPoint.Buckets(bucket_counts=[1]),
    )
    data = pb.ExponentialHistogram(data_points=[point], aggregation_temporality=2)  # type: ignore[arg-type]  # an enum's number
    first, second, third = decode(plain, bare, pb.Metric(name="e", exponential_histogram=data))
    assert (first.kind, first.count, first.sum, first.buckets, first.bounds) == ("histogram", 6, 7.5, [1, 2, 3], [1, 2])
    assert (second.count, second.sum, second.buckets, second.bounds) == (6, None, [], [])
    assert (third.kind, third.count, third.sum, third.buckets) == ("exponential_histogram", 6, 9, [1, 2, 2, 1])


def test_a_series_is_where_it_came_from_and_its_labels() -> None:
    """Types count: the labels `1`, `1.0` and `True` are three series."""
    points = decode(counter("c", *(number(1, {"a": label}) for label in (1, 1.0, True, "1"))))
    assert len({point.series for point in points}) == 4
    lists = decode(counter("c", number(1, {"a": ["x"]}), number(1, {"a": ["x", "y"]})))
    assert len({point.series for point in lists}) == 2
    assert points[0].series == decode(counter("c", number(2, {"a": 1})))[0].series


def exemplar(**fields: Any) -> pb.NumberDataPoint:
    """A point with one exemplar."""
    return number(exemplars=[pb.Exemplar(**fields)])


def valueless() -> pb.NumberDataPoint:
    """A point without a value."""
    point = number()
    point.ClearField("as_int")
    return point


BAD: dict[str, pb.Metric] = {
    "metric: its name is empty": counter("", number()),
    "its data is `None`": pb.Metric(name="c"),
    "its data is `summary`": pb.Metric(name="c", summary=pb.Summary()),
    "it has no points": counter("c"),
    "does not say whether it is cumulative": counter("c", number(), temporality=0),
    "a counter with -1": counter("c", number(-1)),
    "a value is missing": counter("c", valueless()),
    "a point has no time": counter("c", number(time_unix_nano=0)),
    "a point has no start": counter("c", number(start_time_unix_nano=0)),
    "or ends before it": counter("c", number(start_time_unix_nano=201)),
    "bounds and buckets do not match": histogram("h", bucket_counts=[3, 3]),
    "its bounds do not increase": histogram("h", explicit_bounds=[2.0, 2.0]),
    "its buckets add up to 6, not 7": histogram("h", count=7),
    "`a` stands there twice": counter(
        "c", pb.NumberDataPoint(attributes=pairs({"a": 1}) * 2, time_unix_nano=2, start_time_unix_nano=1, as_int=1)
    ),
    "an exemplar has no time": counter("c", exemplar(as_int=1)),
    "an exemplar: its trace id": counter("c", exemplar(as_int=1, time_unix_nano=1, span_id=b"s" * 8)),
    "metric `x`: a value is missing": counter("x", exemplar(time_unix_nano=1)),
}


@pytest.mark.parametrize("said", BAD)
def test_a_malformed_metric_is_refused(said: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(Malformed, match=said):
        decode(BAD[said])
