"""A command's leaf in a log: through the gateway that has the log open, else by the command itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from tracegate.audit.appending import Make, append
from tracegate.audit.control import ask
from tracegate.audit.directory import Directory
from tracegate.audit.events import Leaf
from tracegate.audit.opening import InUse, Place
from tracegate.audit.own_leaves import MOST, OwnLeaves
from tracegate.audit.reading import StoredLog
from tracegate.clock import Clock
from tracegate.errors import Malformed

What = Literal["find", "show", "export", "receipt"]


@dataclass(frozen=True, slots=True)
class Tool:
    """The run of a command.

    Args:
        by: Who runs it.
        run: UUID of the run.
        version: Of this program.
        clock: Gives the times of its leaves.
    """

    by: str
    run: str
    version: str
    clock: Clock


def note_read(directory: Directory, tool: Tool, what: What, records: Sequence[str], count: int | None = None) -> None:
    """Write into one of the logs that somebody read them.

    Args:
        directory: That was read; it has a log.
        tool: Who read.
        what: How.
        records: Of which records.
        count: How many they were, if not all are named; a leaf has no room for all of many.

    Raises:
        InUse: A process has every log that could be written, and none of them answers.
        StartRefused: A log must not be continued as it is.
        OSError: It can't be written.
        Malformed: The gateway refused.
    """
    named, many = list(records[:MOST]), count or len(records)
    said = {"do": "read", "by": tool.by, "what": what, "record_ids": named, "count": many}
    logs = newest(directory)
    if any(told(directory, log, said) is not None for log in logs):
        return
    make = partial(_read, tool.by, what, named, many)
    for log in logs[:-1]:
        with suppress(InUse):  # another log may be free
            written(directory, log, tool, make)
            return
    written(directory, logs[-1], tool, make)


def newest(directory: Directory) -> list[StoredLog]:
    """The last log of each replica, which may be continued; the youngest first."""
    last = {log.name.split("/")[0]: log for log in directory.logs()}
    return sorted(last.values(), key=lambda log: -log.created)


def told(directory: Directory, log: StoredLog, question: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the gateway that has a log open answers; `None` where none has.

    Raises:
        Malformed: It refused.
        OSError: It broke off.
    """
    answer = ask(directory.private, log.name.split("/")[0], question)
    if answer is not None and "error" in answer:
        raise Malformed(f"the gateway that has `{log.name}` open: {answer['error']}")
    return answer


def written(directory: Directory, log: StoredLog, tool: Tool, make: Make) -> list[int]:
    """Write leaves into a log that no gateway has open; returns their indices. See `append` for what is raised."""
    place = Place(directory.root, log.origin)
    return append(place, make, run=tool.run, version=tool.version, clock=tool.clock)


def _read(by: str, what: What, named: Sequence[str], count: int, own: OwnLeaves) -> list[Leaf]:
    return [own.read(by, what, named, count)]
