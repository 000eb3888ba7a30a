"""The wrapper that records hops: one record each, closed once, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.stage import MS, Leaf, S, ask, overloaded
from tracegate.errors import Failed, TimedOut, Unavailable
from tracegate.events import Chunk, Final
from tracegate.facts import Route
from tracegate.hop import Call, Reply
from tracegate.inbound import Inbound
from tracegate.record import Recorder
from tracegate.recorded import RecordedRoute
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.wire.body import Body

ABOUT = Route("r", "target", ("a",))


def test_a_route_closes_when_the_final_passes_and_after_its_attempt() -> None:
    """Inner first, and before anybody above has the final."""
    asked = ask(RecordedRoute(Leaf("a", [[Chunk(b"x"), Final()]]).recorded(), ABOUT), stream=True)
    server, route, attempt = asked.recorder.records
    assert (route.outcome, attempt.outcome) == ("ok", "ok")
    assert server.start <= route.start <= attempt.start
    assert attempt.end is not None
    assert route.end is not None
    assert attempt.end <= route.end


def test_the_gate_is_awaited_before_the_attempt_opens() -> None:
    """No attempt's time contains it, and a gate that fails leaves no attempt."""
    opened: list[int] = []

    async def main(fails: bool) -> Recorder:
        clock, ids = FakeClock(), SeededIds(1)

        async def gate() -> None:
            await clock.sleep_until(clock.now() + 5 * MS)
            opened.append(clock.now())
            if fails:
                raise Unavailable("disk", reason="audit_unavailable")

        recorder = Recorder(Inbound(), clock, ids, gate=gate)
        call = Call(Body(b'{"model":"m"}'), recorder, recorder.server, clock.now() + S, clock, ids)
        route = RecordedRoute(Leaf("a", ["ok"]).recorded(), ABOUT)
        if fails:
            with pytest.raises(Unavailable):
                await route(call)
        else:
            async with await route(call) as reply:
                await reply.next()
                await reply.next()
        return recorder

    recorder = run(lambda: main(False))
    assert recorder.attempts[0].start == opened[0]
    recorder = run(lambda: main(True))
    assert recorder.attempts == []
    assert recorder.records[1].reason == "audit_unavailable"


def test_no_attempt_is_opened_beyond_the_ceiling() -> None:
    """Whoever asks gets the last failure, even a policy that does not count."""

    class Stubborn:
        def __init__(self, leaf: Leaf) -> None:
            self.hop = leaf.recorded()

        async def __call__(self, call: Call) -> Reply:
            for _ in range(5):
                with contextlib.suppress(Failed):  # it goes on, whatever failed
                    await self.hop(call)
            return await self.hop(call)

    leaf = Leaf("a", [overloaded()])
    asked = ask(RecordedRoute(Stubborn(leaf), ABOUT), ceiling=2)
    assert (leaf.called, len(asked.recorder.attempts)) == (2, 2)
    assert asked.error is asked.recorder.attempts[1].error


def test_no_attempt_is_opened_after_the_deadline() -> None:
    """It would have no time at all."""
    leaf = Leaf("a", ["ok"])
    asked = ask(RecordedRoute(leaf.recorded(), ABOUT), deadline=0)
    assert leaf.called == 0
    assert isinstance(asked.error, TimedOut)
    assert asked.error.token == "http_response_timeout"


def test_a_route_can_only_shorten_the_deadline() -> None:
    """A nested one with more time still ends with the outer."""
    seen: list[int] = []

    class Look(Leaf):
        async def __call__(self, call: Call) -> Reply:
            seen.append(call.deadline)
            return await super().__call__(call)

    inner = RecordedRoute(Look("a", ["ok"]).recorded(), ABOUT, deadline_ns=50 * S)
    asked = ask(RecordedRoute(inner, ABOUT, deadline_ns=20 * S), deadline=60 * S)
    ask(RecordedRoute(inner, ABOUT, deadline_ns=None), deadline=60 * S)
    assert [deadline - asked.recorder.origin for deadline in seen] == [20 * S, 50 * S]


def test_a_fault_of_ours_closes_every_record() -> None:
    """And is an error, not a cancel."""

    class Broke(Leaf):
        async def __call__(self, call: Call) -> Reply:
            raise ZeroDivisionError

    asked = ask(RecordedRoute(Broke("a", ["ok"]).recorded(), ABOUT))
    assert isinstance(asked.error, ZeroDivisionError)
    assert [record.outcome for record in asked.recorder.records] == ["error"] * 3


def test_a_cancel_before_the_first_event_closes_every_record() -> None:
    """With the reason of whoever cancelled."""
    asked = ask(RecordedRoute(Leaf("a", ["hang"]).recorded(), ABOUT), leave=(1 * S, "client_disconnect"))
    assert isinstance(asked.error, asyncio.CancelledError)
    assert {record.reason for record in asked.recorder.records} == {"client_disconnect"}


def test_a_policy_that_wants_more_than_the_ceiling_without_a_failure_is_refused() -> None:
    """It would get a call that nobody allowed."""

    class Greedy:
        def __init__(self, leaf: Leaf) -> None:
            self.hop = leaf.recorded()

        async def __call__(self, call: Call) -> Reply:
            await self.hop(call)
            return await self.hop(call)

    asked = ask(RecordedRoute(Greedy(Leaf("a", ["ok"])), ABOUT), ceiling=1)
    assert isinstance(asked.error, Unavailable)
    assert len(asked.recorder.attempts) == 1
