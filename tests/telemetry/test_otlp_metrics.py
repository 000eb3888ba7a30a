"""Snapshots become OTLP that a strict receiver takes, byte by byte that of the official classes."""

from __future__ import annotations

import struct
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from tracegate.telemetry import names, otlp_metrics
from tracegate.telemetry.aggregate import HistogramPoint, Metric, NumberPoint, Snapshot
from tracegate.telemetry.metrics_labels import Labels
from tracegate.telemetry.metrics_table import INSTRUMENTS, Instrument, InstrumentKind
from tracegate.telemetry.model import Measurement
from tracegate.telemetry.otlp import Envelope
from tracegate.telemetry.otlp_metrics import encode_metrics
from tracegate.testing.otlp.decode import decode_metrics
from tracegate.testing.otlp.signals import Exemplar, Origin, Point

ORIGIN = Origin({"service.name": "t"}, names.SCOPE, names.SCOPE_VERSION, names.SCHEMA_URL)
LABELS: Labels = (("flag", True), ("port", 443), ("text", "é"))
SAID = {"flag": True, "port": 443, "text": "é"}


def decoded(name: str, *points: NumberPoint | HistogramPoint) -> list[Point]:
    """What a receiver gets of one metric."""
    snapshot = Snapshot(1, 9, (Metric(INSTRUMENTS[name], points),))
    return decode_metrics(Envelope({"service.name": "t"}).wrap([encode_metrics(snapshot)]))


def test_a_counter() -> None:
    """A cumulative monotonic sum; an integer stays one, and labels keep their types."""
    exemplar = Measurement("tracegate.attempts", 2, LABELS, 5, b"T" * 16, b"S" * 8)
    point = Point("tracegate.attempts", "{attempt}", "sum", SAID, 9, 1, True, True, 3, origin=ORIGIN)
    assert decoded("tracegate.attempts", NumberPoint(LABELS, 3, (exemplar,)), NumberPoint((), 0.5)) == [
        Point(
            "tracegate.attempts",
            "{attempt}",
            "sum",
            SAID,
            9,
            1,
            True,
            True,
            3,
            exemplars=(Exemplar(b"T" * 16, b"S" * 8, 5, 2),),
            origin=ORIGIN,
        ),
        Point("tracegate.attempts", "{attempt}", "sum", {}, 9, 1, True, True, 0.5, origin=ORIGIN),
    ]
    assert type(decoded("tracegate.attempts", NumberPoint(LABELS, 3))[0].value) is type(point.value)


def test_an_up_down_counter_may_fall() -> None:
    """It is a sum that is not monotonic."""
    name = "tracegate.requests.active"
    assert decoded(name, NumberPoint((), -1)) == [
        Point(name, "{request}", "sum", {}, 9, 1, True, False, -1, origin=ORIGIN)
    ]


def test_a_gauge() -> None:
    """A level has no beginning and adds nothing up."""
    name = "tracegate.audit.ship_lag"
    assert decoded(name, NumberPoint(LABELS, 1.5)) == [
        Point(name, "s", "gauge", SAID, 9, 0, None, None, 1.5, origin=ORIGIN)
    ]


def test_a_histogram() -> None:
    """Count, sum and buckets add up; bounds are the instrument's; exemplars are doubles."""
    name = "tracegate.gateway.overhead"
    bounds = INSTRUMENTS[name].bounds
    counts = (1, *(0,) * (len(bounds) - 1), 2)
    exemplar = Measurement(name, 2.5, (), 5, b"T" * 16, b"S" * 8)
    assert decoded(name, HistogramPoint((), counts, 4.5, 0.0, 2.5, (exemplar,))) == [
        Point(
            name,
            "s",
            "histogram",
            {},
            9,
            1,
            True,
            count=3,
            sum=4.5,
            buckets=list(counts),
            bounds=list(bounds),
            exemplars=(Exemplar(b"T" * 16, b"S" * 8, 5, 2.5),),
            origin=ORIGIN,
        )
    ]


CUMULATIVE = pb.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def official(snapshot: Snapshot) -> bytes:
    """A snapshot by the official classes."""
    metrics = [official_metric(metric, snapshot.start, snapshot.time) for metric in snapshot.metrics]
    return bytes(pb.ScopeMetrics(metrics=metrics).SerializeToString())


