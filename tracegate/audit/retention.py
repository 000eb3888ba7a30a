"""What of a log may be pruned, and its removal: whole bundles, level-0 tiles and segments at its beginning.

Tiles above stay, so every proof of what is left stays valid, and the head that is signed is the same. A leaf says first
what is removed; a removal that broke off is finished by the next. Both block: they belong on a lane, and to whoever has
the log's lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec

from tracegate.audit.disk import Disk
from tracegate.audit.events import Pruned
from tracegate.audit.kinds import At, Intent
from tracegate.audit.leaf import Written, read
from tracegate.audit.offsets import Offset, Offsets
from tracegate.audit.reading import StoredLog
from tracegate.audit.segments import name_of
from tracegate.audit.tiles import WIDTH, Tile
from tracegate.custody import DAY_NS, KEEP_NS
from tracegate.errors import Malformed


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a log keeps its leaves.

    Args:
        name: What leaves call it.
        keep_ns: At least so long.
        ships: Leaves are sent to a sink, which must have them first.
    """

    name: str = "default"
    keep_ns: int = KEEP_NS
    ships: bool = False

    @property
    def policy(self) -> str:
        """What the leaf says of it.

        >>> Retention("pci", 365 * DAY_NS).policy
        'pci: 365 days'
        """
        return f"{self.name}: {self.keep_ns / DAY_NS:g} days"


DEFAULT = Retention()


@dataclass(frozen=True, slots=True)
class Before:
    """Up to where somebody wants a log pruned: an index, or else a time in µs since 1970 UTC."""

    index: int | None = None
    t: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Up to where a log will be pruned, and whether a leaf has to say so first."""

    min_index: int
    told: bool


@dataclass(frozen=True, slots=True)
class Pruning:
    """What became of it: the first leaf that is left, the leaf that says so if one was written, the files removed."""

    min_index: int
    index: int | None
    removed: int


class _Times(msgspec.Struct):
    t: int = 0
    t_end: int = 0
    t_start: int = 0


_times = msgspec.json.Decoder(_Times).decode


def plan(log: StoredLog, before: Before, retention: Retention, now: int, offsets: Offsets, needed: int | None) -> Plan:
    """Up to where a log may be pruned, if it may as somebody wants it.

    Args:
        log: As it is on disk.
        before: What is wanted.
        retention: How long leaves are kept.
        now: µs since 1970 UTC.
        offsets: What a sink has of the logs.
        needed: The first leaf that an open record needs, see `first_open`.

    Raises:
        Malformed: It may not; the text says how far it may.
    """
    head = log.head()
    size = 0 if head is None else head.size
    most, why = size // WIDTH * WIDTH, f"its checkpoint covers {size} leaves"
    wanted = _first_since(log, before.t, most) if before.index is None else before.index
    if wanted % WIDTH or wanted < 0:
        raise Malformed(f"a log is pruned in whole bundles: {wanted} is no multiple of {WIDTH}")
    first = log.first
    if wanted <= first:
        if first > _told(log):
            raise Malformed(f"`{log.name}`: its leaves before {first} are gone, and no leaf says that they were pruned")
        return Plan(first, told=True)
    if needed is not None and needed < most:
        most, why = needed // WIDTH * WIDTH, f"the request of leaf {needed} is still open"
    has = _acknowledged(offsets, log.name, retention)
    if has is not None and has < most:
        most, why = has // WIDTH * WIDTH, f"the sink has not acknowledged leaf {has}"
    old = _first_since(log, now - retention.keep_ns // 1_000 + 1, min(wanted, most))
    if old < min(wanted, most):
        most, why = old, f"younger leaves are kept ({retention.policy})"
    if wanted > most:
        raise Malformed(f"`{log.name}` can be pruned before leaf {max(most, first)}, not before {wanted}: {why}")
    return Plan(wanted, told=False)


def first_open(begun: Iterable[tuple[At, Intent | Written]], origin: str) -> int | None:
    """The first leaf of a log that open records need; its beginning, where they began in the log before."""
    return min((at.index if intent.log == origin else 0 for at, intent in begun), default=None)


def remove(disk: Disk, folder: Path, min_index: int) -> int:
    """Remove all that is wholly before a leaf, the oldest first; returns how many files that were.

    Readers take a bundle for pruned if those before it are gone too, so each folder is synced before the next is begun.

    Args:
        disk: The system calls.
        folder: Of the log.
        min_index: A leaf in it says that it was pruned up to there, or was when that was done before.

    Raises:
        OSError: Not everything is removed.
    """
    names = [Tile(level, index).path for level in ("entries", 0) for index in range(min_index // WIDTH)]
    starts = sorted(int(path.stem) for path in folder.glob("segments/*.seg"))
    names += [name_of(start) for start, end in pairwise(starts) if end <= min_index]
    removed, last = 0, None
    for name in names:
        path = folder / name
        partial = path.with_name(f"{path.name}.p")  # of a publication that broke off when the full one was there
        if partial.exists():
            disk.remove_folder(partial)
        if not path.exists():
            continue
        if last not in (None, path.parent):
            disk.sync_folder(last)
        disk.remove(path)
        removed, last = removed + 1, path.parent
    if last is not None:
        disk.sync_folder(last)
    return removed


def _told(log: StoredLog) -> int:
    """Up to where leaves say that a log was pruned."""
    said = [read(raw).leaf for _, raw in log.leaves(holding=b'"type":"prune"')]
    return max((leaf.min_index for leaf in said if isinstance(leaf, Pruned)), default=0)


def _acknowledged(offsets: Offsets, name: str, retention: Retention) -> int | None:
    """The first leaf that is to be sent; `None` where none ever was, nor will be."""
    offset = offsets.read(name)
    if offset is None:
        if not retention.ships:
            return None
        offset = Offset()
    return min([offset.next, *(start for start, _ in (*offset.again, *offsets.asked(name)))])


def _first_since(log: StoredLog, t: int, end: int) -> int:
    """The first leaf of the first bundle with a leaf of a time or a later one; `end` where none before it has one.

    All are looked at: a clock that was wrong once must not cost younger leaves.
    """
    for index, raw in log.leaves(0, end):
        said = _times(raw)
        if max(said.t, said.t_end, said.t_start) >= t:
            return index // WIDTH * WIDTH
    return end
