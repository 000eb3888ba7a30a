"""One piece of work after the other on a lane, without a task: each is given when the one before it was taken back.

What comes back is taken in that turn of the loop in which the lane is heard, and so is what follows from it. It knows
no leaf and no file; what is to be done, and what a failure means, is its owner's affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tracegate.audit.lane import Lane
from tracegate.clock import Clock

T = TypeVar("T")


class Work:
    """What a lane has to do; nothing, until it is told to `begin`.

    Args:
        lane: Does it.
        clock: Of the running loop.
        go_on: Gives the next piece, or rests.
        failed: Called with what broke off a piece, or taking it; by then it rests.
    """

    __slots__ = ("_clock", "_failed", "_go_on", "_lane", "_rests", "_since")

    def __init__(
        self, lane: Lane, clock: Clock, go_on: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        self._lane = lane
        self._clock = clock
        self._go_on = go_on
        self._failed = failed
        self._since: int | None = None
        self._rests = asyncio.Event()

    @property
    def took(self) -> int:
        """For how many ns the piece that is under way has been; 0 where none is."""
        return 0 if self._since is None else self._clock.now() - self._since

    def begin(self) -> None:
        """From now on `start` is heard."""
        self._rests.set()

    def start(self) -> None:
        """Go on in the next turn of the loop, unless something is under way: what comes in this turn goes together."""
        if self._rests.is_set():
            self._rests.clear()
            asyncio.get_running_loop().call_soon(self.take, self._go_on)

    def give(self, work: Callable[[], T], take: Callable[[T], None]) -> None:
        """Give a piece to the lane; what it returns is taken, and goes on itself."""
        self._since = self._clock.now()
        self._lane.give(work, partial(self._back, take))

    async def run(self, work: Callable[[], T]) -> T:
        """The same for a task, which goes on itself; see `Lane.run`."""
        self._since = self._clock.now()
        try:
            return await self._lane.run(work)
        finally:
            self._since = None

    def take(self, take: Callable[[], None]) -> None:
        """Do what follows from a piece; a failure of it is one of the piece."""
        try:
            take()
        except Exception as exc:  # noqa: BLE001  # whoever has failed is told
            self.fail(exc)

    def fail(self, exc: Exception) -> None:
        """A piece was broken off."""
        self.rest()
        self._failed(exc)

    def rest(self) -> None:
        """Nothing is left to do."""
        self._rests.set()

    async def over(self) -> None:
        """Start, and return when it rests."""
        self.start()
        await self._rests.wait()

    def end(self) -> None:
        """Nothing is begun any more."""
        self._rests.clear()

    def _back(self, take: Callable[[T], None], found: T | BaseException) -> None:
        self._since = None
        if isinstance(found, Exception):
            self.fail(found)
        elif isinstance(found, BaseException):  # somebody ends the process
            raise found
        else:
            self.take(partial(take, found))
