"""The audit log of one process: its epoch, its heartbeat, its end; what it counts, erases and prunes.

Whether and where there is one is the configuration's affair; what an answer writes into it is `answer`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from msgspec.structs import replace

from tracegate.audit.answer import Answer
from tracegate.audit.blinds import Blinds
from tracegate.audit.disk import Disk
from tracegate.audit.epoch import Epoch
from tracegate.audit.events import Aborted, Anchored, Erased, Heartbeat, Leaf, Paused, Read
from tracegate.audit.keys import Signer
from tracegate.audit.kinds import At, ClockState, Final, Gateway
from tracegate.audit.lane import Lane, ThreadLane
from tracegate.audit.log import Log, LogUnavailable
from tracegate.audit.offsets import Offsets
from tracegate.audit.opening import Place, open_log
from tracegate.audit.own_leaves import MOST, What
from tracegate.audit.publication import CHECKPOINT_NS
from tracegate.audit.reading import StoredLog
from tracegate.audit.render import LeafWriter
from tracegate.audit.render_forms import LeafForms
from tracegate.audit.retention import DEFAULT, Before, Pruning, Retention, first_open, plan, remove
from tracegate.audit.signature import ResponseSigner
from tracegate.audit.succession import Home, Taken, following, month_ends, next_epoch
from tracegate.clock import Clock, Ids
from tracegate.custody import LogNumbers, Numbers
from tracegate.errors import Malformed, TracegateError
from tracegate.record import Recorder

Mode = Literal["strict", "available"]

BEAT_NS = 30_000_000_000
"""Time between two heartbeats."""

STRICT_NS = 1_000_000_000
"""How long an answer waits for the log in all, in `strict` mode, and a leaf that is about the log in any."""

COVERED_NS = 3 * STRICT_NS
"""How long is waited for a checkpoint over a leaf without which nothing is removed."""

CLOSE_S = 3.0
"""How long is waited at the end for a disk that does not answer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """How the audit log of a process is kept.

    Args:
        home: Where, and how its logs are named.
        mode: What happens to answers while it can't be written.
        wait_ns: How long an answer waits for it in all.
        retention: How long leaves are kept.
        sign_path: Whether signatures of responses cover the request's path.
    """

    home: Home
    mode: Mode = "strict"
    wait_ns: int = STRICT_NS
    retention: Retention = DEFAULT
    sign_path: bool = True


