"""The erasable tables of an audit directory: one file of slots for each log, below `private/`.

A log writes its own, and syncs it together with the leaves that it belongs to; any process of the directory's owner
reads all of them, and erases in place. There is no index to keep, to agree and to erase from: a record's blinding is
found by the time in its id, digests by looking through the tables. All of it blocks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tracegate.audit.disk import Disk
from tracegate.audit.slots import SIZE, Slot, came, erased, holding, keyed, leaf_of, packed, record_of, slot_at
from tracegate.audit.tenants import keys_of

PRIVATE = "private"
"""The folder below the audit directory."""

SUFFIX = ".slots"

LONGEST_MS = 3_600_000
"""How long after its request came a record's first leaf is looked for, unless it is said otherwise."""

_CHUNK = 1024 * SIZE  # read at once: a search gives way to others in between


@dataclass(frozen=True, slots=True)
class Row:
    """A record and a leaf of it; `log` is replica and epoch."""

    record_id: str
    log: str
    index: int


class Blinds:
    """All tables below an audit directory; those that are new are found when they are asked for.

    Args:
        private: The folder `private/`.
        longest_ms: How long a request may take to its first leaf.
    """

    __slots__ = ("_longest_ms", "_private")

    def __init__(self, private: Path, longest_ms: int = LONGEST_MS) -> None:
        self._private = private
        self._longest_ms = longest_ms

    def r(self, record_id: str, first: Row | None = None) -> bytes | None:
        """The blinding of a record; `None` where there is none, or none any more.

        Args:
            record_id: Of the record.
            first: Where its first leaf stands, if that is known: then the slot is found by bisection.
        """
        for slot in () if first is None else _slots_of(self._private / f"{first.log}{SUFFIX}", first.index):
            if slot.kind == "r" and slot.record_id == record_id:
                return slot.value
        needle = packed(record_id)
        until = came(needle) + self._longest_ms
        for path in self._tables():
            for _, slot in _slots(path, needle, came(needle) - self._longest_ms, until):
                if slot.kind == "r":
                    return slot.value
        return None

    def find(self, kind: str, digest: bytes, keys: Sequence[bytes] | None = None) -> list[Row]:
        """The records that have a row of a kind and a digest, with the leaves that close them, the oldest table first.

        Args:
            kind: One of `slots.KINDS` but `r`.
            digest: SHA-256 of what is looked for.
            keys: Of the tenants whose records are looked through; `None`: of all.
        """
        needles = [keyed(key, kind, digest) for key in (keys_of(self._private) if keys is None else keys)]
        found = []
        for path in self._tables():
            name = f"{path.parent.name}/{path.name.removesuffix(SUFFIX)}"
            with path.open("rb") as file:
                for _, raw in _holding(file, 0, needles):
                    slot = slot_at(raw)
                    if slot is not None and slot.kind == kind and slot.value in needles:
                        found.append(Row(slot.record_id, name, slot.index))
        return found

    def erase(self, record_ids: Iterable[str], disk: Disk) -> set[str]:
        """Overwrite what is kept of some records; returns those of which there was something, erased before or now.

        Raises:
            OSError: It is not certain that everything is erased.
        """
        done = set()
        needles = [packed(record_id) for record_id in record_ids]
        for path in self._tables():
            parts = []
            with path.open("rb") as file:
                start = _first(file, min(map(came, needles), default=0) - self._longest_ms)
                for at, raw in _holding(file, start, needles):
                    if raw[:16] in needles:  # a damaged slot, too, may have something in it
                        parts.append((at, erased(raw)))
                        done.add(record_of(raw))
            if parts:
                disk.overwrite(path, parts)
        return done

    def _tables(self) -> list[Path]:
        return sorted(self._private.glob(f"*/*{SUFFIX}"), key=lambda path: (path.name, path.parent.name))


def end_of(path: Path, size: int) -> int:
    """Where a table ends for a log of some leaves; behind it is what belongs to leaves that never became durable."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return 0
    with file:
        end = file.seek(0, os.SEEK_END) // SIZE * SIZE
        while end:
            slot = slot_at(_at(file, end - SIZE))
            if slot is not None and slot.index < size:
                break
            end -= SIZE
    return end


def _slots(path: Path, needle: bytes, since: int, until: int) -> Iterator[tuple[int, Slot]]:
    """The slots of a record, and where they begin, among those of some time in ms."""
    with path.open("rb") as file:
        for at, raw in _holding(file, _first(file, since), [needle], until):
            slot = slot_at(raw)
            if slot is not None and raw.startswith(needle):
                yield at, slot


def _slots_of(path: Path, index: int) -> Iterator[Slot]:
    """The slots that came with a leaf; none, where there is no table, or it is for others."""
    try:
        file = path.open("rb")
    except (FileNotFoundError, PermissionError):
        return
    with file:
        low, high = 0, file.seek(0, os.SEEK_END) // SIZE
        end = high
        while low < high:
            middle = (low + high) // 2
            if leaf_of(_at(file, middle * SIZE)) >= index:
                high = middle
            else:
                low = middle + 1
        for at in range(low, end):
            raw = _at(file, at * SIZE)
            if leaf_of(raw) != index:
                return
            if (slot := slot_at(raw)) is not None:
                yield slot


def _first(file: BinaryIO, since: int) -> int:
    """A byte before which no slot was written at or after a time, in ms.

    A slot is written after its request came, so the times in a table are nearly in order: the one before that byte came
    earlier than `since`, and so it was written earlier than anything that came `LONGEST_MS` after that.
    """
    low, high = 0, file.seek(0, os.SEEK_END) // SIZE
    while low < high:
        middle = (low + high) // 2
        if came(_at(file, middle * SIZE)) >= since:
            high = middle
        else:
            low = middle + 1
    return low * SIZE


def _holding(
    file: BinaryIO, start: int, needles: Sequence[bytes], until: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """Slots that have one of some bytes in them, and where they begin, up to those of a time in ms."""
    at = start
    while True:
        file.seek(at)
        chunk = file.read(_CHUNK)
        whole = len(chunk) // SIZE * SIZE
        for place in sorted({place for needle in needles for place in holding(chunk, needle)}):
            if place < whole:
                yield at + place, chunk[place : place + SIZE]
        at += whole
        if len(chunk) < _CHUNK or (until is not None and came(chunk, whole - SIZE) > until):
            return


def _at(file: BinaryIO, at: int) -> bytes:
    file.seek(at)
    return file.read(SIZE)
