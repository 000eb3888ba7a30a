"""The shared check, read from real stores: what happened is what Jaeger, Prometheus and VictoriaLogs say of it.

Every case is asked over sockets, and what its gateway exports goes through a receiver that keeps a copy into the real
Collector. The check is the one that judges what the receiver got in tests/agreement, and beside it everything that
stores have is compared with that copy: what a store does not keep is named in `stored`, `stored_metrics` and
`stored_logs`, and nothing else may differ.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import pytest

from tests.agreement.cases import CASES, Case
from tests.agreement.check import Times, agree, agree_in_sum
from tests.stores import stored, stored_logs, stored_metrics
from tests.stores.collector_log import complaints
from tests.stores.played import Played, Run, play
from tests.stores.read_back import Kept, read_back
from tests.stores.stored_metrics import KeptExemplar
from tracegate.config.model import Renderer
from tracegate.stack.stack import Stack
from tracegate.testing.simulator_log import Entry
from tracegate.testing.tree import span_tree

pytestmark = pytest.mark.stores


@dataclass(frozen=True)
class Stored:
    """A run, what stores have of it, and what the Collector wrote meanwhile."""

    run: Run
    kept: list[Kept]
    log: str

    def of(self, case: Case) -> tuple[Played, Kept]:
        """What was asked in a case, and what is kept of it."""
        number = CASES.index(case)
        return self.run.played[number], self.kept[number]


@pytest.fixture(scope="module", params=["direct", "sdk"])
def everything(request: pytest.FixtureRequest, stack: Stack) -> Stored:
    """All cases through one renderer."""
    renderer: Renderer = request.param

    async def main() -> Stored:
        before = len(stack.log("collector"))
        run = await play(CASES, renderer, stack.otlp_http)
        for _ in range(2):
            if not run.lags.calm():
                run = await play(CASES, renderer, stack.otlp_http)
        kept = await read_back(stack, run)
        return Stored(run, kept, stack.log("collector")[before:])

    return asyncio.run(main())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stores_say_what_happened(everything: Stored, case: Case) -> None:
    """The trace whole, as text; times as the providers logged them; header, metrics and log events as the spans."""
    played, kept = everything.of(case)
    called = _called(everything.run, kept.trace)
    assert case.tree == span_tree(kept.spans)
    assert (played.answer.status, len({entry.header("traceparent") for entry in called})) == (case.status, case.calls)
    agree(played.answer, kept.spans, called, Times(time.time_ns() - time.monotonic_ns(), everything.run.lags.within))
    agree_in_sum(kept, kept.spans)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stores_have_what_was_exported(everything: Stored, case: Case) -> None:
    """Value by value, but for what is named as not kept; and what was exported is flawless."""
    played, kept = everything.of(case)
    played.sent.check()
    assert kept.spans == sorted(map(stored.as_kept, played.sent.spans), key=lambda span: (span.start, span.span))
    points = {point.series: point for point in played.sent.points}.values()  # the last of each
    assert stored_metrics.ordered(kept.points) == stored_metrics.ordered(map(stored_metrics.as_kept, points))
    every = stored_metrics.exemplars_of(played.sent.points)  # the SDK sends each once, which may be before the last
    assert {_exemplar(one) for one in kept.exemplars} == {_exemplar(one) for one in every}
    assert stored_logs.ordered(kept.logs) == stored_logs.ordered(map(stored_logs.as_kept, played.sent.logs))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_trace_is_found_by_its_attributes(everything: Stored, case: Case) -> None:
    """By the client's own request id in any case; by ours and by the answer's where there was one; and no other is."""
    played, kept = everything.of(case)
    known = {"tracegate.client.request_id"}
    if played.answer.status is not None:
        known |= {"tracegate.request.id"}
    if played.answer.status == 200:
        known |= {"gen_ai.response.id"}
    assert {name for name, _ in kept.searched} == known
    assert [traces for traces in kept.searched.values() if traces != [kept.trace]] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_exemplar_leads_to_the_attempt_that_was_measured(everything: Stored, case: Case) -> None:
    """From a histogram over the ids to a span of this trace, whose duration is the value."""
    _, kept = everything.of(case)
    spans = {(span.trace, span.span): span for span in kept.spans}
    measured = [one for one in kept.exemplars if one.metric == "gen_ai.client.inference.duration"]
    assert len(measured) >= 1
    for one in measured:
        span = spans[one.exemplar.trace, one.exemplar.span]
        assert (span.kind, span.end - span.start) == ("client", round(one.exemplar.value * 1e9))
        for name in ("gen_ai.provider.name", "gen_ai.request.model", "error.type"):
            assert one.labels.get(name) == span.attributes.get(name)
    (whole,) = [one.exemplar for one in kept.exemplars if one.metric == "tracegate.request.duration"]
    span = spans[whole.trace, whole.span]
    assert (span.kind, span.end - span.start) == ("server", round(whole.value * 1e9))
    assert all((one.exemplar.trace, one.exemplar.span) in spans for one in kept.exemplars)


def test_nothing_was_called_that_no_store_knows(everything: Stored) -> None:
    """Every call that a provider logged is in one of the traces, and so for the sum of all numbers."""
    kept = everything.kept
    assert {_trace(entry) for entry in everything.run.entries} == {one.trace for one in kept}
    whole = Kept(
        "",
        {},
        [span for one in kept for span in one.spans],
        [point for one in kept for point in one.points],
        [],
        [log for one in kept for log in one.logs],
    )
    agree_in_sum(whole, whole.spans)


def test_the_collector_had_nothing_to_say(everything: Stored) -> None:
    """Of all three signals of a whole gateway."""
    assert complaints(everything.log) == []


def _called(run: Run, trace: str) -> list[Entry]:
    """What the providers logged of a trace."""
    return [entry for entry in run.entries if _trace(entry) == trace]


def _trace(entry: Entry) -> str:
    return (entry.header("traceparent") or "").split("-")[1]


def _exemplar(one: KeptExemplar) -> tuple[object, ...]:
    """What makes an exemplar; times are kept to the millisecond."""
    labels = tuple(sorted(one.labels.items()))
    return one.metric, one.instance, labels, one.exemplar.trace, one.exemplar.span, float(one.exemplar.value)
