"""Waiting with a limit that cancels nothing.

`asyncio.timeout` cancels the task it stands in; when somebody outside cancels in the same turn of the loop, the message
that tells why gets lost. Here a timer only ends the wait, so `CancelledError` always means that somebody outside
cancelled (ruling 34).
"""

from __future__ import annotations

import asyncio

from tracegate.clock import Clock


async def until(future: asyncio.Future[bool], when: int, clock: Clock) -> bool:
    """Wait for a future, at most until a time; the future's result, or `False` when the time came first.

    Args:
        future: Resolved by whoever is waited for; nobody else waits for it.
        when: Monotonic nanoseconds; never cut short.
        clock: Whose time that is.
    """
    alarm = _Alarm(future, when, clock)
    try:
        return await future
    finally:
        alarm.timer.cancel()


def resolve(future: asyncio.Future[bool], result: bool) -> None:
    """Resolve a future, unless something else was quicker."""
    if not future.done():
        future.set_result(result)


class _Alarm:
    """Resolves a future at a time."""

    __slots__ = ("_clock", "_future", "_when", "timer")

    def __init__(self, future: asyncio.Future[bool], when: int, clock: Clock) -> None:
        self._future = future
        self._when = when
        self._clock = clock
        self.timer = clock.call_at(when, self._ring)

    def _ring(self) -> None:
        if self._clock.now() < self._when:  # loops round: uvloop's timers are up to half a millisecond early
            self.timer = self._clock.call_at(self._when, self._ring)
        else:
            resolve(self._future, False)
