"""Leaves on their way to the disk, who waits for them, and what is durable behind the back of whoever gave it up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracegate.audit.events import Leaf
from tracegate.audit.kinds import At
from tracegate.audit.leaf import Written, written
from tracegate.audit.slots import Erasable
from tracegate.clock import Clock, Handle

Told = asyncio.Future[At | str]
"""Where a leaf stands, or why nobody may be told that it does."""

UNSEEN_NS = 60_000_000_000
"""How long a final is remembered that its caller had given up; he hands it over again at once, or never."""

Rows = Sequence[tuple[str, bytes]]
"""Kind and SHA-256 of what a record is found by."""


@dataclass(eq=False, slots=True)
class Queued:
    """A leaf, what goes with it into the erasable table, and who waits for it."""

    leaf: Written
    erasable: Erasable | None = None
    told: Told | None = None
    until: int = 0
    given_up: bool = False

    def tell(self, found: At | str) -> None:
        """Tell whoever still waits."""
        if self.told is not None and not self.told.done():
            self.told.set_result(found)


class Waits:
    """Those that wait for a leaf, by one timer for all: it fires once for many, for most are told long before.

    Args:
        clock: Of the running loop.
        over: Called with a leaf for which nobody waits any longer, when its time is over.
    """

    __slots__ = ("_clock", "_due", "_open", "_over", "_timer")

    def __init__(self, clock: Clock, over: Callable[[Queued], None]) -> None:
        self._clock = clock
        self._over = over
        self._open: dict[Queued, None] = {}
        self._due = 0  # when the timer fires
        self._timer: Handle | None = None

    def add(self, one: Queued) -> None:
        """Somebody waits for a leaf, until its time."""
        self._open[one] = None
        if self._timer is None or one.until < self._due:
            self._arm(one.until)

    def take(self, one: Queued) -> None:
        """Nobody does any more."""
        self._open.pop(one, None)

    def close(self) -> None:
        """Forget all."""
        self._open.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._timer = when, self._clock.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer, now = None, self._clock.now()
        for one in [one for one in self._open if one.until <= now]:
            self.take(one)
            self._over(one)
        if self._open:
            self._arm(min(one.until for one in self._open))


def queued(leaf: Leaf | Written, r: bytes | None = None, rows: Rows = ()) -> Queued:
    """A leaf that is to be written; raises `Malformed` where it can't be.

    Args:
        leaf: Complete.
        r: The blinding of its record, with the first leaf of it.
        rows: What the record is found by.
    """
    one = leaf if isinstance(leaf, Written) else written(leaf)
    record = one.record_id
    return Queued(one, Erasable(record, one.tenant, r, rows) if record and (r is not None or rows) else None)


class Unseen:
    """Finals that became durable although their callers had given them up; each is remembered for a while.

    Args:
        clock: Of the running loop.
    """

    __slots__ = ("_clock", "_timers")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: dict[str, Handle] = {}

    def add(self, record: str) -> None:
        """A record was closed by one."""
        self._timers[record] = self._clock.call_at(self._clock.now() + UNSEEN_NS, self.take, record)

    def take(self, record: str) -> bool:
        """Whether a record was; told once."""
        timer = self._timers.pop(record, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def close(self) -> None:
        """Forget all."""
        for record in list(self._timers):
            self.take(record)
