"""A leaf on its way to the disk, who waits for it, and what became durable behind the back of whoever gave it up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
    """A leaf, what goes with it into the erasable table, and who waits for it until when."""

    leaf: Written
    erasable: Erasable | None = None
    told: Told | None = None
    timer: Handle | None = None
    given_up: bool = False

    def tell(self, found: At | str) -> None:
        """Tell whoever still waits."""
        if self.timer is not None:
            self.timer.cancel()
        if self.told is not None and not self.told.done():
            self.told.set_result(found)


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
