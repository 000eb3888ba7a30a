"""The benchmark of outages judges what it measured; no minute passes here."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import main
from tests.bench.outages import CALM, MINUTES, judged
from tests.stores.books import Books
from tests.stores.outages import Plan
from tests.stores.traffic import Asked, Kind

KIND = Kind("plain", 3)


def books(p99_ms: float, *, failed: int = 0, late_ms: int = 0) -> Books:
    """A hundred requests, of which one took longer than that."""
    times = [1_000_000] * 98 + [int(p99_ms * 1e6), 10_000_000_000]
    return Books(
        [Asked(str(n), KIND, 0, late_ms * 1_000_000, took, 502 if n < failed else 200) for n, took in enumerate(times)]
    )


@pytest.mark.parametrize(
    ("p99", "failed", "kept"), [(25, 0, [True, True]), (25.1, 0, [True, False]), (9, 1, [False, True])]
)
def test_bounds_are_judged(p99: float, failed: int, kept: list[bool]) -> None:
    """No request fails, and the p99 is at most 20 ms above that of the undisturbed minute."""
    verdicts = judged({CALM: books(5), "killed": books(p99, failed=failed)})
    assert [verdict.kept for verdict in verdicts] == [True, *kept]


def test_the_command_runs_every_minute_and_fails_with_a_bound(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m tests.bench outages` prints the books of each, and what is broken."""
    ran: list[Plan] = []
    bad = True

    async def run(plan: Plan) -> Books:
        ran.append(plan)
        return books(40 if plan.durable and bad else 5)

    monkeypatch.setattr("tests.bench.outages.traffic", run)
    assert main(["outages"]) == 1
    said = capsys.readouterr().out
    assert ran == list(MINUTES.values())
    assert "killed: 100 requests, 0 failed; p50 1.0, p99 5.0, max 10000.0 ms, of" in said
    assert "NOT OK  killed, queue on disk: p99 40.0 ms, at most 25.0 ms" in said
    bad = False
    assert main(["outages"]) == 0


def test_a_minute_on_a_busy_machine_is_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At most twice; the last one counts whatever it is."""
    late = iter([0, 30, 20, 30, 30, 30, 30, 0])

    async def run(plan: Plan) -> Books:
        return books(5, late_ms=next(late))

    monkeypatch.setattr("tests.bench.outages.traffic", run)
    assert main(["outages"]) == 0
    assert list(late) == []
    assert capsys.readouterr().out.count("too busy") == 4
