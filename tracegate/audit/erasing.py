"""What can be erased of records is erased, and a leaf says so; every proof stays valid.

The gateway that has the log open does it, so that the leaf stands in its log. Where none has, the command holds the
log's lock meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tracegate.audit.blinds import Blinds
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.events import Leaf
from tracegate.audit.noting import Tool, newest, told, written
from tracegate.audit.own_leaves import MOST, OwnLeaves
from tracegate.errors import Malformed


def erase(
    directory: Directory, blinds: Blinds, tool: Tool, replica: str, records: Sequence[str], reason: str
) -> tuple[str, list[int]]:
    """Erase what is kept of some records; returns the origin of the log that says so, and the indices of the leaves.

    Args:
        directory: With the logs.
        blinds: Of their records.
        tool: Who erases.
        replica: Whose records they are.
        records: By id; each is closed.
        reason: Why.

    Raises:
        InUse: A process has the replica's log open, and does not answer.
        StartRefused: The log must not be continued as it is.
        OSError: It is not certain that everything is erased.
        Malformed: Nothing is kept of these records, or the gateway refused.
    """
    log = next(log for log in newest(directory) if log.name.split("/")[0] == replica)
    parts = [list(records[at : at + MOST]) for at in range(0, len(records), MOST)]
    stood: list[int] = []
    for part in parts:
        answer = told(directory, log, {"do": "erase", "by": tool.by, "reason": reason, "record_ids": part})
        if answer is None:
            stood += written(directory, log, tool, partial(_erase, blinds, tool.by, part, reason))
        elif isinstance(index := answer.get("index"), int):
            stood.append(index)
        else:
            raise Malformed(f"the gateway that has `{log.name}` open does not say where it wrote the erasure")
    return log.origin, stood


def _erase(blinds: Blinds, by: str, records: Sequence[str], reason: str, own: OwnLeaves) -> list[Leaf]:
    found = blinds.erase(records, Disk())
    if not found:
        raise Malformed("nothing is kept of these records")
    return [own.erased([record for record in records if record in found], by, reason)]
