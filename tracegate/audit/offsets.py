"""How far each log is shipped, in the folder `ship/`: small files that are whole after any crash, and locks.

`ship/<replica>/<epoch>.json` is what the sink acknowledged, `.again` what somebody asks to have sent once more, `.lock`
is held by the one process that ships the log. An offset is of a log, whatever the sink: one that is new begins where
the old one stopped, and `audit reconcile` tells what it lacks. All of it blocks: it belongs on a lane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from tracegate.audit.disk import Disk, make_folders, put
from tracegate.errors import Malformed

T = TypeVar("T")

FOLDER = "ship"
"""Name of the folder below that of all logs."""

Span = tuple[int, int]
"""Leaves from an index up to another, which is not one of them."""


class Offset(msgspec.Struct, frozen=True, kw_only=True):
    """What a sink has of one log.

    `next` is the first leaf that it has not acknowledged. `again` are spans below it that are to be sent once more,
    `left_out` those that it will not get: it refused them, or they were pruned before they were sent.
    """

    next: int = 0
    again: tuple[Span, ...] = ()
    left_out: tuple[Span, ...] = ()


_offset = msgspec.json.Decoder(Offset).decode
_spans = msgspec.json.Decoder(tuple[Span, ...]).decode


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets of all logs of a folder.

    Args:
        root: Of all logs.
        disk: The system calls.
    """

    root: Path
    disk: Disk

    def read(self, name: str) -> Offset | None:
        """That of a log, by replica and epoch; `None` where the sink has acknowledged nothing yet.

        Raises:
            Malformed: The file holds something else.
        """
        return self._found(self._path(name, "json"), _offset)

    def write(self, name: str, offset: Offset) -> None:
        """Keep it, so that it is there after a loss of power."""
        put(self.disk, self._path(name, "json"), msgspec.json.encode(offset))

    def asked(self, name: str) -> tuple[Span, ...]:
        """What somebody asks to have sent once more.

        Raises:
            Malformed: The file holds something else.
        """
        return self._found(self._path(name, "again"), _spans) or ()

    def ask(self, name: str, spans: Sequence[Span]) -> None:
        """Ask for it, beside what was asked before and is not begun."""
        put(self.disk, self._path(name, "again"), msgspec.json.encode(merged(*self.asked(name), *spans)))

    def begun(self, name: str) -> None:
        """What was asked for is in the offset now."""
        with suppress(FileNotFoundError):  # then it is away already
            self.disk.remove(self._path(name, "again"))

    def claim(self, name: str) -> int | None:
        """Be the one who ships a log: a descriptor that holds its lock, `None` where another does."""
        path = self._path(name, "lock")
        make_folders(self.disk, path.parent)
        file = self.disk.open(path)
        try:
            self.disk.lock(file)
        except BlockingIOError:
            self.disk.close(file)
            return None
        except BaseException:
            self.disk.close(file)
            raise
        return file

    def _path(self, name: str, kind: str) -> Path:
        return self.root / FOLDER / f"{name}.{kind}"

    def _found(self, path: Path, decode: Callable[[bytes], T]) -> T | None:
        try:
            return decode(self.disk.read(path))
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as exc:
            raise Malformed(f"`{path}`: {exc}") from None


def merged(*spans: Span) -> tuple[Span, ...]:
    """The same leaves in as few spans as there can be, in their order.

    >>> merged((7, 9), (2, 4), (4, 5), (8, 9), (3, 3))
    ((2, 5), (7, 9))
    """
    found: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def without(spans: Iterable[Span], taken: Span) -> tuple[Span, ...]:
    """The leaves of some spans that are not in another.

    >>> without([(2, 9)], (4, 6))
    ((2, 4), (6, 9))
    """
    start, end = taken
    cut = [part for first, last in spans for part in ((first, min(last, start)), (max(first, end), last))]
    return merged(*cut)


def count(spans: Iterable[Span]) -> int:
    """How many leaves there are in spans that share none."""
    return sum(end - start for start, end in spans)
