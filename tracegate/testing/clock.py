"""The fake clock: integer nanoseconds that move only when told to.

It drives timers too. Inside `tracegate.testing.loop.run` it is the loop's own time; without a loop, `advance` moves it.
It is no stand-in for `time`: nothing is patched, code under test is handed the clock.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from contextvars import Context

from tracegate.clock import Handle

START = 1_000_000_000
"""Monotonic nanoseconds at which every timeline begins; not 0, which real clocks never show."""

EPOCH = 1_767_225_600_000_000_000
"""UTC nanoseconds at `START`: 2026-01-01T00:00:00Z."""


class Timer:
    """One armed timer of a timeline; a `tracegate.clock.Handle`.

    Args:
        when: Monotonic nanoseconds.
        rank: Decides between timers of the same nanosecond.
        fn: Called with `args` when it is due.
        context: Context variables to call it in; the loop's business.
        watched: Whether it counts as left behind when the run ends.
    """

    __slots__ = ("args", "context", "fn", "live", "rank", "watched", "when")

    def __init__(
        self,
        when: int,
        rank: float,
        fn: Callable[..., object],
        args: tuple[object, ...],
        context: Context | None,
        watched: bool,
    ) -> None:
        self.when = when
        self.rank = rank
        self.fn = fn
        self.args = args
        self.context = context
        self.watched = watched
        self.live = True

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.rank) < (other.when, other.rank)

    def cancel(self) -> None:
        """Take it back; harmless after it fired."""
        self.live = False

    def fire(self) -> None:
        """Call it, unless it was taken back after it became due."""
        if self.live:
            self.live = False
            self.fn(*self.args)


class Timeline:
    """A point in time and the timers ahead of it.

    Args:
        seed: 0 fires timers of the same nanosecond in the order they were armed; any other number in an order drawn
            from it, so that a test can try the orders that a real clock would.
    """

    __slots__ = ("_armed", "_count", "_random", "loop", "now")

    def __init__(self, seed: int = 0) -> None:
        self.now = START
        self.loop: asyncio.AbstractEventLoop | None = None  # the loop that fires the timers, while one runs
        self._armed: list[Timer] = []
        self._count = 0
        self._random = random.Random(seed) if seed else None

    def arm(
        self,
        when: int,
        fn: Callable[..., object],
        args: tuple[object, ...] = (),
        context: Context | None = None,
        watched: bool = True,
    ) -> Timer:
        """Arm a timer for monotonic nanosecond `when`; one in the past is due at once."""
        self._count += 1
        rank = self._count if self._random is None else self._random.random()
        timer = Timer(when, rank, fn, args, context, watched)
        heapq.heappush(self._armed, timer)
        return timer

    def next(self) -> int | None:
        """When the next timer is due; `None` when none is armed."""
        while self._armed and not self._armed[0].live:
            heapq.heappop(self._armed)
        return self._armed[0].when if self._armed else None

    def due(self) -> list[Timer]:
        """Take the timers that are due now, in order."""
        due = []
        while (when := self.next()) is not None and when <= self.now:
            due.append(heapq.heappop(self._armed))
        return due

    def left(self) -> list[Timer]:
        """Timers still armed that somebody should have taken back, in order."""
        return sorted(timer for timer in self._armed if timer.live and timer.watched)

    def disarm(self) -> None:
        """Drop every timer."""
        self._armed.clear()


class FakeClock:
    """A `tracegate.clock.Clock` whose time is a timeline: the running virtual loop's, else one of its own.

    A clock made outside may be handed to `run`, which then runs on the clock's time.
    """

    __slots__ = ("timeline",)

    def __init__(self) -> None:
        try:
            inside = getattr(asyncio.get_running_loop(), "timeline", None)
        except RuntimeError:
            inside = None
        self.timeline: Timeline = inside if isinstance(inside, Timeline) else Timeline()

    def now(self) -> int:
        """See `Clock.now`."""
        return self.timeline.now

    def wall(self) -> int:
        """See `Clock.wall`."""
        return EPOCH + self.timeline.now - START

    def call_at(self, when: int, fn: Callable[..., object], *args: object) -> Handle:
        """See `Clock.call_at`; without a virtual loop, `advance` calls it."""
        return self.timeline.arm(when, fn, args)

    async def sleep_until(self, when: int) -> None:
        """See `Clock.sleep_until`; exact to the nanosecond."""
        if when <= self.timeline.now:
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.timeline.arm(when, _wake, (woken,), watched=False)
        try:
            await woken
        finally:
            timer.cancel()

    def advance(self, ns: int) -> None:
        """Let time pass.

        Without a loop, timers fire one by one, each at its own nanosecond. Under a running virtual loop this is a loop
        that was busy for so long: time jumps, and timers that became due fire late, at the loop's next turn.

        Raises:
            ValueError: If `ns` < 0.
        """
        if ns < 0:
            raise ValueError(f"time can't go back: `ns` is {ns}, must be at least 0")
        end = self.timeline.now + ns
        while self.timeline.loop is None and (when := self.timeline.next()) is not None and when <= end:
            self.timeline.now = max(self.timeline.now, when)
            for timer in self.timeline.due():
                timer.fire()
        self.timeline.now = max(end, self.timeline.now)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():  # it may have been cancelled in the turn in which its time came
        sleeper.set_result(None)