def official_metric(metric: Metric, start: int, time: int) -> pb.Metric:
    """A metric by the official classes."""
    instrument = metric.instrument
    out = pb.Metric(name=instrument.name, description=instrument.description, unit=instrument.unit)
    if instrument.kind == "histogram":
        out.histogram.aggregation_temporality = CUMULATIVE
    elif instrument.kind == "gauge":
        out.gauge.SetInParent()
    else:
        out.sum.aggregation_temporality = CUMULATIVE
        out.sum.is_monotonic = instrument.kind == "counter"
    for point in metric.points:
        attributes = [KeyValue(key=key, value=official_value(value)) for key, value in point.labels]
        exemplars = [official_exemplar(exemplar) for exemplar in point.exemplars]
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
            points = out.gauge.data_points if instrument.kind == "gauge" else out.sum.data_points
            number = points.add(attributes=attributes, time_unix_nano=time, exemplars=exemplars)
            if instrument.kind != "gauge":
                number.start_time_unix_nano = start
            if isinstance(point.value, int):
                number.as_int = point.value
            else:
                number.as_double = point.value
    return out


def official_exemplar(measurement: Measurement) -> pb.Exemplar:
    """An exemplar by the official classes."""
    out = pb.Exemplar(time_unix_nano=measurement.time, trace_id=measurement.trace, span_id=measurement.span)
    if isinstance(measurement.amount, int):
        out.as_int = measurement.amount
    else:
        out.as_double = measurement.amount
    return out


def official_value(value: str | bool | int) -> AnyValue:
    """A label's value by the official classes."""
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(bool_value=value) if isinstance(value, bool) else AnyValue(int_value=value)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
signed = st.integers(-(2**63), 2**63 - 1)
doubles = st.floats(allow_nan=False)
times = st.integers(0, 2**64 - 1)
label_sets = st.dictionaries(texts.filter(bool), texts | st.booleans() | signed, max_size=4).map(
    lambda values: tuple(values.items())
)
exemplars = st.builds(
    Measurement,
    st.just("m"),
    signed | doubles,
    st.just(()),
    times,
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=8, max_size=8),
)
many_exemplars = st.lists(exemplars, max_size=3).map(tuple)
numbers = st.builds(NumberPoint, label_sets, signed | doubles, many_exemplars)


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    """Any instrument with points of its kind."""
    kind: InstrumentKind = draw(st.sampled_from(get_args(InstrumentKind)))
    bounds = tuple(draw(st.lists(doubles, max_size=20))) if kind == "histogram" else ()
    made = Instrument(draw(texts.filter(bool)), kind, draw(texts), draw(texts), bounds)
    size = len(bounds) + 1
    counts = st.lists(st.integers(0, 2**50), min_size=size, max_size=size).map(tuple)
    amounts = doubles | st.integers(-(2**40), 2**40)
    distributions = st.builds(HistogramPoint, label_sets, counts, amounts, amounts, amounts, many_exemplars)
    return Metric(made, tuple(draw(st.lists(distributions if kind == "histogram" else numbers, max_size=3))))


@given(times, times, st.lists(metrics(), max_size=3))
def test_any_snapshot_is_written_as_the_official_classes_write_it(start: int, time: int, made: list[Metric]) -> None:
    """All kinds, label types and sizes of numbers; what was kept of one snapshot gives the same bytes again."""
    snapshot = Snapshot(start, time, tuple(made))
    assert encode_metrics(snapshot) == encode_metrics(snapshot) == official(snapshot)


def test_labels_that_are_equal_stay_apart() -> None:
    """`1` and `True` are equal and hash alike."""
    for value in (1, True, 0, False):
        snapshot = Snapshot(1, 2, (Metric(INSTRUMENTS["tracegate.attempts"], (NumberPoint((("k", value),), 1),)),))
        assert encode_metrics(snapshot) == official(snapshot)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was forgotten, the bytes are right."""
    monkeypatch.setattr(otlp_metrics, "SERIES", 5)
    for n in range(20):
        snapshot = Snapshot(1, 2, (Metric(INSTRUMENTS["tracegate.attempts"], (NumberPoint((("k", n),), 1),)),))
        assert encode_metrics(snapshot) == official(snapshot)
    assert len(otlp_metrics._written) <= 5


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_what_does_not_fit_is_refused(value: int) -> None:
    """Rather than written wrong."""
    with pytest.raises(struct.error):
        encode_metrics(Snapshot(1, 2, (Metric(INSTRUMENTS["tracegate.attempts"], (NumberPoint((), value),)),)))