class Audit:
    """The audit log of a process; it is made of one that was taken, and told to `run`.

    Args:
        taken: The replica, and its log of now.
        settings: How it is kept.
        gateway: Who writes.
        clock: Of the running loop.
        ids: For the blinding of records.
        lane: Where the log's disk work is done.
        disk: The system calls.
        dropped: Counts the spans that telemetry lost, for the heartbeat.
        clock_state: How well the machine's clock is held.
        checkpoint_ns: Time from the first leaf behind a checkpoint to the beginning of the next.
        beside: Where other disk work is done: searches and erasing.
    """

    def __init__(
        self,
        taken: Taken,
        settings: Settings,
        gateway: Gateway,
        clock: Clock,
        ids: Ids,
        *,
        lane: Lane | None = None,
        disk: Disk | None = None,
        dropped: Callable[[], int | None] = lambda: None,
        clock_state: Callable[[], ClockState | None] = lambda: None,
        checkpoint_ns: int = CHECKPOINT_NS,
        beside: Lane | None = None,
    ) -> None:
        self.mode: Mode = settings.mode
        self.wait_ns = settings.wait_ns
        """How long an answer waits for the log in all."""
        self.home = settings.home
        self.ids = ids
        self.replica = taken.replica
        """The element of the origin that is this process's own."""
        self.lane: Lane = beside or ThreadLane()
        """Where other disk work than the log's is done."""
        self.blinds = Blinds(settings.home.private)
        """What can be erased, of all logs of the directory."""
        self.shipped: Callable[[], tuple[int, int] | None] = lambda: None
        """Leaves that wait to be shipped, and for how many ns the oldest has; whoever ships sets it."""
        self.unanchored: Callable[[], int] = lambda: 0
        """Heads that were told to somebody in vain; whoever tells sets it."""
        self._settings = settings
        self._gateway = gateway
        self._clock = clock
        self._disk = disk or Disk()
        self._dropped = dropped
        self._clock_state = clock_state
        self._held = clock_state()  # looked at anew with each beat
        self._lock = taken.lock
        self._log_lane: Lane = lane or ThreadLane()
        log = Log(taken.started, gateway, clock, self._log_lane, self._disk, checkpoint_ns)
        self._ended: tuple[LogNumbers, ...] = ()
        self._turning = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self.epoch = self._epoch(log, log.signer)
        """The log of now."""

    def run(self) -> None:
        """Take leaves from now on."""
        self.epoch.log.run()
        self._tasks = [asyncio.create_task(self._live(), name="tracegate-audit-heartbeat")]

    def answer(self, recorder: Recorder) -> Answer:
        """What one request writes."""
        return Answer(self, recorder)

    def numbers(self) -> Numbers:
        """How it stands now; see `Custodian`."""
        log = self.epoch.log
        counted: Counter[type[Leaf]] = log.counted
        shipped = self.shipped()
        return Numbers(
            logs=(*self._ended, LogNumbers(log.writing, log.size, log.published)),
            open_intents=log.open_intents,
            records=counted[Final],
            failures=log.failures,
            aborted=counted[Aborted],
            pauses=counted[Paused],
            erasures=counted[Erased],
            reads=counted[Read],
            heartbeats=counted[Heartbeat],
            anchors=counted[Anchored],
            unanchored=self.unanchored(),
            unshipped=None if shipped is None else shipped[0],
            ship_lag_ns=None if shipped is None else shipped[1],
        )

    def durable(self) -> dict[str, int]:
        """How many durable leaves the log of now has, by its origin; in one that ended a checkpoint covers all."""
        log = self.epoch.log
        return {log.writing: log.size}

    async def erase(self, record_ids: Sequence[str], by: str, reason: str) -> list[At]:
        """Destroy what is kept of some records, in whatever log of the directory they stand, and write that down.

        Args:
            record_ids: Of records that are closed.
            by: Who asked.
            reason: Why.

        Returns:
            Where the leaves stand that tell of it, of up to 100 records each, with the names of their logs; none where
            nothing was ever kept of any.

        Raises:
            LogUnavailable: It is destroyed, and no leaf tells of it: do it again.
            OSError: It is not certain that all of it is destroyed.
        """
        found = await self.lane.run(partial(self.blinds.erase, record_ids, self._disk))
        erased = [record_id for record_id in dict.fromkeys(record_ids) if record_id in found]
        told = []
        for start in range(0, len(erased), MOST):
            told.append(await self._told(self.epoch.log.own.erased(erased[start : start + MOST], by, reason)))
        return told

    async def was_read(self, by: str, what: What, record_ids: Sequence[str], count: int) -> At:
        """Write down that somebody read so many records, of which the first 100 are named.

        Returns:
            Where the leaf stands, with the name of its log.

        Raises:
            LogUnavailable: No leaf tells of it.
        """
        return await self._told(self.epoch.log.own.read(by, what, record_ids, count))

    async def _told(self, leaf: Leaf) -> At:
        """Make a leaf durable; its log may have ended by then, so where it stands is told with the log's name."""
        return replace(await self.epoch.log.append(leaf, STRICT_NS), log=leaf.log)

    async def prune(self, origin: str, before: Before, by: str) -> Pruning:
        """Remove the beginning of the log of now, once a checkpoint covers the leaf that says so.

        Args:
            origin: Of the log that is meant.
            before: Up to where.
            by: Who wants it.

        Raises:
            Malformed: It may not be pruned so far, or is not the log of now.
            LogUnavailable: No leaf can say so now, or none is published soon: nothing is removed; do it again.
            OSError: Not everything is removed: do it again.
        """
        log, own, retention = self.epoch.log, self.epoch.log.own, self._settings.retention
        if origin != own.origin:
            raise Malformed(f"`{origin}` is not the log that is open")
        stored = await self.lane.run(partial(StoredLog, self.home.place(self.replica, self._epoch_name).folder))
        offsets, needed = Offsets(self.home.root, self._disk), first_open(log.begun.values(), origin)
        now = self._clock.wall() // 1_000
        found = await self.lane.run(partial(plan, stored, before, retention, now, offsets, needed))
        index = None
        if not found.told:
            at = await log.append(own.pruned(found.min_index, by, retention.policy), STRICT_NS)
            index = at.index
            await self._covered(stored, index)
        removed = await self.lane.run(partial(remove, self._disk, stored.folder, found.min_index))
        return Pruning(found.min_index, index, removed)

    async def _covered(self, log: StoredLog, index: int) -> None:
        """Return when a checkpoint covers a leaf: who reads the log without its segments must find it."""
        until = self._clock.now() + COVERED_NS
        while (head := await self.lane.run(log.head)) is None or head.size <= index:
            if self._clock.now() >= until:
                raise LogUnavailable(f"leaf {index} says what is pruned, and no checkpoint covers it yet")
            await self._clock.sleep_until(self._clock.now() + COVERED_NS // 60)

    async def rotate(self) -> None:
        """Give the log another key: this epoch ends, and the next begins.

        Raises:
            LogUnavailable: It can't be now: it is failing, or a record of the epoch before this one is still open.
            OSError: The log that follows can't be made.
            StartRefused: What is there of it must not be continued.
        """
        async with self._turning:
            await self._turn(await self._due() or next_epoch(self._epoch_name, self._clock.wall()))

    async def close(self) -> None:
        """Close what is open, then the log, and let go of it; a disk that does not answer is not waited for long."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        closing = asyncio.ensure_future(self._let_go())
        done, _ = await asyncio.wait([closing], timeout=CLOSE_S)
        if done:
            closing.result()
        else:
            closing.cancel()
            logger.error("The audit log is left as it is: the disk does not answer")

    async def _let_go(self) -> None:
        await self.epoch.log.close()
        self._disk.close(self._lock)
        await self.lane.run(lambda: None)  # behind its last work, for which closing it would block the loop
        self.lane.close()

    async def _live(self) -> None:
        """Beat, and turn to the next epoch when its time comes."""
        beat = self._clock.now() + BEAT_NS
        await self._turn_if_due()
        while True:
            now, wall = self._clock.now(), self._clock.wall()
            await self._clock.sleep_until(min(beat, now + max(0, month_ends(wall) - wall)))
            if self._clock.now() >= beat:
                beat += BEAT_NS
                self._held = self._clock_state()
                log = self.epoch.log
                if log.failing is None:  # else it beats whenever it is tried
                    log.keep(log.own.alive(log.open_intents, self._dropped(), self._held))
            await self._turn_if_due()

    async def _turn_if_due(self) -> None:
        async with self._turning:
            try:
                if due := await self._due():
                    await self._turn(due)
            except (TracegateError, OSError) as exc:
                logger.warning("The audit log goes on in %s for now: %s", self._epoch_name, exc)

    async def _due(self) -> str | None:
        wall = self._clock.wall()
        return await self.lane.run(partial(following, self.home, self.replica, self._epoch_name, wall))

    async def _turn(self, name: str) -> None:
        log = self.epoch.log
        if log.failing is not None:
            raise LogUnavailable(log.failing)
        if log.carried:
            raise LogUnavailable("a record of the epoch before this one is still open")
        place: Place = self.home.place(self.replica, name)
        new = await self._log_lane.run(partial(open_log, self._disk, place, self._clock.wall() // 1_000_000_000))
        self.epoch = self._epoch(log, new.signer)
        head = await log.follow(new)
        self._ended = (*self._ended, LogNumbers(head.log, head.size, head.size))

    @property
    def _epoch_name(self) -> str:
        return self.epoch.origin.rpartition("/")[2]

    def _epoch(self, log: Log, signer: Signer) -> Epoch:
        leaves = LeafWriter(signer.key.name, self._gateway, lambda: self._held, self._settings.retention.name)
        return Epoch(log, LeafForms(leaves), ResponseSigner(signer, path=self._settings.sign_path), signer)
