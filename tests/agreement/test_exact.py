"""The shared check in its exact form: in process, on the fake clock, for both renderers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.agreement.cases import CASES, Case
from tests.agreement.check import Times, agree, agree_in_sum
from tests.agreement.check_leaf import Json, agree_leaf, agree_leaves_in_sum, proved
from tests.agreement.client import Answer
from tests.agreement.house import House, loaded
from tests.agreement.renderers import RENDERERS, Renderer, export_of, finish
from tracegate.testing.audit import MemoryLog
from tracegate.testing.clock import EPOCH, START, FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.testing.otlp.signals import LogRecord, Point
from tracegate.testing.receiver import Receiver
from tracegate.testing.simulator_log import Entry
from tracegate.testing.tree import span_tree

KEY = "sk-planted-key-0123456789"
ORIGIN = "http://127.0.0.1:9"


@dataclass
class Played:
    """One case: what the client saw, what was exported, what the providers logged, and the gateway's own log."""

    answer: Answer
    receiver: Receiver
    entries: list[Entry]
    log: MemoryLog
    leaves: Sequence[Json]


async def play(case: Case, renderer: Renderer) -> Played:
    """One case through a whole gateway, down to the receiver."""
    clock = FakeClock()
    config = loaded(case.config(ORIGIN, KEY))
    export = export_of(renderer, config, clock, SeededIds(7))
    house = House(config, None, export.view)
    answer = await house.ask(leave_ns=case.leave_ns, leave_after=case.leave_after, stream=case.stream)
    receiver = await finish(export, clock)
    await clock.sleep_until(clock.now() + 200_000_000)  # what is drained behind an answer
    await house.close()
    assert house.log is not None
    return Played(answer, receiver, list(house.exchange.log), house.log, house.log.leaves())


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_view_says_what_happened(case: Case, renderer: Renderer) -> None:
    """The trace whole, as text; times to the nanosecond; header, metrics, log events and leaf as the spans."""
    played = run(lambda: play(case, renderer))
    answer, receiver, entries = played.answer, played.receiver, played.entries
    assert case.tree == span_tree(receiver.spans)
    assert (answer.status, len(entries)) == (case.status, case.calls)
    agree(answer, receiver.spans, entries, Times(EPOCH - START))
    agree_in_sum(receiver, receiver.spans)
    agree_leaf(answer, receiver.spans, played.leaves)
    agree_leaves_in_sum(receiver, played.leaves)
    if answer.status is not None:
        report = proved(answer, played.log)
        assert [str(check) for check in report.checks if check.result == "fail"] == []
        assert report.verdict == ("incomplete" if answer.left else "verified")
    if answer.streamed and not answer.left:
        inline = proved(answer, played.log, bundle=False)
        assert {check.check: check.result for check in inline.checks if check.result != "pass"} == {
            "inclusion": "missing"
        }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_renderers_give_the_same(case: Case) -> None:
    """Spans, points and log events, value by value."""
    direct, sdk = (run(lambda r=r: play(case, r)).receiver for r in RENDERERS)  # type: ignore[misc]  # a default binds it
    key = lambda view: view.span  # noqa: E731  # one word for both
    assert sorted((s.view() for s in direct.spans), key=key) == sorted((s.view() for s in sdk.spans), key=key)
    assert _logs(direct.logs) == _logs(sdk.logs)
    assert _points(direct.points) == _points(sdk.points)


def _logs(logs: Sequence[LogRecord]) -> Sequence[object]:
    return sorted((log.name, log.time, log.trace, log.span, sorted(log.attributes.items())) for log in logs)


def _points(points: Sequence[Point]) -> dict[object, object]:
    """What was counted of requests in the end, by metric and labels; when it was collected differs."""
    return {
        (p.metric, tuple(sorted(p.labels.items()))): (
            p.unit,
            p.kind,
            p.value,
            p.count,
            None if p.sum is None else round(p.sum, 9),
            tuple(p.buckets),
            tuple(p.bounds),
        )
        for p in points
        if not p.metric.startswith("tracegate.audit.")  # they are of the process
    }
