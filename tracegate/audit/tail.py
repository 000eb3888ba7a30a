"""The leaves of a log that are behind its checkpoint, from its segments, for readers.

They may not be on the disk yet, and be taken back after a failed write: nothing that was read here is kept but the
place where the leaves under the checkpoint end, which never changes.
"""

from __future__ import annotations

from pathlib import Path

from tracegate.audit.segments import HEAD, name_of, scan


class Tail:
    """Reads the end of one log again and again.

    Args:
        folder: Of the log.
    """

    __slots__ = ("_folder", "_place")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # A segment by its first leaf, a byte in it, and the index of the leaf that begins there.
        self._place = (-1, 0, 0)

    def since(self, size: int) -> list[bytes] | None:
        """The leaves from an index on, up to the first that is not whole yet; `None` where no segment has them.

        Args:
            size: Of a published checkpoint.
        """
        starts = sorted(int(path.stem) for path in self._folder.glob("segments/*.seg"))
        first = max((start for start in starts if start <= size), default=None)
        if first is None:
            return None
        segment, at, index = self._place
        if segment != first or index > size:
            at, index = 0, first
        found: list[bytes] = []
        for start in [first, *(start for start in starts if start > first)]:
            if start > index:  # leaves are missing before it
                break
            raw = self._read(start, at)
            if raw is None:
                return None
            skipped, end = _skipped(raw, size - index)
            index += skipped
            if start <= size:
                self._place = (start, at + end, index)
            leaves = scan(raw[end:]).leaves
            found += leaves
            at, index = 0, index + len(leaves)
        return found

    def _read(self, start: int, at: int) -> bytes | None:
        """A segment from a byte on; `None` where it was removed meanwhile."""
        try:
            with (self._folder / name_of(start)).open("rb") as file:
                file.seek(at)
                return file.read()
        except FileNotFoundError:
            return None


def _skipped(raw: bytes, most: int) -> tuple[int, int]:
    """How many frames are passed over, and where they end; they are under a checkpoint, so nothing is checked."""
    count = at = 0
    while count < most and at + HEAD < len(raw):
        at += HEAD + int.from_bytes(raw[at : at + 4], "big")
        count += 1
    return count, at
