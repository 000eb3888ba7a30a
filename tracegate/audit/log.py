"""The log of a process: leaves come from the loop, are made durable in groups on the log's thread, and are published.

A group is what came while the last one was written: nobody waits for company. Checkpoints are made file by file between
groups, so that no leaf waits for one. Nobody is told where a leaf stands before it is durable. While the log can't be
written, what begins a record is refused at once, the rest waits, and the log tries again by itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from tracegate.audit.aborting import Cause
from tracegate.audit.disk import Disk
from tracegate.audit.events import Aborted, Leaf
from tracegate.audit.kinds import At, Final, Gateway, Intent
from tracegate.audit.lane import Lane, ThreadLane
from tracegate.audit.leaf import write
from tracegate.audit.opening import OpenedLog, Place, open_log
from tracegate.audit.own_leaves import Outcome, OwnLeaves
from tracegate.clock import Clock, Handle
from tracegate.errors import TracegateError

T = TypeVar("T")

AGAIN_NS = 250_000_000
"""Pause before a log that could not be written is tried again."""

GROUP = 1_000
"""Most leaves of a group, and most that stand behind the checkpoint before the next is begun."""

CHECKPOINT_NS = 500_000_000
"""Time from the first leaf behind a checkpoint to the beginning of the next; it must be there within a second."""


class LogUnavailable(TracegateError):
    """The leaf is not durable, and nobody may be told that it will be."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """A leaf on its way to the disk, and who waits for it."""

    leaf: Leaf
    raw: bytes
    told: asyncio.Future[At | str] | None = None  # where it stands, or why nobody may be told
    given_up: bool = False


class Log:
    """A log that is open; `Log.open` makes it.

    Args:
        opened: What was found on the disk.
        gateway: Who writes it.
        clock: Of the running loop.
        lane: Where disk work is done.
        disk: The system calls.
        checkpoint_ns: Time from the first leaf behind a checkpoint to the beginning of the next.
    """

    def __init__(
        self, opened: OpenedLog, gateway: Gateway, clock: Clock, lane: Lane, disk: Disk, checkpoint_ns: int
    ) -> None:
        self.signer = opened.signer
        self.failing: str | None = None  # why the log can't be written now
        self._writer = opened.writer
        self._lock = opened.lock
        self._own = OwnLeaves(opened.signer.key.name, gateway, clock)
        self._clock = clock
        self._lane = lane
        self._disk = disk
        self._checkpoint_ns = checkpoint_ns
        self._queue: deque[_Waiting] = deque()
        self._open = {intent.record_id: (at, intent) for at, intent in opened.intents}
        self._closed_unseen: set[str] = set()  # records whose last leaf is durable, and its caller gave up
        self._reason = "slow"  # of the last pause
        self._publication: Iterator[None] | None = None
        self._stuck = False  # whether it fails because a checkpoint could not be made
        self._checkpoint_due = False
        self._checkpoint_timer: Handle | None = None
        self._again_timer: Handle | None = None
        self._busy_since: int | None = None
        self._wake = asyncio.Event()
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        place: Place,
        gateway: Gateway,
        clock: Clock,
        *,
        lane: Lane | None = None,
        disk: Disk | None = None,
        checkpoint_ns: int = CHECKPOINT_NS,
    ) -> Log:
        """Open a log, close what its last run left open, and publish both.

        Raises:
            InUse: Another process has it.
            StartRefused: It must not be continued as it is.
            OSError: It can't be written.
        """
        lane, disk = lane or ThreadLane(), disk or Disk()
        now = clock.wall() // 1_000
        opened: OpenedLog | None = None
        try:
            opened = await lane.run(partial(open_log, disk, place, now // 1_000_000))
            log = cls(opened, gateway, clock, lane, disk, checkpoint_ns)
            await log._begin(opened, now)
        except BaseException:
            if opened is not None:
                opened.writer.close()
                disk.close(opened.lock)
            lane.close()
            raise
        log._task = asyncio.create_task(log._work(), name="tracegate-audit-log")
        return log

    @property
    def size(self) -> int:
        """Leaves that are durable."""
        return self._writer.size

    @property
    def published(self) -> int:
        """Size of the last checkpoint."""
        return self._writer.published

    @property
    def open_intents(self) -> int:
        """Records whose intent is durable and whose end is not."""
        return len(self._open)

    async def append(self, leaf: Leaf, wait_ns: int) -> At:
        """Make a leaf durable; returns where it stands.

        Shield it where the caller may be cancelled: the leaf is written nevertheless.

        Args:
            leaf: Complete, for this log.
            wait_ns: How long to wait for it at most.

        Raises:
            LogUnavailable: It is not known to be durable. An intent that reaches the disk all the same is closed as
                aborted here, so its record is over; a final may be handed to `keep`.
            Malformed: The leaf can't be written.
        """
        if self._ending:
            raise LogUnavailable("the log is closing")
        begins = isinstance(leaf, Intent) or (isinstance(leaf, Final) and leaf.prev_intent is None)
        if self.failing is not None and begins:
            raise LogUnavailable(self.failing)
        told: asyncio.Future[At | str] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(leaf, write(leaf), told)
        self._enqueue(waiting)
        timer = self._clock.call_at(self._clock.now() + wait_ns, self._give_up, waiting)
        try:
            found = await told
        finally:
            timer.cancel()
        if isinstance(found, str):
            raise LogUnavailable(found)
        return found

    def keep(self, leaf: Leaf) -> None:
        """Write a leaf that nobody waits for, as soon as the log can be written.

        A final is left out if its record was closed in the meantime, by a leaf that its caller had given up.

        Raises:
            Malformed: The leaf can't be written.
        """
        self._enqueue(_Waiting(leaf, write(leaf)))

    def unrecorded(self, outcome: Outcome) -> None:
        """Count a request that was served without a leaf; a `log.paused` follows when the log can be written."""
        self._own.count(outcome)
        if self.failing is None:
            self._wake.set()

    async def close(self) -> None:
        """Close open intents as aborted, then the log; publish both, and let go of it.

        A log that can't be written is let go as it is: what it still held is lost, and the next start tells of it.
        """
        self._ending = True
        self._wake.set()
        if self._task is None:
            return
        task, self._task = self._task, None
        await task
        for waiting in self._queue:
            self._refuse(waiting, "the log is closed")
        await self._lane.run(self._let_go)
        self._lane.close()

    def _let_go(self) -> None:
        self._writer.close()
        self._disk.close(self._lock)

    # The life of the log: one task, which gives the lane one piece of work at a time.

    async def _begin(self, opened: OpenedLog, t: int) -> None:
        first = (self._own.opened(opened, t), *self._aborted("crash"))
        await self._write([_Waiting(leaf, write(leaf)) for leaf in first])
        await self._lane.run(partial(list, self._writer.publish()))
        self._published()

    async def _work(self) -> None:
        while not self._ending:
            await self._wake.wait()
            self._wake.clear()
            await self._drain()
        if self.failing is None:
            for leaf in self._aborted("shutdown"):
                self.keep(leaf)
            self.keep(self._own.closed())
            self._checkpoint_due = True
            await self._drain()
        for timer in (self._checkpoint_timer, self._again_timer):
            if timer is not None:
                timer.cancel()

    async def _drain(self) -> None:
        """Work until nothing is left to do, or the log can't be written."""
        while await self._turn():
            pass

    async def _turn(self) -> bool:
        """One group, and one file of a checkpoint; returns whether to go on."""
        if self.failing is None and self._own.unrecorded:
            self.keep(self._own.paused(self._reason))
        group = self._group()
        try:
            if group:
                await self._write(group)
                if not self._stuck:
                    self.failing = None
            if await self._publish():
                self.failing, self._stuck = None, False
        except OSError as exc:
            self._failed(exc)
            return False
        return bool(self._queue or self._own.unrecorded or self._publication or self._is_due())

    def _group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        while self._queue and len(group) < GROUP:
            waiting = self._queue.popleft()
            if waiting.told is None and isinstance(waiting.leaf, Final) and self._seen(waiting.leaf.record_id):
                continue
            group.append(waiting)
        return group

    def _seen(self, record: str) -> bool:
        """Whether a record was closed by a leaf that its caller gave up; told once."""
        seen = record in self._closed_unseen
        self._closed_unseen.discard(record)
        return seen

    async def _write(self, group: list[_Waiting]) -> None:
        try:
            stood = await self._run(partial(self._writer.append, [waiting.raw for waiting in group]))
        except OSError:
            self._queue.extendleft(waiting for waiting in reversed(group) if not waiting.given_up)
            raise
        for waiting, (index, hashed) in zip(group, stood, strict=True):
            self._settle(waiting, At(index=index, hash=hashed.hex()))
        if self._checkpoint_timer is None:
            self._checkpoint_timer = self._clock.call_at(self._clock.now() + self._checkpoint_ns, self._tick)

    def _settle(self, waiting: _Waiting, at: At) -> None:
        leaf = waiting.leaf
        if isinstance(leaf, Intent):
            self._open[leaf.record_id] = (at, leaf)
            if waiting.given_up:
                self.keep(self._own.aborted(at, leaf, "log_unavailable"))
        elif isinstance(leaf, Final | Aborted):
            self._open.pop(leaf.record_id, None)
            if waiting.given_up:
                self._closed_unseen.add(leaf.record_id)
        if waiting.told is not None and not waiting.told.done():
            waiting.told.set_result(at)

    async def _run(self, work: Callable[[], T]) -> T:
        self._busy_since = self._clock.now()
        try:
            return await self._lane.run(work)
        finally:
            self._busy_since = None

    async def _publish(self) -> bool:
        """Publish one file, if a checkpoint is due; returns whether none is any more."""
        if self._publication is None:
            if not self._is_due():
                return True
            self._published()
            self._publication = self._writer.publish()
        if await self._run(partial(next, self._publication, True)):
            self._publication = None
        return self._publication is None

    def _published(self) -> None:
        self._checkpoint_due = False
        if self._checkpoint_timer is not None:
            self._checkpoint_timer.cancel()
            self._checkpoint_timer = None

    def _is_due(self) -> bool:
        behind = self.size - self.published
        return behind >= GROUP or (behind > 0 and self._checkpoint_due)

    def _tick(self) -> None:
        self._checkpoint_due = True
        if self.failing is None:
            self._wake.set()

    def _failed(self, exc: OSError) -> None:
        self.failing = self._reason = exc.strerror or str(exc)
        if self._publication is not None:
            self._publication, self._checkpoint_due, self._stuck = None, True, True
        self._wake.clear()
        if self._again_timer is not None:
            self._again_timer.cancel()
        self._again_timer = self._clock.call_at(self._clock.now() + AGAIN_NS, self._again)

    def _again(self) -> None:
        if not self._queue:
            self.keep(self._own.alive(len(self._open)))
        self._wake.set()

    def _enqueue(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        if self.failing is None:
            self._wake.set()

    def _give_up(self, waiting: _Waiting) -> None:
        if waiting in self._queue:
            self._queue.remove(waiting)
        waiting.given_up = True
        if self._busy_since is not None and self._clock.now() - self._busy_since >= AGAIN_NS:
            self.failing = "the disk does not answer"  # until it does
        self._refuse(waiting, self.failing or "the log is slow")

    def _refuse(self, waiting: _Waiting, why: str) -> None:
        if waiting.told is not None and not waiting.told.done():
            waiting.told.set_result(why)

    def _aborted(self, cause: Cause) -> list[Leaf]:
        return [self._own.aborted(at, intent, cause) for at, intent in self._open.values()]
