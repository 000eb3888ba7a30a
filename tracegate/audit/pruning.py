"""The beginning of a log is pruned when its time is over, and a leaf says so; every proof of the rest stays valid.

The gateway that has the log open does it. Where none has, the command holds the log's lock meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracegate.audit.appending import appended
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.noting import Tool, newest, told
from tracegate.audit.offsets import Offsets
from tracegate.audit.opening import OpenedLog, Place, open_log
from tracegate.audit.reading import StoredLog
from tracegate.audit.retention import Before, Pruning, Retention, first_open, plan, remove
from tracegate.errors import Malformed


def prune(
    directory: Directory,
    tool: Tool,
    log: StoredLog,
    before: Before,
    by: str,
    retention: Retention,
    disk: Disk | None = None,
) -> Pruning:
    """Prune a log.

    Args:
        directory: With all logs.
        tool: This run.
        log: Which is pruned.
        before: Up to where.
        by: Who wants it, for the leaf.
        retention: How long leaves are kept, where no gateway has it open; a gateway keeps to its own.
        disk: The system calls.

    Raises:
        InUse: A process has the log open, and does not answer.
        StartRefused: The log must not be continued as it is.
        OSError: Not everything is removed; the leaf may be written, and the next time finishes.
        Malformed: It may not be pruned so far, or has ended, or the gateway refused.
    """
    if log not in newest(directory):
        raise Malformed(f"`{log.name}` has ended, so no leaf can say it: remove it whole when its time is over")
    asked: dict[str, Any] = {"do": "prune", "log": log.origin, "by": by}
    asked |= {"before_t": before.t} if before.index is None else {"before": before.index}
    answer = told(directory, log, asked)
    if answer is not None:
        return _done(log, answer)
    disk = disk or Disk()
    opened = open_log(disk, Place(directory.root, log.origin), tool.clock.wall() // 1_000_000_000)
    try:
        return _prune(opened, tool, log, before, by, retention, Offsets(directory.root, disk), disk)
    finally:
        opened.let_go(disk)


def _prune(
    opened: OpenedLog,
    tool: Tool,
    log: StoredLog,
    before: Before,
    by: str,
    retention: Retention,
    offsets: Offsets,
    disk: Disk,
) -> Pruning:
    needed = first_open(opened.intents, log.origin)
    found = plan(log, before, retention, tool.clock.wall() // 1_000, offsets, needed)
    index = None
    if not found.told:
        (index,) = appended(
            opened,
            lambda own: [own.pruned(found.min_index, by, retention.policy)],
            run=tool.run,
            version=tool.version,
            clock=tool.clock,
        )
    return Pruning(found.min_index, index, remove(disk, log.folder, found.min_index))


def _done(log: StoredLog, answer: Mapping[str, Any]) -> Pruning:
    min_index, index, removed = (answer.get(name) for name in ("min_index", "index", "removed"))
    if not isinstance(min_index, int) or not isinstance(removed, int) or not isinstance(index, int | None):
        raise Malformed(f"the gateway that has `{log.name}` open does not say what it pruned")
    return Pruning(min_index, index, removed)
