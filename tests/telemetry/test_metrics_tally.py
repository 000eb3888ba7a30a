"""Running counts: right at any time, with bounded labels."""

from __future__ import annotations

from tracegate.telemetry import names
from tracegate.telemetry.metrics_labels import Names
from tracegate.telemetry.metrics_tally import Active, Losses, Repeats, Tally


def test_a_tally_sums_by_label_value() -> None:
    """Amounts add up; known values exist at 0 from the start."""
    tally = Tally("tracegate.requests.active", "of", ["a"])
    tally.add("b", 2)
    tally.add("b", -1)
    assert tally.counts() == [((("of", "a"),), 0), ((("of", "b"),), 1)]


def test_losses_begin_at_zero_everywhere() -> None:
    """What must stay 0 exists from the start (ruling 42)."""
    losses = Losses()
    losses.add(names.LOST_RENDER)
    assert [(where, int(where == names.LOST_RENDER)) for where in names.LOST] == [
        (label[0][1], count) for label, count in losses.counts()
    ]


def test_repeats_are_counted_by_signal() -> None:
    """There is no series before anything was sent twice."""
    repeats = Repeats()
    assert repeats.counts() == []
    repeats.add("traces", 3)
    assert repeats.counts() == [(((names.TRACEGATE_TELEMETRY_SIGNAL, "traces"),), 3)]


def test_requests_in_flight_are_counted_by_route() -> None:
    """A route that is not configured is `other`, and no route is `none`."""
    active = Active(Names(["default"]))
    first, second, third = active.begin("default"), active.begin("openai/typo"), active.begin(None)
    assert (first, second, third) == ("default", "other", "none")
    active.end(first)
    key = names.TRACEGATE_ROUTE_NAME
    assert [(((key, "default"),), 0), (((key, "other"),), 1), (((key, "none"),), 1)] == active.counts()


def test_a_request_moves_to_its_route_once_that_is_known() -> None:
    """It is counted at every moment, and once; a name that is not configured is no label."""
    active = Active(Names(["default"]))
    labels = [active.begin(None), active.begin(None), active.begin(None)]
    labels = [active.move(labels[0], "default"), active.move(labels[1], "openai/typo"), labels[2]]
    assert {value: count for ((_, value),), count in active.counts()} == {"none": 1, "default": 1, "other": 1}
    for label in labels:
        active.end(label)
    assert {count for _, count in active.counts()} == {0}


def test_spans_that_were_lost_are_told_apart() -> None:
    """Wherever they were lost; events and metrics are others."""
    losses = Losses()
    assert losses.spans() == 0
    losses.add(names.LOST_TRACES_QUEUE, 3)
    losses.add(names.LOST_TRACES_EXPORT, 4)
    losses.add(names.LOST_TRACES_REJECTED, 5)
    losses.add(names.LOST_LOGS_QUEUE, 100)
    assert losses.spans() == 12
