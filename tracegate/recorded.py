"""The wrapper that records a hop. `build` is its only caller, so a policy author can't forget it."""

from __future__ import annotations

from collections.abc import Callable

from tracegate.errors import TimedOut, Unavailable
from tracegate.facts import Attempt, Cost, Route, Target
from tracegate.hop import Call, Hop, Reply
from tracegate.record import Record, Recorder


class RecordedRoute:
    """A route: opens a record, asks its tree, closes the record when the final passes or anything is raised.

    Args:
        hop: The top of the route's tree.
        about: The route's static facts.
        deadline_ns: Longest time for the whole route; can only shorten the call's.
    """

    __slots__ = ("_about", "_deadline_ns", "_hop")

    def __init__(self, hop: Hop, about: Route, deadline_ns: int | None = None) -> None:
        self._hop = hop
        self._about = about
        self._deadline_ns = deadline_ns

    async def __call__(self, call: Call) -> Reply:
        """See `Hop`."""
        recorder = call.recorder
        record = recorder.open("route", self._about.name, call.parent, about=self._about)
        deadline = call.deadline
        if self._deadline_ns is not None:
            deadline = min(deadline, record.start + self._deadline_ns)
        try:
            reply = await self._hop(Call(call.body, recorder, record, deadline, call.clock, call.ids, call.why))
        except BaseException as exc:
            recorder.close(record, exc)
            raise
        reply.on_settle(_Closing(recorder, record))
        return reply


class RecordedAttempt:
    """The upstream hop of one target, in its record.

    The gate is awaited before the record opens, so no provider is charged with our waiting. Beyond the ceiling of
    attempts, or the deadline, no attempt is opened.
    """

    __slots__ = ("_hop", "_name", "_price", "_target")

    def __init__(self, hop: Hop, target: Target, price: Callable[[Attempt], Cost]) -> None:
        self._hop = hop
        self._target = target
        self._price = price
        self._name = f"chat {target.model}"

    async def __call__(self, call: Call) -> Reply:
        """See `Hop`."""
        recorder = call.recorder
        if recorder.gate is not None:
            await recorder.gate()
        if recorder.full:
            raise recorder.failure or Unavailable("The request made as many calls as `limits.attempts` allows.")
        if call.clock.now() >= call.deadline:
            raise recorder.failure or TimedOut(
                "deadline", "The total deadline of the request passed before its first attempt."
            )
        record = recorder.open("attempt", self._name, call.parent, target=self._target, why=call.why, price=self._price)
        try:
            reply = await self._hop(Call(call.body, recorder, record, call.deadline, call.clock, call.ids, call.why))
        except BaseException as exc:
            recorder.close(record, exc)
            raise
        if reply.whole:
            recorder.close(record, None)
        else:
            reply.on_settle(_Closing(recorder, record))
        return reply


class _Closing:
    """Closes a record when its reply settles; a stream holds two of them, and a `partial` takes four times as much."""

    __slots__ = ("_record", "_recorder")

    def __init__(self, recorder: Recorder, record: Record) -> None:
        self._recorder = recorder
        self._record = record

    def __call__(self, exc: BaseException | None) -> None:
        self._recorder.close(self._record, exc)
