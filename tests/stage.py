"""A stage for the spine: leaves that play a script on the fake clock, and a caller that asks a tree."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tracegate.errors import Broken, Failed, Refused, TimedOut, Unreachable
from tracegate.events import Chunk, Event, Final
from tracegate.facts import Target, Usage, unpriced
from tracegate.hop import Call, Hop, Reply
from tracegate.inbound import Inbound
from tracegate.record import Recorder
from tracegate.recorded import RecordedAttempt
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.wire.body import Body

MS = 1_000_000
S = 1_000_000_000

Act = Failed | Exception | str | Sequence[Event | Failed]
"""What a leaf does when it is called: raise, `"ok"`, `"hang"`, or commit and play events, of which a failure breaks."""


def rate_limited(retry_after: int | None = None) -> Refused:
    """429, with the wait asked for in nanoseconds."""
    return Refused("rate_limit", None, "slow down", status=429, retry_after_ns=retry_after)


def overloaded() -> Refused:
    """503."""
    return Refused("overloaded", None, "busy", status=503)


def refused(class_: Any, status: int) -> Refused:
    """A status with its class."""
    return Refused(class_, None, "no", status=status)


def unreachable() -> Unreachable:
    """No connection."""
    return Unreachable("connection_refused", "refused")


def timed_out() -> TimedOut:
    """The attempt's limit fired."""
    return TimedOut("attempt", "too slow")


def cut() -> Broken:
    """A body that ended early."""
    return Broken("http_response_incomplete", "cut", status=200)


@dataclass
class Leaf:
    """A target that plays one act a call, the last for ever; each takes `takes` nanoseconds."""

    id: str
    acts: list[Act]
    takes: int = 10 * MS
    context: int | None = None
    disabled: bool = False
    called: int = 0
    aborted: int = 0
    target: Target = field(init=False)

    def __post_init__(self) -> None:
        self.target = Target(self.id, "sim", "sim", f"model-{self.id}", context=self.context, disabled=self.disabled)

    async def __call__(self, call: Call) -> Reply:
        """Play the next act."""
        act = self.acts[min(self.called, len(self.acts) - 1)]
        self.called += 1
        attempt = call.parent.attempt
        assert attempt is not None
        attempt.start = call.clock.now()
        try:
            await call.clock.sleep_until(call.clock.now() + self.takes)
            if act == "hang":
                await asyncio.get_running_loop().create_future()
            if isinstance(act, Exception):
                raise act
        finally:
            attempt.end = call.clock.now()
        events: Sequence[Event | Failed]
        events = [Chunk(b"hello"), Final(Usage(1, 2), ("stop",))] if isinstance(act, str) else act
        attempt.committed = attempt.first_event = call.clock.now()
        attempt.complete = whole = isinstance(act, str) and not call.body.stream
        if not whole:
            attempt.end = None
        return Reply(attempt, Played(self, call, events, 0 if whole else self.takes), whole=whole)

    def recorded(self) -> Hop:
        """The leaf as `build` wraps it."""
        return RecordedAttempt(self, self.target, unpriced)


class Played:
    """The source of a leaf's reply; each event takes `takes`."""

    def __init__(self, leaf: Leaf, call: Call, events: Sequence[Event | Failed], takes: int) -> None:
        self._leaf = leaf
        self._takes = takes
        self._call = call
        self._events = list(events)

    async def next(self) -> Event:
        """See `Source.next`."""
        await self._call.clock.sleep_until(self._call.clock.now() + self._takes)
        event = self._events.pop(0)
        if isinstance(event, Failed):
            raise event
        return event

    def abort(self) -> None:
        """See `Source.abort`."""
        self._leaf.aborted += 1


@dataclass
class Asked:
    """What came of asking a tree."""

    recorder: Recorder
    clock: FakeClock
    events: list[Event] = field(default_factory=list)
    error: BaseException | None = None
    took: int = 0

    @property
    def kinds(self) -> list[tuple[str, str, str | None]]:
        """Of each attempt: target, kind, reason."""
        return [(a.target.id, a.why.kind, a.why.reason) for a in self.recorder.attempts]


def ask(
    hop: Hop,
    *,
    stream: bool = False,
    deadline: int = 600 * S,
    ceiling: int = 12,
    seed: int = 1,
    leave: tuple[int, str] | None = None,
) -> Asked:
    """Ask a tree once, read the reply to its end, and tell what came of it; `leave` cancels after so many ns."""
    asked: list[Asked] = []

    async def main() -> None:
        clock = FakeClock()
        asked.append(await asked_once(hop, clock, stream, deadline, ceiling, seed, leave))

    run(main, leave_timers=True)
    return asked[0]


async def asked_once(
    hop: Hop,
    clock: FakeClock,
    stream: bool = False,
    deadline: int = 600 * S,
    ceiling: int = 12,
    seed: int = 1,
    leave: tuple[int, str] | None = None,
) -> Asked:
    """Ask once on a clock that runs already."""
    body = Body(b'{"model":"m","stream":true}' if stream else b'{"model":"m"}')
    ids = SeededIds(seed)
    recorder = Recorder(Inbound(stream=stream), clock, ids, ceiling=ceiling)
    result = Asked(recorder, clock)
    start = clock.now()
    call = Call(body, recorder, recorder.server, start + deadline, clock, ids)
    task = asyncio.current_task()
    assert task is not None
    if leave is not None:
        clock.call_at(start + leave[0], task.cancel, leave[1])
    try:
        async with await hop(call) as reply:
            while not result.events or not isinstance(result.events[-1], Final):
                result.events.append(await reply.next())
    except (Exception, asyncio.CancelledError) as exc:  # noqa: BLE001  # whatever ends a request is what is asked
        result.error = exc
        if isinstance(exc, asyncio.CancelledError):
            task.uncancel()
    recorder.close(recorder.server, result.error)
    result.took = clock.now() - start
    return result
