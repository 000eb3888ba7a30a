"""What the audit log counted is told by both renderers alike, and nothing that nobody knows."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics as encode_sdk_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from tests.telemetry.test_metrics_table import CONVENTIONS
from tests.telemetry.test_sdk_metrics import RESOURCE, comparable
from tracegate.custody import LogNumbers, Numbers
from tracegate.telemetry.aggregate import Aggregator
from tracegate.telemetry.metrics_audit import OF_LOG, OF_PROCESS, Audited
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.otlp import Envelope
from tracegate.telemetry.otlp_metrics import encode_metrics
from tracegate.telemetry.sdk_metrics import Metrics, views
from tracegate.testing.clock import FakeClock
from tracegate.testing.otlp.decode import decode_metrics
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.otlp.signals import Point

OLD, NEW = "gate.example/tracegate/default/a/2026-10", "gate.example/tracegate/default/a/2026-11"


class Keeper:
    """Says what it is told to say."""

    def __init__(self, numbers: Numbers) -> None:
        self.said = numbers

    def numbers(self) -> Numbers:
        """See `Custodian`."""
        return self.said


BUSY = Numbers(
    logs=(LogNumbers(OLD, 900, 900), LogNumbers(NEW, 41, 38)),
    open_intents=3,
    records=17,
    failures=2,
    aborted=1,
    pauses=4,
    erasures=5,
    reads=6,
    heartbeats=7,
    anchors=9,
    unanchored=10,
    unshipped=8,
    ship_lag_ns=1_500_000_000,
)


def direct(audited: Audited) -> list[Point]:
    """What a receiver gets of the direct renderer."""
    aggregator = Aggregator(FakeClock(), Losses(), audited.counts())
    return decode_metrics(Envelope(RESOURCE).wrap([encode_metrics(aggregator.snapshot())]))


def replayed(audited: Audited) -> list[Point]:
    """The same, of the OpenTelemetry SDK."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], Resource(RESOURCE), shutdown_on_exit=False, views=views())
    Metrics(provider, (*audited.counts(), Losses()))
    data = reader.get_metrics_data()
    assert data is not None
    return decode_metrics(encode_sdk_metrics(data).SerializeToString())


def told(audited: Audited) -> dict[tuple[str, str | None], float]:
    """Values by metric and label, the same from both renderers."""
    points = direct(audited)
    assert comparable(points) == comparable(replayed(audited))
    assert Registry.of(CONVENTIONS).findings([], points, []) == []
    assert {point.kind for point in points} <= {"sum", "gauge"}
    own = [point for point in points if point.metric.startswith("tracegate.audit.")]
    return {(point.metric, str(next(iter(point.labels.values()), None))): point.value or 0 for point in own}


def test_everything_that_was_counted_is_told() -> None:
    """Counters and levels of the process, and of each log its size and its head."""
    audited = Audited("strict")
    audited.watch(Keeper(BUSY))
    assert told(audited) == {
        ("tracegate.audit.records", "None"): 17,
        ("tracegate.audit.failures", "None"): 2,
        ("tracegate.audit.aborted", "None"): 1,
        ("tracegate.audit.pauses", "None"): 4,
        ("tracegate.audit.erasures", "None"): 5,
        ("tracegate.audit.reads", "None"): 6,
        ("tracegate.audit.heartbeats", "None"): 7,
        ("tracegate.audit.anchors", "None"): 9,
        ("tracegate.audit.unanchored", "None"): 10,
        ("tracegate.audit.intents.open", "None"): 3,
        ("tracegate.audit.unshipped", "None"): 8,
        ("tracegate.audit.ship_lag", "None"): 1.5,
        ("tracegate.audit.leaves", OLD): 900,
        ("tracegate.audit.leaves", NEW): 41,
        ("tracegate.audit.published", OLD): 900,
        ("tracegate.audit.published", NEW): 38,
        ("tracegate.audit.mode", "strict"): 1,
    }


def test_what_must_stay_0_is_there_from_the_start() -> None:
    """A log that has nothing to tell says 0, so that silence means that nobody knows (ruling 42)."""
    audited = Audited("available")
    audited.watch(Keeper(Numbers(logs=(LogNumbers(NEW, 1, 1),))))
    found = told(audited)
    assert found["tracegate.audit.mode", "available"] == 1
    assert {value for (metric, _), value in found.items() if metric in OF_PROCESS} == {0}
    assert ("tracegate.audit.failures", "None") in found


def test_where_nothing_is_shipped_no_lag_is_told() -> None:
    """0 would say that all of it arrived."""
    audited = Audited("strict")
    audited.watch(Keeper(Numbers()))
    found = {metric for metric, _ in told(audited)}
    assert found == {*OF_PROCESS, "tracegate.audit.mode"} - {"tracegate.audit.unshipped", "tracegate.audit.ship_lag"}


def test_a_log_that_is_off_or_not_open_yet_has_a_mode_and_nothing_else() -> None:
    """So that a dashboard shows which gateways keep none."""
    assert told(Audited("off")) == {("tracegate.audit.mode", "off"): 1}


def test_counters_only_grow_and_levels_may_fall() -> None:
    """As a receiver is told: a counter is a monotonic sum, a level a gauge without a beginning."""
    audited = Audited("strict")
    audited.watch(Keeper(BUSY))
    kinds = {point.metric: (point.kind, point.monotonic, point.start) for point in direct(audited)}
    assert kinds["tracegate.audit.records"][:2] == ("sum", True)
    for level in (*OF_LOG, "tracegate.audit.intents.open", "tracegate.audit.ship_lag"):
        assert kinds[level] == ("gauge", None, 0)


def test_the_numbers_are_those_of_the_moment() -> None:
    """Whoever collects asks anew; a log's label set is made once."""
    audited = Audited("strict")
    keeper = Keeper(BUSY)
    audited.watch(keeper)
    before = audited.values("tracegate.audit.leaves")
    keeper.said = Numbers(logs=(LogNumbers(NEW, 42, 42),), records=18)
    after = audited.values("tracegate.audit.leaves")
    assert (before[1][1], after[0][1]) == (41, 42)
    assert before[1][0] is after[0][0]
    assert audited.values("tracegate.audit.records") == [((), 18)]
