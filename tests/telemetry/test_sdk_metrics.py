"""Both ways of summing up agree: the same requests give the same points through the SDK and without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics as encode_sdk_metrics
from opentelemetry.sdk.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics import Histogram as SdkHistogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource

from tests.telemetry.recorders import CASES, ROUTES, TARGETS, failed_over, plain, streamed
from tests.telemetry.test_metrics_table import CONVENTIONS
from tracegate.record import Recorder
from tracegate.telemetry import names
from tracegate.telemetry.aggregate import Aggregator
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_labels import Labels
from tracegate.telemetry.metrics_tally import Active, Losses
from tracegate.telemetry.model import Measurement
from tracegate.telemetry.otlp import Envelope
from tracegate.telemetry.otlp_metrics import encode_metrics
from tracegate.telemetry.sdk_metrics import Metrics, views
from tracegate.testing.clock import FakeClock
from tracegate.testing.otlp.decode import decode_metrics
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.otlp.signals import Point, frozen

RESOURCE = {"service.name": "tracegate-test"}
RECORDERS: list[Callable[[int], Recorder]] = list(CASES)


class Direct:
    """Measurements summed up by the aggregator and rendered by us."""

    def __init__(self) -> None:
        self.measurements = Measurements(TARGETS, ROUTES, tokens=True)
        self.losses = Losses()
        self.active = Active(self.measurements.names)
        self._aggregator = Aggregator(FakeClock(), self.losses, [self.active])
        self._aggregator.add(self.measurements.zeros())

    def take(self, measurements: Iterable[Measurement]) -> None:
        """Sum up."""
        self._aggregator.add(measurements)

    def points(self) -> list[Point]:
        """What a receiver gets."""
        return decode_metrics(Envelope(RESOURCE).wrap([encode_metrics(self._aggregator.snapshot())]))


class ThroughSdk:
    """The same measurements, recorded with the SDK's instruments and rendered by its encoder."""

    def __init__(self) -> None:
        self.measurements = Measurements(TARGETS, ROUTES, tokens=True)
        self.losses = Losses()
        self.active = Active(self.measurements.names)
        self._reader = InMemoryMetricReader()
        provider = MeterProvider([self._reader], Resource(RESOURCE), shutdown_on_exit=False, views=views())
        self.take = Metrics(provider, (self.active, self.losses), self.measurements.zeros())

    def points(self) -> list[Point]:
        """What a receiver gets."""
        data = self._reader.get_metrics_data()
        assert data is not None
        return decode_metrics(encode_sdk_metrics(data).SerializeToString())


def comparable(points: Iterable[Point]) -> list[Point]:
    """In one order, without the times: the SDK reads its own clock."""
    return sorted(
        (
            replace(
                point,
                time=0,
                start=0,
                buckets=tuple(point.buckets),
                bounds=tuple(point.bounds),
                exemplars=tuple(replace(exemplar, time=0) for exemplar in point.exemplars),
            )
            for point in points
        ),
        key=lambda point: repr((point.metric, frozen(point.labels))),
    )


def both(recorders: Iterable[Recorder]) -> tuple[Direct, ThroughSdk]:
    """Both ways, having taken the same requests."""
    ways = Direct(), ThroughSdk()
    for recorder in recorders:
        for way in ways:
            way.take(way.measurements(recorder))
    return ways


@pytest.mark.parametrize("case", RECORDERS)
def test_one_request_gives_the_same_points(case: Callable[[int], Recorder]) -> None:
    """Names, units, kinds, labels, values, buckets, exemplars with their spans, scope and schema."""
    direct, sdk = both([case(1)])
    assert comparable(direct.points()) == comparable(sdk.points())


def test_many_requests_give_the_same_points_time_after_time() -> None:
    """Sums are cumulative, exemplars are those since the collection before."""
    direct, sdk = both(case(seed) for seed, case in enumerate(RECORDERS * 3))
    first = comparable(direct.points())
    assert first == comparable(sdk.points())
    assert any(point.exemplars for point in first)
    again = comparable(direct.points())
    assert again == comparable(sdk.points())
    assert [replace(point, exemplars=()) for point in first] == again
    recorder = plain(99)
    for way in (direct, sdk):
        way.take(way.measurements(recorder))
    assert comparable(direct.points()) == comparable(sdk.points())


def test_series_that_must_exist_do_before_anything_happened() -> None:
    """Ruling 42, on both ways."""
    direct, sdk = both([])
    assert comparable(direct.points()) == comparable(sdk.points())
    assert {point.value for point in direct.points()} == {0}
    assert {point.metric for point in direct.points()} == {
        "tracegate.attempts",
        "tracegate.cost.unknown",
        "tracegate.region.conflicts",
        "tracegate.responses.served",
        "tracegate.telemetry.errors",
        "tracegate.usage.unknown",
    }


