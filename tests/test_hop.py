"""The algebra: calls go down unchanged, replies settle once."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from tests.stage import cut
from tracegate.errors import Failed
from tracegate.events import Chunk, Event, Final
from tracegate.facts import Attempt, Target, Why
from tracegate.hop import Call, Reply, Source
from tracegate.inbound import Inbound
from tracegate.record import Recorder
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.wire.body import Body


class Script:
    """A source that plays events, raising those that are errors."""

    def __init__(self, *events: Event | BaseException) -> None:
        self.events = deque(events)
        self.aborted = 0

    async def next(self) -> Event:
        """See `Source.next`."""
        event = self.events.popleft()
        if isinstance(event, BaseException):
            raise event
        return event

    def abort(self) -> None:
        """See `Source.abort`."""
        self.aborted += 1


def reply(script: Script) -> tuple[Reply, list[BaseException | None]]:
    """A reply and the list of what it settled with."""
    settled: list[BaseException | None] = []
    made = Reply(Attempt(Target("a", "p", "p", "m"), 0, Why(), 0, True), script, whole=False)
    made.on_settle(settled.append)
    return made, settled


def test_a_reply_settles_when_the_final_passes_inner_first() -> None:
    """Once, before the reader has the final, and leaving the scope adds nothing."""
    script = Script(Chunk(b"x"), Final())
    made, settled = reply(script)
    order: list[str] = []
    made.on_settle(lambda exc: order.append(f"outer after {len(settled)}"))

    async def read() -> None:
        async with made:
            await made.next()
            assert settled == []
            await made.next()
            made.close("superseded")

    asyncio.run(read())
    assert settled == [None]
    assert order == ["outer after 1"]
    assert script.aborted == 0


def test_a_reply_that_breaks_aborts_its_source_and_settles_with_the_failure() -> None:
    """The failure goes on up."""
    failure = cut()
    script = Script(Chunk(b"x"), failure)
    made, settled = reply(script)

    async def read() -> None:
        async with made:
            await made.next()
            await made.next()

    with pytest.raises(Failed):
        asyncio.run(read())
    assert settled == [failure]
    assert script.aborted == 1


@pytest.mark.parametrize(
    ("left_by", "why"),
    [(asyncio.CancelledError("client_disconnect"), "client_disconnect"), (ValueError(), "superseded")],
)
def test_leaving_early_stops_the_source(left_by: BaseException, why: str) -> None:
    """A cancel keeps its reason; anything else means that the reply was not wanted."""
    script = Script(Chunk(b"x"), Final())
    made, settled = reply(script)

    async def read() -> None:
        async with made:
            raise left_by

    with pytest.raises(type(left_by)):
        asyncio.run(read())
    assert [str(exc) for exc in settled] == [why]
    assert script.aborted == 1


def test_a_failure_found_above_closes_the_reply_with_it() -> None:
    """So that the attempt is recorded as failed, not as cancelled."""
    made, settled = reply(Script(Final()))
    failure = cut()

    async def read() -> None:
        async with made:
            raise failure

    with pytest.raises(Failed):
        asyncio.run(read())
    assert settled == [failure]


def test_a_closed_reply_is_cancelled_for_the_reason_given() -> None:
    """Idempotent."""
    script = Script(Final())
    made, settled = reply(script)
    made.close("superseded")
    made.close("client_disconnect")
    assert [str(exc) for exc in settled] == ["superseded"]
    assert script.aborted == 1


def test_a_reply_can_be_read_through_another_source() -> None:
    """Whoever sees what passes changes nothing of it, and is stopped with it."""
    script = Script(Chunk(b"x"))
    made, settled = reply(script)
    seen: list[Event] = []

    class Through:
        def __init__(self, source: Source) -> None:
            self._source = source

        async def next(self) -> Event:
            """See and pass on."""
            seen.append(await self._source.next())
            return seen[-1]

        def abort(self) -> None:
            """Stop what is read."""
            self._source.abort()

    made.through(Through)
    assert [asyncio.run(made.next())] == seen
    made.close("client_disconnect")
    assert [str(exc) for exc in settled] == ["client_disconnect"]
    assert script.aborted == 1


def test_a_call_is_copied_with_what_changes() -> None:
    """A deadline can only be lowered; notes go to the parent's record."""
    clock, ids = FakeClock(), SeededIds(1)
    recorder = Recorder(Inbound(), clock, ids)
    call = Call(Body(b'{"model":"m"}'), recorder, recorder.server, 100, clock, ids)
    route = recorder.open("route", "r", recorder.server)
    below = call.but(parent=route, why=Why("retry", "timeout", 5), deadline=50)
    assert (below.parent, below.why.kind, below.deadline) == (route, "retry", 50)
    assert below.but(deadline=70).deadline == 50
    assert (call.parent, call.why, call.deadline) == (recorder.server, Why(), 100)
    below.note("skipped", target="a", reason="cooldown")
    assert route.notes == (("skipped", {"target": "a", "reason": "cooldown"}),)


def test_a_reader_that_was_closed_from_another_task_settles_once() -> None:
    """The read fails because the source was stopped, which is not a second end."""
    made, settled = reply(Script())

    class Waiting(Script):
        async def next(self) -> Event:
            """Closed while it reads."""
            made.close("superseded")
            raise cut()

    made._source = Waiting()
    with pytest.raises(Failed):
        asyncio.run(made.next())
    assert [str(exc) for exc in settled] == ["superseded"]
