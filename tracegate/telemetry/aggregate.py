"""Sums measurements up for the direct renderer: counters, histograms with pinned buckets, exemplars.

Everything is cumulative since the aggregator was made. It is lean because it may be: instruments are a closed table,
label sets are made once elsewhere, one thread writes. `otlp_metrics` turns a snapshot into bytes.
Exemplars follow the OpenTelemetry SDK, so that both renderers agree: of a histogram the latest of each bucket, of a
counter the latest of each series, those since the snapshot before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from tracegate.clock import Clock
from tracegate.telemetry import names
from tracegate.telemetry.metrics_labels import Labels
from tracegate.telemetry.metrics_table import INSTRUMENTS, Instrument
from tracegate.telemetry.metrics_tally import Counts, Losses
from tracegate.telemetry.model import Measurement

SERIES_LIMIT = 2000
"""Label sets per instrument. Source: the default of the OpenTelemetry metrics SDK specification."""

SEEN = 8192
"""Label sets that are found by identity; more than a configuration makes, whatever clients send."""

OVERFLOW: Labels = (("otel.metric.overflow", True),)
"""The label set of what came after the limit. Source: the same specification, section "cardinality limits"."""


_new = tuple.__new__  # half the cost of calling the class


@dataclass(frozen=True, slots=True)
class NumberPoint:
    """The sum of one series."""

    labels: Labels
    value: int | float
    exemplars: tuple[Measurement, ...] = ()


@dataclass(frozen=True, slots=True)
class HistogramPoint:
    """The distribution of one series; `counts` has one bucket more than the instrument has bounds."""

    labels: Labels
    counts: tuple[int, ...]
    sum: int | float
    min: int | float
    max: int | float
    exemplars: tuple[Measurement, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """All series of one instrument."""

    instrument: Instrument
    points: tuple[NumberPoint | HistogramPoint, ...]  # all of one kind


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was counted from `start` to `time`, both UTC nanoseconds."""

    start: int
    time: int
    metrics: tuple[Metric, ...]


