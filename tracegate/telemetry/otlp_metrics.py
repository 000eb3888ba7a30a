"""A snapshot of the aggregator as OTLP: the entries of `ScopeMetrics.metrics`, serialised.

Written directly like spans, and as exactly; `otlp.Envelope` puts the resource and the scope around what is returned
here. A label set is written once, however often it is exported: with ten thousand series that is what keeps an export
from holding the event loop up.
Source: opentelemetry-proto 1.x, `metrics.proto`; fields are filled as the OpenTelemetry SDK fills them.
"""

from __future__ import annotations

from struct import Struct

from tracegate.telemetry.aggregate import HistogramPoint, Metric, NumberPoint, Snapshot
from tracegate.telemetry.metrics_labels import Labels
from tracegate.telemetry.model import Measurement
from tracegate.telemetry.protobuf import field, key_value, text_field

SERIES = 10_000
"""Label sets whose bytes are kept, about 3 MB; when they are full they are forgotten and begin anew."""

CUMULATIVE = b"\x10\x02"  # aggregation_temporality = 2 of Sum and Histogram
MONOTONIC = b"\x18\x01"  # Sum.is_monotonic = 3

# A fixed64, an sfixed64 or a double with its tag.
_fixed = Struct("<BQ").pack
_signed = Struct("<Bq").pack
_double = Struct("<Bd").pack
_extremes = Struct("<BdBd").pack


def encode_metrics(snapshot: Snapshot) -> bytes:
    """The entries of `ScopeMetrics.metrics` for what was counted.

    Raises:
        struct.error: If a sum does not fit 64 bits.
    """
    start, time = _at(0x11, snapshot.start), _at(0x19, snapshot.time)  # fields 2 and 3 of both kinds of point
    return b"".join(field(0x12, _metric(metric, start, time)) for metric in snapshot.metrics)


def _metric(metric: Metric, start: bytes, time: bytes) -> bytes:
    instrument = metric.instrument
    times = time if instrument.kind == "gauge" else start + time  # a level has no beginning
    head = text_field(0x0A, instrument.name)
    if instrument.description:
        head += text_field(0x12, instrument.description)
    if instrument.unit:
        head += text_field(0x1A, instrument.unit)
    bounds = instrument.bounds
    limits = field(0x3A, Struct(f"<{len(bounds)}d").pack(*bounds)) if bounds else b""  # explicit_bounds = 7, packed
    points = [
        field(0x0A, _histogram(point, times, limits) if isinstance(point, HistogramPoint) else _number(point, times))
        for point in metric.points
    ]
    if instrument.kind == "gauge":
        return head + field(0x2A, b"".join(points))
    if instrument.kind == "histogram":
        return head + field(0x4A, b"".join((*points, CUMULATIVE)))
    kind = CUMULATIVE + MONOTONIC if instrument.kind == "counter" else CUMULATIVE
    return head + field(0x3A, b"".join((*points, kind)))


def _histogram(point: HistogramPoint, times: bytes, limits: bytes) -> bytes:
    counts = point.counts
    return b"".join(
        (
            times,
            _fixed(0x21, sum(counts)) if any(counts) else b"",
            _double(0x29, point.sum),
            field(0x32, Struct(f"<{len(counts)}Q").pack(*counts)),
            limits,
            *[field(0x42, _exemplar(exemplar)) for exemplar in point.exemplars],
            _attributes(0x4A, point.labels),
            _extremes(0x59, point.min, 0x61, point.max),
        )
    )


def _number(point: NumberPoint, times: bytes) -> bytes:
    value = point.value
    exemplars = b"".join([field(0x2A, _exemplar(exemplar)) for exemplar in point.exemplars])
    # as_int = 6 stands behind the exemplars, as_double = 4 before them.
    amount = exemplars + _signed(0x31, value) if isinstance(value, int) else _double(0x21, value) + exemplars
    return times + amount + _attributes(0x3A, point.labels)


def _exemplar(measurement: Measurement) -> bytes:
    amount, span, trace = measurement.amount, field(0x22, measurement.span), field(0x2A, measurement.trace)
    if isinstance(amount, int):
        return _at(0x11, measurement.time) + span + trace + _signed(0x31, amount)
    return _at(0x11, measurement.time) + _double(0x19, amount) + span + trace


def _at(tag: int, time: int) -> bytes:
    """A time; 0 is the field's default, which is not written."""
    return _fixed(tag, time) if time else b""


def _attributes(tag: int, labels: Labels) -> bytes:
    """The entries of a label set, made once for each object: `1` and `True` are equal, but not the same bytes."""
    known = _written.get((tag, id(labels)))
    if known is not None and known[0] is labels:
        return known[1]
    made = b"".join([field(tag, key_value(key, value)) for key, value in labels])
    if len(_written) >= SERIES:
        _written.clear()
    _written[tag, id(labels)] = labels, made  # kept with its bytes, so that its id stays its own
    return made


_written: dict[tuple[int, int], tuple[Labels, bytes]] = {}
