"""Which log of a replica a process writes: its replica by the lowest free lock, its epoch by the calendar.

One process writes one replica. Several workers share an audit directory, so each takes a slot of its own; that of a
worker that died is the next one's, who closes what was left open. A log whose key is to be another ends, and the next
epoch begins; a process that ended in between leaves a turn that is completed here. All of it blocks.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from tracegate.audit.blinds import PRIVATE
from tracegate.audit.disk import Disk, destroy, make_folders
from tracegate.audit.kinds import Gateway, Head
from tracegate.audit.opening import SECRET, InUse, OpenedLog, Place, StartRefused, open_log
from tracegate.audit.starting import Started, begin
from tracegate.clock import Clock

_EPOCH = re.compile(r"(\d{4}-\d{2})(?:\.([1-9]\d*))?")


@dataclass(frozen=True, slots=True)
class Home:
    """Where the logs of a gateway are kept, and how they are named.

    Args:
        root: The audit directory.
        host, cluster, replica: The first elements of an origin.
        shared: Several workers write: the slot's number is added to the replica.
    """

    root: Path
    host: str
    cluster: str
    replica: str
    shared: bool = False

    @property
    def private(self) -> Path:
        """The folder of what is for no auditor."""
        return self.root / PRIVATE

    def place(self, replica: str, epoch: str) -> Place:
        """Of the log of a replica and an epoch."""
        return Place(self.root, f"{self.host}/tracegate/{self.cluster}/{replica}/{epoch}")


@dataclass(frozen=True, slots=True)
class Taken:
    """A replica that this process writes, with the log of now; `lock` is the descriptor that holds it."""

    replica: str
    lock: int
    started: Started


def month_of(wall_ns: int) -> str:
    """The epoch that begins in a month.

    >>> month_of(1_795_359_164_000_000_000)
    '2026-11'
    """
    return f"{datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC):%Y-%m}"


def month_ends(wall_ns: int) -> int:
    """When a month ends, in UTC ns."""
    now = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC)
    year, month = divmod(now.year * 12 + now.month, 12)
    return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000


def next_epoch(last: str, wall_ns: int) -> str:
    """The epoch that follows on one: that of the month, or a further one of the same month.

    >>> next_epoch("2026-10.3", 1_795_359_164_000_000_000), next_epoch("2026-11", 1_795_359_164_000_000_000)
    ('2026-11', '2026-11.2')
    """
    month, second = _parts(last)
    now = month_of(wall_ns)
    return now if now > month else f"{month}.{second + 1}"


def following(home: Home, replica: str, last: str, wall_ns: int) -> str | None:
    """The epoch whose turn it is: one that was begun and not gone on with, or that of the month; `None`: the last one.

    Args:
        home: Where the logs are.
        replica: Whose.
        last: The epoch that is written.
        wall_ns: Now, UTC.
    """
    begun = [epoch for epoch in _epochs(home.root / replica, "*/") if _parts(epoch) > _parts(last)]
    if begun:
        return begun[0]
    return next_epoch(last, wall_ns) if month_of(wall_ns) > _parts(last)[0] else None


def take(disk: Disk, home: Home, gateway: Gateway, clock: Clock) -> Taken:
    """Take a replica, and begin a run in its log of now.

    Raises:
        InUse: Another process has it.
        StartRefused: A log must not be continued as it is.
        OSError: It can't be written.
    """
    make_folders(disk, home.root)
    make_folders(disk, home.private, SECRET)
    slot = 0
    while True:
        replica = f"{home.replica}-w{slot}" if home.shared else home.replica
        make_folders(disk, home.private / replica)
        lock = disk.open(home.private / replica / "lock")
        try:
            disk.lock(lock)
            return Taken(replica, lock, _started(disk, home, replica, gateway, clock))
        except (BlockingIOError, InUse):
            disk.close(lock)
            if not home.shared:
                where = f"`{home.root}`: the log of `{replica}`"
                raise InUse(f"{where} is in use by another process; `audit.replica` gives this one another") from None
            slot += 1
        except BaseException:
            disk.close(lock)
            raise


def _started(disk: Disk, home: Home, replica: str, gateway: Gateway, clock: Clock) -> Started:
    opened, prev = _current(disk, home, replica, clock)
    try:
        started = begin(opened, gateway, clock, prev, configured=True)
        for epoch in _epochs(home.root / "keys" / replica, "*.key"):  # a turn was begun; their logs have ended
            if _parts(epoch) < _parts(opened.place.folder.name):
                destroy(disk, home.place(replica, epoch).key)
    except BaseException:
        opened.let_go(disk)
        raise
    return started


def _current(disk: Disk, home: Home, replica: str, clock: Clock) -> tuple[OpenedLog, Head | None]:
    """The log of a replica that takes leaves, and the end of the one before where it has none yet."""
    now = clock.wall()
    epochs = _epochs(home.root / replica, "*/")
    if not epochs:
        return open_log(disk, home.place(replica, month_of(now)), now // 1_000_000_000), None
    begun = None
    if len(epochs) > 1 and not _written(home.place(replica, epochs[-1])):
        begun = epochs.pop()  # a turn to it
    opened = open_log(disk, home.place(replica, epochs[-1]), now // 1_000_000_000, ended=True)
    if not opened.ended:
        return opened, None
    try:
        for _ in opened.writer.publish():
            pass
        prev = opened.writer.head
        carried = tuple((replace(at, log=prev.log), intent) for at, intent in opened.intents)
    finally:
        opened.let_go(disk)
    if begun is None:
        raise StartRefused(f"`{opened.place.folder}` has ended, and the log that follows it is missing")
    new = open_log(disk, home.place(replica, begun), now // 1_000_000_000)
    return dataclasses.replace(new, intents=carried), prev  # it has no leaf yet that leads back to them


def _written(place: Place) -> bool:
    """Whether a log has leaves."""
    return (
        any(path.stat().st_size for path in place.folder.glob("segments/*.seg"))
        or (place.folder / "checkpoint").exists()
    )


def _epochs(folder: Path, pattern: str) -> list[str]:
    """The epochs of a replica, by the names of what stands in a folder, the oldest first."""
    names = [path.name.removesuffix(".key") for path in folder.glob(pattern)]
    return sorted((name for name in names if _EPOCH.fullmatch(name)), key=_parts)


def _parts(epoch: str) -> tuple[str, int]:
    found = _EPOCH.fullmatch(epoch)
    assert found is not None  # noqa: S101  # only names that are epochs come here
    return found[1], int(found[2] or 1)
