"""Measurements into the OpenTelemetry SDK: the same instruments as the aggregator's, with the same points.

Exemplars come from the context that each measurement is recorded with. Tallies are observed when the SDK collects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, MeterProvider, Observation
from opentelemetry.sdk.metrics import AlignedHistogramBucketExemplarReservoir, ExemplarReservoir
from opentelemetry.sdk.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

from tracegate.telemetry import names
from tracegate.telemetry.metrics_table import INSTRUMENTS, Instrument
from tracegate.telemetry.metrics_tally import Counts
from tracegate.telemetry.model import Measurement
from tracegate.telemetry.sdk_spans import NOWHERE, context_of

MetricReplay = Callable[[Iterable[Measurement]], None]


class Metrics:
    """Records measurements with the instruments of a provider.

    Args:
        provider: Whose readers get them.
        tallies: Counts that are kept elsewhere and observed at each collection.
        zeros: Measurements of 0 that make series exist from the start.
    """

    __slots__ = ("_record",)

    def __init__(
        self, provider: MeterProvider, tallies: Sequence[Counts] = (), zeros: Iterable[Measurement] = ()
    ) -> None:
        meter = provider.get_meter(names.SCOPE, names.SCOPE_VERSION, names.SCHEMA_URL)
        observed = {tally.instrument: tally for tally in tallies}
        self._record: dict[str, Callable[..., None]] = {}
        for name, instrument in INSTRUMENTS.items():
            if name in observed:
                _observe(meter, instrument, observed[name])
            elif instrument.kind in ("counter", "histogram"):
                self._record[name] = _recorder(meter, instrument)
        self(zeros)

    def __call__(self, measurements: Iterable[Measurement]) -> None:
        """Record measurements, each in the context of its span."""
        context, at = NOWHERE, b""
        for instrument, amount, labels, _, trace, span in measurements:
            if span != at:
                context, at = context_of(trace, span), span
            self._record[instrument](amount, dict(labels), context)


def views(*, pinned: bool = True) -> list[View]:
    """Views for a provider of our own making: the buckets of histograms, and which exemplars counters keep.

    Args:
        pinned: Whether histograms have our buckets, whatever the exporter prefers.
    """
    latest = View(instrument_type=SdkCounter, meter_name=names.SCOPE, exemplar_reservoir_factory=_of_latest)
    if not pinned:
        return [latest]
    return [
        latest,
        *(
            View(
                instrument_name=made.name,
                meter_name=names.SCOPE,
                aggregation=ExplicitBucketHistogramAggregation(made.bounds),
            )
            for made in INSTRUMENTS.values()
            if made.kind == "histogram"
        ),
    ]


def _of_latest(aggregation: type) -> Callable[[dict[str, Any]], ExemplarReservoir]:
    return _latest


def _latest(*settings: object) -> ExemplarReservoir:
    # It keeps the latest measurement of each bucket; without bounds there is one bucket.
    return AlignedHistogramBucketExemplarReservoir(())


def _recorder(meter: Meter, instrument: Instrument) -> Callable[..., None]:
    name, unit, description = instrument.name, instrument.unit, instrument.description
    made: Counter | Histogram
    if instrument.kind == "histogram":
        # The buckets again, as advice: a host's provider has no views of ours.
        made = meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=instrument.bounds)
        return made.record
    made = meter.create_counter(name, unit, description)
    return made.add


def _observe(meter: Meter, instrument: Instrument, tally: Counts) -> None:
    create: Callable[..., object] = meter.create_observable_gauge
    if instrument.kind == "counter":
        create = meter.create_observable_counter
    elif instrument.kind == "updown":
        create = meter.create_observable_up_down_counter
    create(instrument.name, [partial(_observations, tally)], instrument.unit, instrument.description)


def _observations(tally: Counts, options: CallbackOptions) -> list[Observation]:
    return [Observation(count, dict(labels), NOWHERE) for labels, count in tally.counts()]
