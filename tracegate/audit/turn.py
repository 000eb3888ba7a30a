"""The turn from one log to the next: the old one ends, the next begins, the old key is destroyed.

It waits among the leaves, behind those that are for the old log. A failure breaks it off; whatever was done by then is
not done again. What a process that ends in between leaves behind, the next start completes: see `succession`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from tracegate.audit.disk import Disk, destroy
from tracegate.audit.events import Leaf
from tracegate.audit.leaf import write
from tracegate.audit.opening import OpenedLog
from tracegate.audit.own_leaves import OwnLeaves

T = TypeVar("T")


class Run(Protocol):
    """Does a piece of work on the log's lane."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """See `Lane.run`."""


class Turn:
    """One turn.

    Args:
        old: The log that ends.
        own: Makes the leaves that are about it.
        new: The next one, which has no leaf yet.
        following: Makes the leaves that are about that.
    """

    __slots__ = ("_begun", "_closed", "_following", "_own", "_published", "new", "old", "over")

    def __init__(self, old: OpenedLog, own: OwnLeaves, new: OpenedLog, following: OwnLeaves) -> None:
        self.old = old
        self._own = own
        self._following = following
        self._closed = self._published = self._begun = False
        self.new = new
        self.over = asyncio.Event()
        """Set when both are on the disk, and the old key is not any more."""

    async def take(self, run: Run, disk: Disk, open_intents: int, t: int) -> None:
        """Take it, or what is left of it.

        Args:
            run: Does disk work.
            disk: The system calls.
            open_intents: Of the old log.
            t: Now, in µs since 1970 UTC.

        Raises:
            OSError: It broke off.
        """
        old, new = self.old, self.new
        if not self._closed:
            last: list[Leaf] = [
                self._own.next_key(old.signer, new.signer),
                self._own.closed("rotate", open_intents),
            ]
            await run(partial(old.writer.append, [write(leaf) for leaf in last]))
            self._closed = True
        if not self._published:
            await run(partial(list, old.writer.publish()))
            self._published = True
        if not self._begun:
            first = self._following.opened(new, t, old.writer.head)
            await run(partial(new.writer.append, [write(first)]))
            self._begun = True
        await run(partial(self._finish, disk))
        self.over.set()

    def _finish(self, disk: Disk) -> None:
        for _ in self.new.writer.publish():
            pass
        destroy(disk, self.old.place.key)
        self.old.let_go(disk)
