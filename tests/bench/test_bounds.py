"""Bounds are judged on what was measured, and only there."""

from __future__ import annotations

import pytest

from tests.bench.bounds import BOUNDS, judged
from tests.bench.measure import Cell, Measured, Sample
from tests.bench.systems import BARE, DIRECT, LITELLM, OFF, PORTKEY, TRACEGATE, System


def sample(work: str, system: System, clients: int = 16, **figures: float) -> Sample:
    """One window of the first round."""
    return Sample(0, Cell(work, system, clients), figures)


@pytest.mark.parametrize(("cost", "kept"), [(260, True), (261, False)])
def test_a_ratio_is_bounded(cost: float, kept: bool) -> None:
    """2.6 times the bare handler; the other bounds of that cell need other systems."""
    first, *rest = judged(Measured([sample("unary", BARE, cpu_us=100), sample("unary", TRACEGATE, cpu_us=cost)]))
    assert (first.kept, len(rest)) == (kept, 1)
    assert first.text.startswith("OK " if kept else "NOT OK")
    assert "x bare, at most 2.6: 2.6" in first.text


def test_a_figure_is_bounded() -> None:
    """Memory, and the start."""
    memory = sample("memory", TRACEGATE, 500, rss_mb=81, open_kb=15)
    found = judged(Measured([memory, sample("start", TRACEGATE, 1, start_s=0.6)]))
    assert [verdict.kept for verdict in found[:-1]] == [False, True, True]


def test_a_goal_is_only_said() -> None:
    """1 ms added to the provider's own time; a third of Portkey's is a bound."""
    late = [sample("latency", one, p50_ms=ms) for one, ms in ((DIRECT, 50), (TRACEGATE, 52), (PORTKEY, 55))]
    third, goal, _ = judged(Measured(late))
    assert (third.kept, third.goal, goal.kept, goal.goal) == (False, False, False, True)
    assert goal.text.startswith("MISSED  goal, ms added, p50")


def test_lost_spans_and_wrong_answers_are_broken_bounds() -> None:
    """Of Tracegate; that another system fails is only said."""
    bad = [Sample(0, Cell("unary", one, 16), {}, 0.0, "502") for one in (PORTKEY, OFF)]
    lost, failed = judged(Measured(bad, {TRACEGATE: (9, 8)}))
    assert (lost.text, failed.text) == (
        "NOT OK  tracegate: 8 of 9 spans arrived",
        "NOT OK  windows of Tracegate with a wrong answer: 1 of 1",
    )
    assert judged(Measured(bad[:1]))[-1].kept


def test_another_gateway_must_have_traced() -> None:
    """How many spans it makes is its own matter."""
    assert [judged(Measured([], {LITELLM: (None, arrived)}))[0].kept for arrived in (0, 12)] == [False, True]


def test_every_bound_says_its_limit() -> None:
    """And no two say the same."""
    assert len({bound.says for bound in BOUNDS}) == len(BOUNDS)
    assert all(bound.most > 0 for bound in BOUNDS)