def test_requests_in_flight_and_losses_are_the_same() -> None:
    """What is not measured of records is observed when it is collected."""
    direct, sdk = both([])
    for way in (direct, sdk):
        label = way.active.begin("default")
        way.active.begin(None)
        way.active.begin("default")
        way.active.end(label)
        way.losses.add(names.LOST_RENDER, 3)
    assert comparable(direct.points()) == comparable(sdk.points())
    flying = [point for point in direct.points() if point.metric == "tracegate.requests.active"]
    assert [(dict(point.labels), point.value, point.monotonic) for point in flying] == [
        ({"tracegate.route.name": "default"}, 1, False),
        ({"tracegate.route.name": "none"}, 1, False),
    ]


def test_exemplars_point_to_the_spans_of_the_request() -> None:
    """The latest attempt of each series; the SERVER span for the request."""
    recorder = failed_over(7)
    direct, _ = both([streamed(8), recorder])
    found = {point.metric: exemplar for point in direct.points() for exemplar in point.exemplars}
    request, fallback = found["tracegate.request.duration"], found["tracegate.fallbacks"]
    assert (request.trace, request.span) == (recorder.trace, recorder.server.span)
    assert (fallback.trace, fallback.span) == (recorder.trace, recorder.records[-1].span)


def test_too_many_label_sets_overflow_alike() -> None:
    """Both keep the specification's 2,000 and put the rest under its label; ours counts it."""
    direct, sdk = both([])
    for way in (direct, sdk):
        way.take(
            Measurement("tracegate.fallbacks", 1, (("tracegate.fallback.from", str(number)),), 1, b"", b"")
            for number in range(2010)
        )
    kept = [[point for point in way.points() if point.metric == "tracegate.fallbacks"] for way in (direct, sdk)]
    assert comparable(kept[0]) == comparable(kept[1])
    assert [(dict(point.labels), point.value) for point in kept[0]][-1] == ({"otel.metric.overflow": True}, 10)
    assert len(kept[0]) == 2001
    lost = {
        point.labels["tracegate.telemetry.where"]: point.value for point in direct.points() if "where" in str(point)
    }
    assert lost[names.LOST_METRICS_LABELS] == 10


def test_what_is_exported_agrees_with_the_pinned_conventions() -> None:
    """Every name, type, unit and enumerated value, as an independent reader of the fixture sees them."""
    direct, sdk = both(case(seed) for seed, case in enumerate(RECORDERS))
    registry = Registry.of(CONVENTIONS)
    assert registry.findings([], direct.points(), []) == []
    assert registry.findings([], sdk.points(), []) == []
    scopes = {(point.origin.scope, point.origin.schema_url) for point in direct.points()}
    assert scopes == {(CONVENTIONS["scope"]["name"], CONVENTIONS["scope"]["schema_url"])}


def test_a_provider_without_our_views_still_has_our_buckets() -> None:
    """A host's provider takes them as advice."""
    reader = InMemoryMetricReader()
    Metrics(MeterProvider([reader], shutdown_on_exit=False))([_duration()])
    data = reader.get_metrics_data()
    assert data is not None
    (point,) = decode_metrics(encode_sdk_metrics(data).SerializeToString())
    assert list(point.bounds) == CONVENTIONS["buckets"][point.metric]


@pytest.mark.parametrize(("pinned", "kind"), [(True, "histogram"), (False, "exponential_histogram")])
def test_buckets_are_pinned_unless_asked_otherwise(pinned: bool, kind: str) -> None:
    """An exporter that prefers exponential histograms gets them only where the views leave it the choice."""
    reader = InMemoryMetricReader(preferred_aggregation={SdkHistogram: ExponentialBucketHistogramAggregation()})
    Metrics(MeterProvider([reader], shutdown_on_exit=False, views=views(pinned=pinned)))([_duration()])
    data = reader.get_metrics_data()
    assert data is not None
    (point,) = decode_metrics(encode_sdk_metrics(data).SerializeToString())
    assert point.kind == kind


def test_views_leave_the_instruments_of_others_alone() -> None:
    """Another scope's counter keeps the SDK's way of choosing exemplars, and its name."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False, views=views())
    counter = provider.get_meter("somebody").create_counter("tracegate.attempts")
    assert isinstance(counter, SdkCounter)
    counter.add(2)
    data = reader.get_metrics_data()
    assert data is not None
    points = decode_metrics(encode_sdk_metrics(data).SerializeToString())
    assert [(point.metric, point.value, point.origin.scope) for point in points] == [
        ("tracegate.attempts", 2, "somebody")
    ]


def _duration() -> Measurement:
    labels: Labels = (("tracegate.route.name", "default"),)
    return Measurement("tracegate.request.duration", 0.3, labels, 1, b"", b"")
