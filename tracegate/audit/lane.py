"""The thread of a log: one piece of disk work at a time, never on the event loop.

Not an executor: that one tells the loop through a future of its own, whose locks and turns cost as much as a fast disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Protocol, TypeVar

T = TypeVar("T")


class Lane(Protocol):
    """Where disk work is done, in the order in which it is given."""

    async def run(self, work: Callable[[], T]) -> T:
        """Do it, and return here with what it returns or raises."""

    def give(self, work: Callable[[], T], then: Callable[[T | BaseException], None]) -> None:
        """Do it, and call `then` on the loop with what it returned or raised: `run` for whoever is no task."""

    def close(self) -> None:
        """Take no more work, and return when the last is done."""


class QueueThread(threading.Thread):
    """A thread that is started, and does what it is given until it is given nothing; it does not outlive the process.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.given: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        """What it is to do; nothing of it may raise."""
        self.start()

    def run(self) -> None:
        """Of the thread."""
        while (work := self.given.get()) is not None:
            work()
            del work  # what it holds is not kept until the next comes


class ThreadLane:
    """A thread of its own, from the first work on."""

    __slots__ = ("_closed", "_thread")

    def __init__(self) -> None:
        self._thread: QueueThread | None = None
        self._closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """See `Lane.run`; work whose caller was cancelled before it began is not done.

        Raises:
            RuntimeError: The lane is closed.
        """
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.give(partial(_wanted, work, told), partial(_tell, told))
        return await told

    def give(self, work: Callable[[], T], then: Callable[[T | BaseException], None]) -> None:
        """See `Lane.give`.

        Raises:
            RuntimeError: The lane is closed.
        """
        if self._closed:
            raise RuntimeError("the lane is closed")
        if self._thread is None:
            self._thread = QueueThread("tracegate-audit")
        self._thread.given.put(partial(_do, work, then, asyncio.get_running_loop()))

    def close(self) -> None:
        """See `Lane.close`."""
        self._closed = True
        if self._thread is not None:
            self._thread.given.put(None)
            self._thread.join()


def _do(work: Callable[[], T], then: Callable[[T | BaseException], None], loop: asyncio.AbstractEventLoop) -> None:
    found: T | BaseException
    try:
        found = work()
    except BaseException as exc:  # noqa: BLE001  # whoever waits is told
        found = exc
    with suppress(RuntimeError):  # the loop is closed, and nobody waits
        loop.call_soon_threadsafe(then, found)


def _wanted(work: Callable[[], T], told: asyncio.Future[T]) -> T:
    if told.cancelled():
        raise asyncio.CancelledError
    return work()


def _tell(told: asyncio.Future[T], found: T | BaseException) -> None:
    if told.cancelled():
        return
    if isinstance(found, BaseException):
        told.set_exception(found)
    else:
        told.set_result(found)
