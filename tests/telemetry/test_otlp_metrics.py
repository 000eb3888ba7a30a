"""Snapshots become OTLP that a strict receiver takes."""

from __future__ import annotations

from tracegate.telemetry import names
from tracegate.telemetry.aggregate import HistogramPoint, Metric, NumberPoint, Snapshot
from tracegate.telemetry.metrics_labels import Labels
from tracegate.telemetry.metrics_table import INSTRUMENTS
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
