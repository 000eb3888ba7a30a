"""The log of a process: leaves come from the loop, are made durable in groups on the log's thread, and are published.

A group is what came while the last one was written: nobody waits for company. Checkpoints are made file by file between
groups, so that no leaf waits for one. Nobody is told where a leaf stands before it is durable. While the log can't be
written, what begins a record is refused at once, the rest waits, and the log tries again by itself. When an epoch ends,
the next log takes its place here, behind what was handed over for the old one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from functools import partial

from tracegate.audit.disk import Disk
from tracegate.audit.events import Aborted, Leaf
from tracegate.audit.kinds import At, Final, Gateway, Head, Intent
from tracegate.audit.lane import Lane, ThreadLane
from tracegate.audit.leaf import Written
from tracegate.audit.opening import OpenedLog, Place
from tracegate.audit.own_leaves import Outcome, OwnLeaves
from tracegate.audit.publication import CHECKPOINT_NS, GROUP, Publication
from tracegate.audit.queued import Queued, Rows, Told, Unseen, Waits, queued
from tracegate.audit.starting import Started, start
from tracegate.audit.turn import Turn
from tracegate.audit.work import Work
from tracegate.clock import Clock, Handle
from tracegate.errors import TracegateError

AGAIN_NS = 250_000_000
"""Pause before a log that could not be written is tried again."""

logger = logging.getLogger(__name__)


class LogUnavailable(TracegateError):
    """The leaf is not durable, and nobody may be told that it will be."""


class Log:
    """A log that is open; `Log.open` makes it, or it is made of one that was started and told to `run`.

    Args:
        started: What was found on the disk, and how this run began.
        gateway: Who writes it.
        clock: Of the running loop.
        lane: Where disk work is done.
        disk: The system calls.
        checkpoint_ns: Time from the first leaf behind a checkpoint to the beginning of the next.
    """

    def __init__(
        self, started: Started, gateway: Gateway, clock: Clock, lane: Lane, disk: Disk, checkpoint_ns: int
    ) -> None:
        self.signer = started.opened.signer
        """Of the log for which leaves are handed over now."""
        self.own = OwnLeaves(self.signer.key.name, gateway, clock)
        """Makes the leaves that are about that log."""
        self.failing: str | None = None
        """Why the log can't be written now."""
        self.counted = Counter(type(leaf) for leaf in started.first)
        """Leaves that this run wrote, by type."""
        self.failures = 0
        """Leaves of records whose callers were told that they are not durable."""
        self.watched: Callable[[bool], None] = lambda failing: None
        """Called when the log begins to fail, with true, and when it is written again."""
        self._opened = started.opened
        self._writer = started.opened.writer
        self._clock = clock
        self._lane = lane
        self._disk = disk
        self._queue: deque[Queued | Turn] = deque()
        self.begun: dict[str, tuple[At, Written]] = {}
        """Records whose intent is durable and whose end is not, and where it stands."""
        self._unseen = Unseen(clock)
        self._reason = "slow"  # of the last pause
        self._publication = Publication(clock, checkpoint_ns, self._stir)
        self._stuck = False  # whether it fails because a checkpoint could not be made
        self._again_timer: Handle | None = None
        self._work = Work(lane, clock, self._go_on, self._failed)
        self._waits = Waits(clock, self._give_up)
        self._under_way: list[Queued] = []  # the group that is written now
        self._turning: asyncio.Task[None] | None = None
        self._runs = self._ending = False

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
        try:
            started = await lane.run(partial(start, disk, place, gateway, clock))
        except BaseException:
            lane.close()
            raise
        log = cls(started, gateway, clock, lane, disk, checkpoint_ns)
        log.run()
        return log

    def run(self) -> None:
        """Take leaves from now on."""
        self._runs = True
        self._work.begin()
        self._stir()

    @property
    def writing(self) -> str:
        """The origin of the log that grows; another than `own.origin` while one follows on the other."""
        return self._opened.signer.key.name

    @property
    def size(self) -> int:
        """Leaves of it that are durable."""
        return self._writer.size

    @property
    def published(self) -> int:
        """Size of its last checkpoint."""
        return self._writer.published

    @property
    def open_intents(self) -> int:
        """Records whose intent is durable and whose end is not."""
        return len(self.begun)

    @property
    def carried(self) -> int:
        """Those of them whose intent stands in the log before."""
        return sum(intent.log != self.own.origin for _, intent in self.begun.values())

    def submit(self, leaf: Leaf | Written, wait_ns: int, *, r: bytes | None = None, rows: Rows = ()) -> Told:
        """Hand a leaf over; the future has where it stands once it is durable, or why nobody may be told that it is.

        An intent that reaches the disk all the same is closed as aborted here, so its record is over; a final may be
        handed to `keep`. A future that is cancelled leaves the leaf on its way.

        Args:
            leaf: Complete, for the log of now: made since the last `await`.
            wait_ns: How long to wait for it at most.
            r: The record's blinding, with its first leaf; durable with it, and can be erased.
            rows: Kind and SHA-256 of what the record is found by, with its final; as `r`.

        Raises:
            Malformed: The leaf can't be written.
        """
        one = queued(leaf, r, rows)
        one.told = asyncio.get_running_loop().create_future()
        why = self.failing if one.leaf.begins else None
        if self._ending:
            why = "the log is closing"
        elif leaf.log != self.own.origin:
            why = "the log has ended"
        if why is not None:
            self._refuse(one, why)
            return one.told
        one.until = self._clock.now() + wait_ns
        self._waits.add(one)
        self._enqueue(one)
        return one.told

    async def append(self, leaf: Leaf | Written, wait_ns: int, *, r: bytes | None = None, rows: Rows = ()) -> At:
        """Make a leaf durable; returns where it stands. See `submit`.

        A caller who is cancelled leaves the leaf on its way, but an intent of his is closed as aborted.

        Raises:
            LogUnavailable: It is not known to be durable.
            Malformed: The leaf can't be written.
        """
        found = await self.submit(leaf, wait_ns, r=r, rows=rows)
        if isinstance(found, str):
            raise LogUnavailable(found)
        return found

    def keep(self, leaf: Leaf | Written, *, r: bytes | None = None, rows: Rows = ()) -> None:
        """Write a leaf that nobody waits for, as soon as the log can be written; see `submit` for its parts.

        A final is left out if its record was closed in the meantime, by a leaf that its caller had given up.

        Raises:
            Malformed: The leaf can't be written.
        """
        if leaf.log != self.own.origin:
            leaf = self.own.moved(leaf.leaf if isinstance(leaf, Written) else leaf)
        self._enqueue(queued(leaf, r, rows))

    def unrecorded(self, outcome: Outcome) -> None:
        """Count a request that was served without a leaf; a `log.paused` follows when the log can be written."""
        self.own.count(outcome)
        self._stir()

    async def follow(self, new: OpenedLog) -> Head:
        """End this log, and go on with the next: what is handed over from now on is for that one.

        Returns the end of this one when both are on the disk, and its key is not any more.

        Args:
            new: It has no leaf yet.
        """
        following = self.own.follow(new.signer.key.name)
        turn = Turn(self._opened, self.own, new, following)
        self.own, self.signer = following, new.signer
        self._enqueue(turn)
        await turn.over.wait()
        return turn.old.writer.head

    async def close(self) -> None:
        """Close open intents as aborted, then the log; publish both, and let go of it.

        A log that can't be written is let go as it is: what it still held is lost, and the next start tells of it.
        """
        self._ending = True
        if not self._runs:
            return
        self._runs = False
        await self._work.over()
        if self.failing is None:
            for at, intent in self.begun.values():
                self.keep(self.own.aborted(at, intent.intent, "shutdown"))
            self.keep(self.own.closed())
            self._publication.hurry()
            await self._work.over()
        self._work.end()
        if self._again_timer is not None:
            self._again_timer.cancel()
        self._unseen.close()
        self._publication.rest()
        left = [self._opened]
        for one in self._queue:
            if isinstance(one, Turn):
                left.append(one.new)
            else:
                self._refuse(one, "the log is closed")
        self._waits.close()
        await asyncio.gather(*(self._lane.run(partial(opened.let_go, self._disk)) for opened in left))
        self._lane.close()

    # The life of the log: one piece of work after the other.

    def _stir(self) -> None:
        if self.failing is None:
            self._work.start()

    def _go_on(self) -> None:
        """Write a group; where there is none, one file of a checkpoint."""
        if self.failing is None and self.own.unrecorded:
            self.keep(self.own.paused(self._reason))
        if self._queue and isinstance(self._queue[0], Turn):
            self._turning = asyncio.create_task(self._turn_over(self._queue[0]))
        elif group := self._group():
            self._under_way = group
            work = partial(self._writer.append, [one.leaf.raw for one in group], [one.erasable for one in group])
            self._work.give(work, self._wrote)
        else:
            self._publish()

    def _wrote(self, stood: list[tuple[int, bytes]]) -> None:
        group, self._under_way = self._under_way, []
        for one, (index, hashed) in zip(group, stood, strict=True):
            self._settle(one, At(index=index, hash=hashed.hex()))
        self._publication.grew()
        if not self._stuck:
            self._works()
        self._publish()

    def _publish(self) -> None:
        """One file of a checkpoint, if one is due; then what came meanwhile."""
        if self._publication.is_due(self._writer):
            self._work.give(self._publication.step(self._writer), self._published)
        else:
            self._rest()

    def _published(self, over: bool | None) -> None:
        self._publication.stepped(over)
        if over:
            self._rest()
        else:
            self._next()

    def _rest(self) -> None:
        """No checkpoint is due."""
        self._works()
        self._stuck = False
        self._next()

    def _next(self) -> None:
        if self._queue or self.own.unrecorded or self._publication.is_due(self._writer):
            self._go_on()
        else:
            self._work.rest()

    async def _turn_over(self, turn: Turn) -> None:
        self._publication.broke_off()
        self._publication.rest()
        still = sum(intent.log == self.writing for _, intent in self.begun.values())
        try:
            await turn.take(self._work.run, self._disk, still, self._clock.wall() // 1_000)
        except Exception as exc:  # noqa: BLE001  # as of any other work
            self._work.fail(exc)
            return
        self._queue.popleft()
        self._opened, self._writer = turn.new, turn.new.writer
        self._work.take(self._go_on)

    def _group(self) -> list[Queued]:
        group: list[Queued] = []
        while self._queue and len(group) < GROUP:
            one = self._queue[0]
            if isinstance(one, Turn):
                break
            self._queue.popleft()
            if one.told is None and one.leaf.kind is Final and self._unseen.take(one.leaf.record_id):
                continue
            group.append(one)
        return group

    def _settle(self, one: Queued, at: At) -> None:
        leaf, kind = one.leaf, one.leaf.kind
        self.counted[kind] += 1
        if kind is Intent:
            self.begun[leaf.record_id] = (at, leaf)
            if one.given_up or (one.told is not None and one.told.cancelled()):
                self.keep(self.own.aborted(at, leaf.intent, "log_unavailable"))
        elif kind is Final or kind is Aborted:
            self.begun.pop(leaf.record_id, None)
            if one.given_up:
                self._unseen.add(leaf.record_id)
        self._waits.take(one)
        one.tell(at)

    def _works(self) -> None:
        if self.failing is not None:
            logger.warning("The audit log is written again")
            self.failing = None
            self.watched(False)

    def _fails(self, why: str) -> None:
        if self.failing is None:
            logger.error("The audit log can't be written: %s", why)
            self.watched(True)
        self.failing = self._reason = why

    def _failed(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            why = exc.strerror or str(exc)
        elif self.failing != (why := f"{type(exc).__name__}: {exc}"):
            logger.error("The audit log fails in a way that nobody thought of", exc_info=exc)
        self._fails(why)
        group, self._under_way = self._under_way, []
        self._queue.extendleft(one for one in reversed(group) if not one.given_up)
        if self._publication.broke_off():
            self._stuck = True
        if self._again_timer is not None:
            self._again_timer.cancel()
        self._again_timer = self._clock.call_at(self._clock.now() + AGAIN_NS, self._again)

    def _again(self) -> None:
        if not self._queue:
            self.keep(self.own.alive(len(self.begun)))
        self._work.start()

    def _enqueue(self, one: Queued | Turn) -> None:
        self._queue.append(one)
        self._stir()

    def _give_up(self, one: Queued) -> None:
        if one.told is None or one.told.done():  # its caller was cancelled: it goes its way
            return
        if one in self._queue:
            self._queue.remove(one)
        one.given_up = True
        if self._work.took >= AGAIN_NS:
            self._fails("the disk does not answer")  # until it does
        self._refuse(one, self.failing or "the log is slow")

    def _refuse(self, one: Queued, why: str) -> None:
        self.failures += one.told is not None and not one.told.done() and one.leaf.kind in (Intent, Final)
        self._waits.take(one)
        one.tell(why)
