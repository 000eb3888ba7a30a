"""Times of many by one timer of the event loop, whose own take half a kilobyte each.

For what waits in numbers and for long, as a stream that is open does on both of its sides. Each has one time; what
happens then is its own affair. It keeps no clock: times are those of the clock it is given.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import attrgetter
from typing import Protocol

from tracegate.clock import Clock, Handle

NEVER = 1 << 62
"""A time that does not come."""


class Alarm(Protocol):
    """What has a time.

    `armed` is that time, in monotonic nanoseconds, and `NEVER` while there is none; only `Alarms` writes it.
    """

    armed: int

    def ring(self) -> None:
        """The time has come, and is taken back."""


_armed = attrgetter("armed")


class Alarms:
    """Those that have a time, by one timer for the first of them.

    Args:
        clock: Drives the timer.
    """

    __slots__ = ("_handle", "_line", "_next", "clock")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._line: list[Alarm] = []  # the first one first
        self._next = NEVER  # when the timer is due
        self._handle: Handle | None = None

    def set(self, one: Alarm, when: int) -> None:
        """Ring one at a time, and at no other."""
        if one.armed != NEVER:
            self._remove(one)
        one.armed = when
        insort(self._line, one, key=_armed)
        if when < self._next:
            self._arm()

    def take(self, one: Alarm) -> None:
        """Take its time back, if it has one. While nobody has, nothing is armed."""
        if one.armed != NEVER:
            self._remove(one)
            one.armed = NEVER
            if not self._line and self._handle is not None:
                self._handle.cancel()
                self._handle, self._next = None, NEVER

    def _remove(self, one: Alarm) -> None:
        line = self._line
        at = bisect_left(line, one.armed, key=_armed)
        while line[at] is not one:  # others may have the same time
            at += 1
        del line[at]

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._next = self._line[0].armed
        self._handle = self.clock.call_at(self._next, self._ring)

    def _ring(self) -> None:
        self._handle = None
        line, now = self._line, self.clock.now()
        try:
            while line and line[0].armed <= now:
                one = line.pop(0)
                one.armed = NEVER
                one.ring()
        finally:  # a fault of one is not that of those behind it
            self._next = NEVER
            if line:
                self._arm()
