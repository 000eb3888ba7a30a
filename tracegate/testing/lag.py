"""How late the event loop was: a ticker beside the code under test, on a fixed schedule of one millisecond.

A loop that was blocked for 50 ms fires 50 ticks at once, which were 50, 49, … 1 ms late: what was missed counts too.
Ruling 44 allows for the greatest lag during an attempt when it compares times of two processes. Timers of an event loop
are themselves up to a millisecond late.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from types import TracebackType

from tracegate.clock import Clock, Handle, SystemClock

PERIOD_NS = 1_000_000


class LagTicker:
    """Measures the running loop's lag: `async with LagTicker() as ticker`.

    Args:
        clock: The clock whose times `worst` is asked about.
        period_ns: Nanoseconds between ticks.
    """

    __slots__ = ("_clock", "_due", "_handle", "_next", "_period_ns", "_seen")

    def __init__(self, clock: Clock | None = None, period_ns: int = PERIOD_NS) -> None:
        self._clock = SystemClock() if clock is None else clock
        self._period_ns = period_ns
        self._due: list[int] = []  # when each tick was to come
        self._seen: list[int] = []  # when it came
        self._next = 0
        self._handle: Handle | None = None

    async def __aenter__(self) -> LagTicker:
        self._next = self._clock.now() + self._period_ns
        self._handle = self._clock.call_at(self._next, self._tick)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._catch_up()
            self._handle.cancel()
            self._handle = None

    def worst(self, start: int, end: int) -> int:
        """The greatest lag in nanoseconds of any tick that was due, or waited for, between two monotonic times."""
        return max(self._lags(start, end), default=0)

    def p99(self, start: int, end: int) -> int:
        """The lag in nanoseconds that 99 of 100 of those ticks stayed within, by the nearest rank; 0 without any."""
        lags = sorted(self._lags(start, end))
        return lags[-(-len(lags) * 99 // 100) - 1] if lags else 0

    def _lags(self, start: int, end: int) -> list[int]:
        if self._handle is not None:
            self._catch_up()
        first, beyond = bisect_left(self._seen, start), bisect_right(self._due, end)
        return [seen - due for due, seen in zip(self._due[first:beyond], self._seen[first:beyond], strict=True)]

    def _tick(self) -> None:
        self._catch_up()
        self._handle = self._clock.call_at(self._next, self._tick)

    def _catch_up(self) -> None:
        """Count every tick that is due by now."""
        now = self._clock.now()
        while self._next <= now:
            self._due.append(self._next)
            self._seen.append(now)
            self._next += self._period_ns
