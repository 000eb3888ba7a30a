"""The logs of a folder on their way to a sink: each by one process, in turns, until it has all of them.

It reads what is durable and signed, never what a request just did; what it can't send waits where it is, in the log, so
a sink that is away costs neither memory nor leaves. It sends at least once: what may have arrived is sent again.
A process ships the logs that it writes, and those that no process ships: of earlier epochs, and of workers that ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tracegate.audit.disk import Disk
from tracegate.audit.lane import Lane, ThreadLane
from tracegate.audit.offsets import Offsets
from tracegate.audit.reading import StoredLog
from tracegate.audit.shipper import Shipper
from tracegate.clock import Clock
from tracegate.errors import Malformed
from tracegate.shipment import NotTaken, PartlyTaken, ShippedLeaf, Sink

SECOND_NS = 1_000_000_000

EVERY_NS = SECOND_NS // 2
"""How often is looked for new leaves: as often as a checkpoint is made."""

OTHERS_NS = 10 * SECOND_NS
"""How often is looked for logs that no process ships; a worker that starts has taken its own by then."""

BASE_NS, CAP_NS = SECOND_NS // 2, 10 * SECOND_NS
"""First and longest pause after a sink took nothing; nothing is lost by waiting, and it is never given up."""

LONGEST_NS = 300 * SECOND_NS
"""Most of what a sink may ask to be left alone."""

MINUTE_NS = 60 * SECOND_NS

logger = logging.getLogger(__name__)


class Shipping:
    """All logs that this process ships.

    Args:
        root: The folder of all logs.
        sink: Where leaves go.
        clock: Of the running loop.
        random: A number in [0, 1), for jitter.
        own: The logs that this process writes, by replica and epoch, with how many durable leaves each has.
        lane: Where files are read and written; not that of the log, which must not wait for it.
        disk: The system calls.
    """

    def __init__(
        self,
        root: Path,
        sink: Sink,
        clock: Clock,
        random: Callable[[], float],
        own: Callable[[], Mapping[str, int]],
        *,
        lane: Lane | None = None,
        disk: Disk | None = None,
    ) -> None:
        self._root = root
        self._sink = sink
        self._clock = clock
        self._random = random
        self._own = own
        self._lane = lane or ThreadLane()
        self._disk = disk or Disk()
        self._offsets = Offsets(root, self._disk)
        self._shippers: dict[str, Shipper] = {}
        self._others_at = clock.now() + OTHERS_NS
        self._pause_ns = 0
        self._quiet_until: dict[str, int] = {}  # by what was said
        self._wake = asyncio.Event()
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    def numbers(self) -> tuple[int, int]:
        """Leaves that wait, and for how many nanoseconds the oldest has; quick, from any thread."""
        return self.unshipped, self.lag_ns

    @property
    def unshipped(self) -> int:
        """Durable leaves that the sink has not acknowledged, of the logs that this process ships."""
        own = self._own()
        return sum(
            shipper.due + max(0, own.get(name, 0) - max(shipper.size, shipper.offset.next))
            for name, shipper in tuple(self._shippers.items())
        )

    @property
    def lag_ns(self) -> int:
        """How long the oldest of them has waited, as far as they were looked at; 0 where there is none."""
        since = [shipper.since for shipper in tuple(self._shippers.values()) if shipper.since is not None]
        return max(0, self._clock.wall() - min(since)) if since else 0

    def start(self) -> None:
        """Begin to ship."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="tracegate-audit-shipping")

    async def close(self, by: int) -> None:
        """Ship what is there, until monotonic nanosecond `by` or a failure; what is left waits for the next start.

        To be called when the process has closed its logs.
        """
        self._ending = True
        self._wake.set()
        if self._task is not None:
            timer = self._clock.call_at(by, self._task.cancel)
            try:
                await asyncio.wait((self._task,))
            finally:
                timer.cancel()
        if left := self.unshipped:
            self._say("end", f"{left} leaves are not shipped; they stay in the log, for the next start")
        self._lane.close()
        for shipper in self._shippers.values():
            self._disk.close(shipper.lock)

    async def _run(self) -> None:
        while True:
            ending, sent, wait = self._ending, False, EVERY_NS
            try:
                await self._look()
                for shipper in tuple(self._shippers.values()):
                    sent |= await self._step(shipper)
                self._pause_ns = 0
            except NotTaken as exc:
                self._say("sink", f"the sink took nothing: {exc}; {self.unshipped} leaves wait in the log")
                sent, wait = False, self._after(exc)
            except Exception as exc:  # noqa: BLE001  # whatever a sink raises, leaves must go on
                self._say("sink", f"it failed: {exc!r}; {self.unshipped} leaves wait in the log")
                sent, wait = False, self._after(NotTaken("it failed"))
            if sent:
                continue
            if ending:
                return
            await self._wait(wait)

    async def _look(self) -> None:
        """Take the logs that are this process's to ship, and let go of those of others that are shipped."""
        own = self._own()
        names = set(own)
        if (now := self._clock.now()) >= self._others_at:
            self._others_at = now + OTHERS_NS
            names.update(await self._lane.run(self._all))
        for name in sorted(names - set(self._shippers)):
            with self._telling(name):
                if (shipper := await self._lane.run(partial(self._claimed, name, name in own))) is not None:
                    self._shippers[name] = shipper
        for name, shipper in tuple(self._shippers.items()):
            with self._telling(name):
                if not await self._lane.run(shipper.look) and name not in own:
                    del self._shippers[name]
                    self._disk.close(shipper.lock)

    def _all(self) -> list[str]:
        return ["/".join(path.parent.parts[-2:]) for path in self._root.glob("*/*/log.json")]

    def _claimed(self, name: str, own: bool) -> Shipper | None:
        """A log, claimed; `None` where another process ships it, or where nothing of another's is due."""
        if not (self._root / name / "log.json").exists():
            return None
        log = StoredLog(self._root / name)
        if (lock := self._offsets.claim(name)) is None:
            return None
        try:
            shipper = Shipper(log, self._offsets, lock)
            if shipper.look() or own:
                return shipper
        except BaseException:
            self._disk.close(lock)
            raise
        self._disk.close(lock)
        return None

    async def _step(self, shipper: Shipper) -> bool:
        """One batch of a log; returns whether there was one.

        Raises:
            NotTaken: The sink did not take it.
        """
        with self._telling(shipper.log.name):
            if shipper.due and (leaves := await self._lane.run(shipper.batch)):
                rejected = await self._deliver(leaves)
                await self._lane.run(partial(shipper.acknowledged, leaves, rejected))
                return True
        return False

    async def _deliver(self, leaves: Sequence[ShippedLeaf]) -> list[int]:
        """Send leaves; returns the indices of those that the sink refused for good.

        It says how many, not which, so that is found by halves; of the others it gets some once more.
        """
        try:
            await self._sink.send(leaves)
        except PartlyTaken as exc:
            if 1 < len(leaves) > exc.rejected:
                half = len(leaves) // 2
                return [*await self._deliver(leaves[:half]), *await self._deliver(leaves[half:])]
            self._say(
                "refused", f"the sink refused {len(leaves)} leaves from {leaves[0].index} of {leaves[0].log}: {exc}"
            )
            return [leaf.index for leaf in leaves]
        return []

    def _after(self, exc: NotTaken) -> int:
        """How long to leave the sink alone."""
        if exc.wait_ns is not None:
            return min(max(exc.wait_ns, BASE_NS), LONGEST_NS)
        self._pause_ns = min(max(2 * self._pause_ns, BASE_NS), CAP_NS)
        return int(self._pause_ns * (0.5 + self._random() / 2))

    async def _wait(self, ns: int) -> None:
        """Let time pass, unless the end is near."""
        timer = self._clock.call_at(self._clock.now() + ns, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
        if not self._ending:
            self._wake.clear()

    @contextmanager
    def _telling(self, name: str) -> Iterator[None]:
        """What is wrong with one log is told, and does not stop the others."""
        try:
            yield
        except (Malformed, OSError) as exc:
            self._say(name, f"`{name}` can't be shipped now: {exc}")

    def _say(self, about: str, text: str) -> None:
        """Tell the operator, at most once a minute of each matter."""
        now = self._clock.now()
        if now >= self._quiet_until.get(about, now):
            self._quiet_until[about] = now + MINUTE_NS
            logger.warning("Shipping the audit log: %s.", text)
