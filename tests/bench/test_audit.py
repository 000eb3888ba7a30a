"""The benchmark of the audit log runs, and says what it measured; no test here looks at a clock."""

from __future__ import annotations

import pytest

from tests.bench import audit
from tests.bench.__main__ import parser, plan_of
from tests.bench.bounds import judged
from tests.bench.measure import Cell, Measured, Sample
from tests.bench.systems import AUDIT, TRACEGATE, System

pytestmark = pytest.mark.slow


def test_everything_is_measured_and_said() -> None:
    """The size of a bundle is the same on every machine."""
    found = audit.main(0.3)
    assert [verdict.says.partition(",")[0].partition(":")[0] for verdict in found] == [
        "ms",
        "ms",
        "leaves a second",
        "us CPU of the process for each of those leaves",
        "bytes of a bundle with three attempts",
        "ms to verify a whole answer",
        "ms to verify a stream",
        "ms to verify a bundle alone",
        "us CPU to sign an answer",
        "us CPU to make an intent and a final of an answer",
    ]
    assert found[4].kept


def pace(turn: int, system: System, **figures: float) -> Sample:
    """A window of paced requests."""
    return Sample(turn, Cell("pace", system, 64), figures)


@pytest.mark.parametrize(("p50", "p99", "kept"), [(2.9, 12.0, [True, True]), (3.1, 13.1, [False, False])])
def test_what_a_request_waits_for_the_log_is_bounded(p50: float, p99: float, kept: list[bool]) -> None:
    """By 1 ms in the middle and 10 ms at the end, above the same gateway without it in the same round."""
    direct = [pace(turn, System("direct", "direct"), p50_ms=1.0, p99_ms=1.0) for turn in (0, 1)]
    without = [pace(turn, TRACEGATE, p50_ms=2.0, p99_ms=3.0) for turn in (0, 1)]
    found = judged(Measured([*direct, *without, *(pace(turn, AUDIT, p50_ms=p50, p99_ms=p99) for turn in (0, 1))]))
    assert [verdict.kept for verdict in found[:-1]] == kept


def test_the_command_runs_the_work_that_is_about_the_log() -> None:
    """Beside the same gateway without one."""
    plan = plan_of(parser().parse_args(["audit", "--work", "audit,pace"]))
    assert [work.name for work in plan.works] == ["audit", "pace"]
    assert {AUDIT, TRACEGATE} <= {*plan.standing()}
