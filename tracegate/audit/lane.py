"""The thread of a log: one piece of disk work at a time, never on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Lane(Protocol):
    """Where disk work is done, in the order in which it is given."""

    async def run(self, work: Callable[[], T]) -> T:
        """Do it, and return here with what it returns or raises."""

    def close(self) -> None:
        """Take no more work, and return when the last is done."""


class ThreadLane:
    """A thread of its own."""

    __slots__ = ("_pool",)

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "tracegate-audit")

    async def run(self, work: Callable[[], T]) -> T:
        """See `Lane.run`."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """See `Lane.close`."""
        self._pool.shutdown()
