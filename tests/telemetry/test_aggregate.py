"""Summing up: cumulative, bounded, with exemplars that point to the latest span."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tracegate.telemetry import aggregate, names
from tracegate.telemetry.aggregate import OVERFLOW, Aggregator, HistogramPoint, NumberPoint, Snapshot
from tracegate.telemetry.metrics_labels import Labels
from tracegate.telemetry.metrics_table import INSTRUMENTS
from tracegate.telemetry.metrics_tally import Losses, Tally
from tracegate.telemetry.model import Measurement
from tracegate.testing.clock import EPOCH, FakeClock

A: Labels = (("route", "a"),)
B: Labels = (("route", "b"),)
COUNTER = names.METRIC_TRACEGATE_ATTEMPTS
HISTOGRAM = names.METRIC_TRACEGATE_GATEWAY_OVERHEAD


def measured(instrument: str, amount: float, labels: Labels = A, span: bytes = b"") -> Measurement:
    """One measurement, in a span or in none."""
    return Measurement(instrument, amount, labels, 5, b"T" * 16 if span else b"", span)


def points(snapshot: Snapshot, instrument: str) -> list[NumberPoint | HistogramPoint]:
    """The points of one instrument."""
    return [point for metric in snapshot.metrics if metric.instrument.name == instrument for point in metric.points]


def test_counters_add_up_by_label_set() -> None:
    """A series made with 0 exists; one nobody counted does not."""
    aggregator = Aggregator(FakeClock(), Losses())
    aggregator.add([measured(COUNTER, 0), measured(COUNTER, 2, B), measured(COUNTER, 3, B)])
    assert points(aggregator.snapshot(), COUNTER) == [NumberPoint(A, 0), NumberPoint(B, 5)]
    aggregator.add([measured(COUNTER, 1)])
    assert points(aggregator.snapshot(), COUNTER) == [NumberPoint(A, 1), NumberPoint(B, 5)]
    assert points(aggregator.snapshot(), HISTOGRAM) == []


def test_integers_stay_integers() -> None:
    """Money in micro-units is exact, however large."""
    aggregator = Aggregator(FakeClock(), Losses())
    aggregator.add([measured(COUNTER, 2**53), measured(COUNTER, 1)])
    (point,) = points(aggregator.snapshot(), COUNTER)
    assert isinstance(point, NumberPoint)
    assert (point.value, type(point.value)) == (2**53 + 1, int)


def test_a_histogram_keeps_buckets_sum_and_extremes() -> None:
    """A bound belongs to the bucket below it; the last bucket has none."""
    bounds = INSTRUMENTS[HISTOGRAM].bounds
    assert all(low < high for low, high in pairwise(bounds))
    aggregator = Aggregator(FakeClock(), Losses())
    amounts = (0.0, bounds[0], bounds[1] + 1e-9, 5.0)
    aggregator.add([measured(HISTOGRAM, amount) for amount in amounts])
    counts = [0] * (len(bounds) + 1)
    counts[0], counts[2], counts[-1] = 2, 1, 1
    assert points(aggregator.snapshot(), HISTOGRAM) == [HistogramPoint(A, tuple(counts), sum(amounts), 0.0, 5.0)]


def test_exemplars_are_the_latest_and_are_handed_out_once() -> None:
    """One per bucket of a histogram, one per series of a counter; a measurement without a span gives none."""
    aggregator = Aggregator(FakeClock(), Losses())
    made = [
        measured(COUNTER, 1, span=b"first---"),
        measured(COUNTER, 1, span=b"latest--"),
        measured(COUNTER, 1),
        measured(HISTOGRAM, 9.0, span=b"slow----"),
        measured(HISTOGRAM, 0.0, span=b"older---"),
        measured(HISTOGRAM, 0.0, span=b"quick---"),
        measured(HISTOGRAM, 0.003),
    ]
    aggregator.add(made)
    snapshot = aggregator.snapshot()
    (counter,), (histogram,) = points(snapshot, COUNTER), points(snapshot, HISTOGRAM)
    assert counter.exemplars == (made[1],)
    assert histogram.exemplars == (made[5], made[3])
    assert [point.exemplars for of in (COUNTER, HISTOGRAM) for point in points(aggregator.snapshot(), of)] == [(), ()]


def test_label_sets_are_bounded_and_the_overflow_is_counted() -> None:
    """What comes after the limit is summed up under one label set; nothing is lost but its labels."""
    losses = Losses()
    aggregator = Aggregator(FakeClock(), losses, limit=2)
    for number in range(5):
        aggregator.add([measured(COUNTER, 1, (("route", str(number)),)), measured(HISTOGRAM, 0.1, A)])
    first: Labels = (("route", "0"),)
    second: Labels = (("route", "1"),)
    assert points(aggregator.snapshot(), COUNTER) == [
        NumberPoint(first, 1),
        NumberPoint(second, 1),
        NumberPoint(OVERFLOW, 3),
    ]
    lost = {labels[0][1]: count for labels, count in losses.counts() if count}
    assert lost == {names.LOST_METRICS_LABELS: 3}


def test_tallies_are_read_at_the_snapshot() -> None:
    """Losses are always among them."""
    losses = Losses()
    active = Tally(names.METRIC_TRACEGATE_REQUESTS_ACTIVE, "route")
    aggregator = Aggregator(FakeClock(), losses, [active])
    active.add("a", 2)
    losses.add(names.LOST_RENDER, 4)
    snapshot = aggregator.snapshot()
    assert points(snapshot, names.METRIC_TRACEGATE_REQUESTS_ACTIVE) == [NumberPoint(A, 2)]
    lost = {point.labels[0][1]: point for point in points(snapshot, names.METRIC_TRACEGATE_TELEMETRY_ERRORS)}
    assert set(lost) == set(names.LOST)
    assert lost[names.LOST_RENDER] == NumberPoint(((names.TRACEGATE_TELEMETRY_WHERE, names.LOST_RENDER),), 4)


def test_a_snapshot_says_from_when_to_when() -> None:
    """Cumulative since the aggregator was made."""
    clock = FakeClock()
    aggregator = Aggregator(clock, Losses())
    clock.advance(7)
    snapshot = aggregator.snapshot()
    assert (snapshot.start, snapshot.time) == (EPOCH, EPOCH + 7)


def test_label_sets_are_known_by_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal ones are one series, whichever object says them, and when too many were seen to remember each."""
    monkeypatch.setattr(aggregate, "SEEN", 3)
    aggregator = Aggregator(FakeClock(), Losses())
    for n in range(50):
        fresh = [(("route", f"{'ab'[n % 2]}"),) for _ in range(2)]
        aggregator.add([measured(COUNTER, 1, labels) for labels in fresh])
        aggregator.add([measured(HISTOGRAM, 1.0, labels) for labels in fresh])
        assert len(aggregator._seen) <= 3
    snapshot = aggregator.snapshot()
    assert points(snapshot, COUNTER) == [NumberPoint(A, 50), NumberPoint(B, 50)]
    assert [sum(p.counts) for p in points(snapshot, HISTOGRAM) if isinstance(p, HistogramPoint)] == [50, 50]
