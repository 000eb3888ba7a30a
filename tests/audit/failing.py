"""A disk whose calls fail when a test says so, and a lane that takes virtual time; leaves and logs made with both."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tests.audit.leaves import FINAL, GATEWAY, INTENT
from tracegate.audit.disk import Disk
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.keys import parse_vkey
from tracegate.audit.kinds import At, Final, Intent
from tracegate.audit.log import Log
from tracegate.audit.opening import Place
from tracegate.audit.segments import scan
from tracegate.testing.clock import FakeClock

T = TypeVar("T")

ORIGIN = "gw.example/tracegate/prod/r1-w0/2026-01"
SECOND = 1_000_000_000


class FaultyDisk(Disk):
    """Counts its calls that change something; the n-th of them, or all of a name, fail."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.at: int | None = None  # which call fails, from 0
        self.error = errno.EIO  # with which error
        self.killed: type[BaseException] | None = None  # raised by that call and all after it, in place of an error
        self.held: set[int] = set()  # descriptors that are open
        self.broken: dict[str, int] = {}  # names of calls that fail, with their errors
        self.short = 0  # bytes that a write takes; 0 takes all

    def _call(self, name: str) -> None:
        self.calls.append(name)
        n = len(self.calls) - 1
        if self.killed is not None and self.at is not None and n >= self.at:
            raise self.killed
        code = self.broken.get(name) or (self.error if self.at == n else 0)
        if code:
            raise OSError(code, os.strerror(code))

    def open(self, path: Path, mode: int = 0o644) -> int:
        """See `Disk`."""
        self._call("open")
        file = super().open(path, mode)
        self.held.add(file)
        return file

    def close(self, file: int) -> None:
        """Never fails."""
        self.held.discard(file)
        super().close(file)

    def end(self) -> None:
        """What the system does with a process that is gone."""
        for file in list(self.held):
            self.close(file)

    def write(self, file: int, raw: bytes) -> int:
        """A write that fails may have taken a part."""
        try:
            self._call("write")
        except BaseException:
            super().write(file, raw[: len(raw) // 2])
            raise
        return super().write(file, raw[: self.short or len(raw)])

    def sync(self, file: int) -> None:
        """Nothing is lost with a process, so nothing is waited for."""
        self._call("sync")

    def sync_both(self, one: int, other: int) -> None:
        """One after the other: the n-th call is always the same."""
        self.sync(one)
        self.sync(other)

    def truncate(self, file: int, size: int) -> None:
        """See `Disk`."""
        self._call("truncate")
        super().truncate(file, size)

    def rename(self, old: Path, new: Path) -> None:
        """See `Disk`."""
        self._call("rename")
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        """See `Disk`."""
        self._call("remove")
        super().remove(path)

    def remove_folder(self, path: Path) -> None:
        """See `Disk`."""
        self._call("remove_folder")
        super().remove_folder(path)

    def make_folder(self, path: Path, mode: int = 0o777) -> None:
        """See `Disk`."""
        self._call("make_folder")
        super().make_folder(path, mode)

    def sync_folder(self, path: Path) -> None:
        """See `sync`."""
        self._call("sync_folder")


class SlowLane:
    """Work takes virtual time, on the loop of the test; `delay` is in ns."""

    def __init__(self, clock: FakeClock, delay: int = 100_000) -> None:
        self._clock = clock
        self.delay = delay
        self.closed = False
        self.jobs = 0

    async def run(self, work: Callable[[], T]) -> T:
        """See `Lane.run`."""
        assert not self.closed
        await self._clock.sleep_until(self._clock.now() + self.delay)
        self.jobs += 1
        return work()

    def give(self, work: Callable[[], T], then: Callable[[T | BaseException], None]) -> None:
        """See `Lane.give`; a thread that is still at it when the loop ends is no timer that was left behind."""
        assert not self.closed
        loop = asyncio.get_running_loop()
        if self.delay:
            loop.call_later(self.delay / 1e9, self._do, work, then)
        else:
            loop.call_soon(self._do, work, then)

    def _do(self, work: Callable[[], T], then: Callable[[T | BaseException], None]) -> None:
        self.jobs += 1
        found: T | BaseException
        try:
            found = work()
        except Exception as exc:  # noqa: BLE001  # whoever waits is told
            found = exc
        then(found)

    def close(self) -> None:
        """See `Lane.close`."""
        self.closed = True


def place_in(folder: Path) -> Place:
    """Where the log of these tests is kept."""
    return Place(folder, ORIGIN)


async def opened(folder: Path, clock: FakeClock, disk: Disk | None = None, delay: int = 100_000, **more: Any) -> Log:
    """A log that is open, on virtual time."""
    lane = SlowLane(clock, delay)
    return await Log.open(place_in(folder), GATEWAY, clock, lane=lane, disk=disk or FaultyDisk(), **more)


def record(n: int) -> str:
    """The id of the n-th record."""
    return f"tg-0199c0de-7d3a-7c11-8f2e-{n:012x}"


def intent(n: int = 0) -> Intent:
    """The intent of the n-th record."""
    return msgspec.structs.replace(INTENT, log=ORIGIN, record_id=record(n))


def final(n: int = 0, prev: At | None = None) -> Final:
    """Its final."""
    return msgspec.structs.replace(FINAL, log=ORIGIN, record_id=record(n), prev_intent=prev, late=None)


def checked(folder: Path, heads: Sequence[str] = ()) -> list[str]:
    """What `fsck` finds in a log, by its own key and against saved heads: nothing, if it is sound."""
    log = place_in(folder).folder
    key = parse_vkey(msgspec.json.decode((log / "log.json").read_bytes())["vkey"])
    return [str(check) for check in fsck(Folder(log), key, heads).checks if check.result != "pass"]


def types(folder: Path) -> list[str]:
    """The types of the leaves of its segments, in order."""
    return [leaf["type"] for leaf in leaves(folder)]


def leaves(folder: Path) -> list[dict[str, Any]]:
    """The leaves of its segments, in order."""
    found: list[dict[str, Any]] = []
    for path in sorted(place_in(folder).folder.glob("segments/*.seg")):
        found += [msgspec.json.decode(raw) for raw in scan(path.read_bytes()).leaves]
    return found