class Aggregator:
    """Adds measurements up; used from one thread.

    Args:
        clock: Gives the UTC time of start and snapshots.
        losses: Counts what had to go to an overflow series.
        tallies: Counts that are kept elsewhere and read at each snapshot, besides `losses`.
        limit: Label sets per instrument.
    """

    __slots__ = ("_clock", "_known", "_limit", "_losses", "_seen", "_series", "_start", "_tallies")

    def __init__(
        self, clock: Clock, losses: Losses, tallies: Sequence[Counts] = (), *, limit: int = SERIES_LIMIT
    ) -> None:
        self._clock = clock
        self._losses = losses
        self._tallies = (*tallies, losses)
        self._limit = limit
        self._start = clock.wall()
        self._series: dict[str, dict[Labels, _Sum | _Distribution]] = {name: {} for name in INSTRUMENTS}
        self._known: dict[str, dict[int, _Sum | _Distribution]] = {name: {} for name in INSTRUMENTS}
        self._seen: list[Labels] = []  # whose ids are in `_known`: while they are held, an id is nobody else's

    def add(self, measurements: Iterable[Measurement]) -> None:
        """Add measurements up."""
        known = self._known
        for measurement in measurements:
            instrument, amount, labels, _, _, span = measurement
            try:
                series = known[instrument][id(labels)]  # label sets are made once, and to hash one is dear
            except KeyError:
                series = self._find(instrument, labels)
            if isinstance(series, _Sum):
                series.value += amount
                if span:
                    series.exemplar = measurement
            else:
                bucket = bisect_left(series.bounds, amount)
                series.counts[bucket] += 1
                series.sum += amount
                if amount < series.min:
                    series.min = amount
                if amount > series.max:
                    series.max = amount
                if span:
                    series.exemplars[bucket] = measurement

    def bound(self, measurement: Measurement) -> Bound:
        """Where a measurement was added, so that others like it can be added by `count`.

        Raises:
            KeyError: Its label set has no series of its own.
        """
        instrument, _, labels, _, _, _ = measurement
        return self._series[instrument][labels], instrument, labels

    def count(self, bound: Sequence[Bound], counted: Sequence[Counted]) -> None:
        """Add what was measured in some spans of one kind, as `add` would: of each the amounts in the order of `bound`.

        It goes series by series, which takes a fifth of the time.
        """
        _, when, trace, span = counted[-1]
        for (series, instrument, labels), amounts in zip(
            bound, zip(*[one[0] for one in counted], strict=True), strict=True
        ):
            if isinstance(series, _Sum):
                series.value = sum(amounts, series.value)
                series.exemplar = _new(Measurement, (instrument, amounts[-1], labels, when, trace, span))
            else:
                series.sum = sum(amounts, series.sum)
                series.min, series.max = min(series.min, *amounts), max(series.max, *amounts)
                bounds, counts = series.bounds, series.counts
                latest = {}
                for at, amount in enumerate(amounts):
                    bucket = bisect_left(bounds, amount)
                    counts[bucket] += 1
                    latest[bucket] = at
                for bucket, at in latest.items():
                    amount, (_, when_, trace_, span_) = amounts[at], counted[at]
                    series.exemplars[bucket] = _new(Measurement, (instrument, amount, labels, when_, trace_, span_))

    def snapshot(self) -> Snapshot:
        """What was counted so far; exemplars are handed out once."""
        metrics = []
        tallies = {tally.instrument: tally for tally in self._tallies}
        for name, instrument in INSTRUMENTS.items():
            points: list[NumberPoint | HistogramPoint] = [
                series.point(labels) for labels, series in self._series[name].items()
            ]
            if name in tallies:
                points += [NumberPoint(labels, count) for labels, count in tallies[name].counts()]
            if points:
                metrics.append(Metric(instrument, tuple(points)))
        return Snapshot(self._start, self._clock.wall(), tuple(metrics))

    def _find(self, name: str, labels: Labels) -> _Sum | _Distribution:
        """The series of a label set that was not seen as this object before."""
        series = self._series[name].get(labels)
        if series is None:
            return self._admit(name, labels)
        if len(self._seen) >= SEEN:
            self._seen.clear()
            for known in self._known.values():
                known.clear()
        self._seen.append(labels)
        self._known[name][id(labels)] = series
        return series

    def _admit(self, name: str, labels: Labels) -> _Sum | _Distribution:
        of = self._series[name]
        if len(of) >= self._limit:
            self._losses.add(names.LOST_METRICS_LABELS)
            labels = OVERFLOW
            if labels in of:
                return of[labels]
        bounds = INSTRUMENTS[name].bounds
        series = of[labels] = _Distribution(bounds) if bounds else _Sum()
        return series


class _Sum:
    __slots__ = ("exemplar", "value")

    def __init__(self) -> None:
        self.value: int | float = 0
        self.exemplar: Measurement | None = None

    def point(self, labels: Labels) -> NumberPoint:
        exemplar, self.exemplar = self.exemplar, None
        return NumberPoint(labels, self.value, () if exemplar is None else (exemplar,))


class _Distribution:
    __slots__ = ("bounds", "counts", "exemplars", "max", "min", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.exemplars: dict[int, Measurement] = {}
        self.sum: int | float = 0
        self.min: int | float = inf
        self.max: int | float = -inf

    def point(self, labels: Labels) -> HistogramPoint:
        exemplars, self.exemplars = self.exemplars, {}
        latest = tuple(exemplars[bucket] for bucket in sorted(exemplars))
        return HistogramPoint(labels, tuple(self.counts), self.sum, self.min, self.max, latest)


Bound: TypeAlias = tuple[_Sum | _Distribution, str, Labels]
"""A series, with the instrument and the label set that it is of."""

Counted: TypeAlias = tuple[list[int | float], int, bytes, bytes]
"""Amounts, when they were measured, and in which trace and span."""
