"""A log whose leaves are old enough to be pruned, on a clock that is fake."""

from __future__ import annotations

from pathlib import Path

from tests.audit.stored import ORIGIN, S, at, beat, closed, final, intent, opened, record_at, store
from tracegate.audit.directory import Directory
from tracegate.audit.events import Leaf
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.testing.clock import EPOCH

DAY = 86_400 * S
THEN = EPOCH // 1_000 - 200 * DAY
"""µs since 1970 UTC: when the log was made, longer ago than any log is kept that nobody says it of."""

ASKED = 290
"""The index of the one intent."""

RECORD = record_at(THEN + ASKED * S)


def old_log(root: Path, size: int = 600, *, young: int | None = None, answered: bool = True) -> Directory:
    """One leaf a second, in three segments.

    Args:
        root: The audit directory.
        size: Leaves of it, at least 303.
        young: The first leaf of 20 days ago, and so are those behind it.
        answered: Whether the intent has its final, as leaf 301, and the log was closed.
    """
    leaves: list[Leaf] = [opened(THEN)]
    for index in range(1, size - 1):
        t = THEN + index * S + (0 if young is None or index < young else 180 * DAY)
        if index == ASKED:
            leaves.append(intent(RECORD, t))
        elif index == 301 and answered:
            leaves.append(final(RECORD, THEN + ASKED * S, at(ASKED, leaves[ASKED])))
        else:
            leaves.append(beat(t))
    t = THEN + size * S + (0 if young is None else 180 * DAY)
    store(root, [*leaves, closed(t) if answered else beat(t)], segments=(0, 200, 300))
    return Directory(root)


def faults(directory: Directory) -> list[str]:
    """What `fsck` finds in it."""
    log = directory.log(ORIGIN)
    return [str(check) for check in fsck(Folder(log.folder), log.key).checks if check.result == "fail"]


def files(directory: Directory, level: str) -> list[str]:
    """The files of a level of the tree that are whole, or the segments."""
    folder = directory.log(ORIGIN).folder / ("segments" if level == "segments" else f"tile/{level}")
    return sorted(path.name for path in folder.iterdir() if path.is_file())
