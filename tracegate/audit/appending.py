"""Leaves that a command writes into a log which no gateway has open: between a `log.open` and a `log.close` of its own.

It keeps to what a gateway does: the lock, the end of what an earlier run left open, a checkpoint. The configuration
that its leaves name is the one that the log named last, for a command has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from tracegate.audit.disk import Disk
from tracegate.audit.events import Leaf
from tracegate.audit.leaf import write
from tracegate.audit.opening import OpenedLog, Place, StartRefused, open_log
from tracegate.audit.own_leaves import OwnLeaves
from tracegate.clock import Clock

Make = Callable[[OwnLeaves], Sequence[Leaf]]
"""Makes the leaves, once the log is locked."""


def append(place: Place, make: Make, *, run: str, version: str, clock: Clock, disk: Disk | None = None) -> list[int]:
    """Write leaves into a log and publish it; returns their indices.

    Args:
        place: Of the log.
        make: Makes them.
        run: UUID of this run.
        version: Of this program.
        clock: Gives their times.
        disk: The system calls.

    Raises:
        InUse: A process has the log.
        StartRefused: It must not be continued as it is.
        OSError: It can't be written.
    """
    disk = disk or Disk()
    opened = open_log(disk, place, clock.wall() // 1_000_000_000)
    try:
        return appended(opened, make, run=run, version=version, clock=clock)
    finally:
        opened.let_go(disk)


def appended(opened: OpenedLog, make: Make, *, run: str, version: str, clock: Clock) -> list[int]:
    """The same with a log that is open and locked, and stays so; see `append`."""
    if opened.last is None or opened.ended:
        why = "has no leaf yet" if opened.last is None else "has ended"
        raise StartRefused(f"`{opened.place.folder}` {why}: a gateway has to go on from there")
    gateway = replace(opened.last.gateway, run=run, version=version)
    own = OwnLeaves(opened.place.origin, gateway, clock)
    first: list[Leaf] = [replace(own.opened(opened, clock.wall() // 1_000), reason="tool")]
    first += [own.aborted(at, intent, "crash") for at, intent in opened.intents]
    stood = opened.writer.append([write(leaf) for leaf in (*first, *make(own), own.closed())])
    for _ in opened.writer.publish():
        pass
    return [index for index, _ in stood][len(first) : -1]
