"""A run begins in a log: what an earlier one left open is closed, and all is published, before anything else comes.

It blocks: it runs before anybody is served, or on the log's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracegate.audit.disk import Disk
from tracegate.audit.events import Leaf
from tracegate.audit.kinds import Gateway, Head
from tracegate.audit.leaf import write
from tracegate.audit.opening import OpenedLog, Place, open_log
from tracegate.audit.own_leaves import OwnLeaves
from tracegate.clock import Clock


@dataclass(frozen=True, slots=True)
class Started:
    """A log that takes leaves, and those with which this run began it."""

    opened: OpenedLog
    first: Sequence[Leaf]


def start(disk: Disk, place: Place, gateway: Gateway, clock: Clock) -> Started:
    """Open a log, and begin a run in it; see `open_log` for what is raised."""
    opened = open_log(disk, place, clock.wall() // 1_000_000_000)
    try:
        return begin(opened, gateway, clock)
    except BaseException:
        opened.let_go(disk)
        raise


def begin(
    opened: OpenedLog, gateway: Gateway, clock: Clock, prev: Head | None = None, *, configured: bool = False
) -> Started:
    """Begin a run in a log that is open.

    Args:
        opened: What was found on the disk.
        gateway: Who writes.
        clock: Gives the times of leaves.
        prev: The end of the log that this one follows, where it is new.
        configured: Whether to tell the configuration too.

    Raises:
        OSError: It can't be written.
    """
    own = OwnLeaves(opened.signer.key.name, gateway, clock)
    first: list[Leaf] = [own.opened(opened, clock.wall() // 1_000, prev)]
    first += [own.aborted(at, intent, "crash") for at, intent in opened.intents]
    if configured:
        first.append(own.configured(opened))
    opened.writer.append([write(leaf) for leaf in first])
    for _ in opened.writer.publish():
        pass
    return Started(opened, first)
