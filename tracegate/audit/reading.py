"""A log on disk as a reader sees it, while its own process may be writing it: its head, its leaves, its proofs.

What is under the checkpoint comes from bundles and tiles, which never change. What is behind it comes from the segments
and may be taken back: whoever must be sure asks whether a checkpoint covers it, or asks the log's own process. Nothing
here writes or locks, and all of it blocks. Where a log was pruned, it begins at its first bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tracegate.audit.canonical import decode
from tracegate.audit.checkpoint import Checkpoint, open_checkpoint
from tracegate.audit.folder import Folder
from tracegate.audit.keys import Key, parse_vkey
from tracegate.audit.merkle import inclusion
from tracegate.audit.proof import Proof
from tracegate.audit.tail import Tail
from tracegate.audit.tiles import WIDTH, Tile, TileNodes, read_entries
from tracegate.errors import Malformed

SLACK = 2_000_000
"""µs by which the clock may have gone back between two leaves, and no leaf is overlooked."""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A checkpoint that was read: its whole note, and what it says."""

    note: str
    checkpoint: Checkpoint

    @property
    def size(self) -> int:
        """Leaves that it covers."""
        return self.checkpoint.size


class Times(msgspec.Struct):
    """What of a leaf tells when it was made, in µs since 1970 UTC."""

    t: int | None = None
    t_end: int | None = None
    t_start: int | None = None
    late: bool = False

    @property
    def made_at(self) -> int | None:
        """Its own time: of a record's end when that came, of an intent when its request did; `None`: it tells none."""
        return next((t for t in (self.t, self.t_end, self.t_start) if t is not None), None)


_times = msgspec.json.Decoder(Times).decode


class StoredLog:
    """One log, read only.

    Args:
        folder: Of the log.

    Raises:
        FileNotFoundError: There is no `log.json`.
        Malformed: It is none.
    """

    __slots__ = ("_files", "_first", "_head", "_tail", "_times", "created", "folder", "key")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = Folder(folder)
        self._tail = Tail(folder)
        self._first = 0  # the lowest bundle that may be there
        self._head: SignedHead | None = None  # the last one that was read, whose signature need not be looked at again
        self._times: dict[int, int | None] = {}  # of bundles, which never change
        try:
            stated = decode(self._files.read("log.json"))
            self.key: Key = parse_vkey(str(stated["vkey"]))
            """Its public key, by its own word: for making receipts, not for trusting them."""
            self.created = int(stated["created"])
            """When it was made, in seconds since 1970 UTC."""
        except (KeyError, TypeError, ValueError):
            raise Malformed(f"`{folder}/log.json` is not that of a log") from None
        except Malformed as exc:
            raise Malformed(f"`{folder}/log.json`: {exc}") from None

    @property
    def origin(self) -> str:
        """Its name."""
        return self.key.name

    @property
    def name(self) -> str:
        """The last two elements of its origin, which are its folder: replica and epoch."""
        return name_of(self.origin)

    @property
    def size(self) -> int:
        """Leaves that its last checkpoint covers; none before there is one."""
        head = self.head()
        return 0 if head is None else head.size

    @property
    def first(self) -> int:
        """The first leaf that is there; those before it were pruned."""
        return self._lowest(self.size) * WIDTH

    def head(self) -> SignedHead | None:
        """Its last checkpoint; `None` before there is one.

        Raises:
            Malformed: It is none, or not signed by the log's key.
        """
        try:
            note = self._files.read("checkpoint").decode(errors="replace")
        except FileNotFoundError:
            return None
        if self._head is None or self._head.note != note:
            self._head = SignedHead(note, open_checkpoint(note, self.key))
        return self._head

    def leaves(self, start: int = 0, end: int | None = None, *, holding: bytes = b"") -> Iterator[tuple[int, bytes]]:
        """Leaves with their indices, oldest first; those behind the checkpoint too.

        Args:
            start: The first index.
            end: The one behind the last.
            holding: Only leaves that have these bytes in them.

        Raises:
            Malformed: A bundle is missing or cut.
        """
        at = start
        while True:
            size = self.size
            last = size if end is None else min(size, end)
            for bundle in range(max(at // WIDTH, self._lowest(size)), -(-last // WIDTH)):
                first = bundle * WIDTH
                for index, leaf in enumerate(self._bundle(bundle, size, holding)[: last - first], first):
                    if index >= at and holding in leaf:
                        yield index, leaf
            if end is not None and end <= size:
                return
            at = max(at, size)
            behind = self._tail.since(size)
            if behind is not None or self.size == size:  # else what was behind the checkpoint is under one now
                break
        for index, leaf in enumerate((behind or ())[: None if end is None else end - size], size):
            if index >= at and holding in leaf:
                yield index, leaf

    def leaf(self, index: int) -> bytes | None:
        """One leaf; `None` where there is none, or none any more."""
        size = self.size
        if not 0 <= index < size:
            behind = self._tail.since(size) or []
            return behind[index - size] if size <= index < size + len(behind) else None
        bundle, at = divmod(index, WIDTH)
        found = self._bundle(bundle, size) if bundle >= self._lowest(size) else []
        return found[at] if found else None

    def proof(self, index: int, head: SignedHead) -> Proof:
        """That a leaf stands under a checkpoint of this log.

        Raises:
            ValueError: It does not.
        """
        path = inclusion(index, head.size, TileNodes(head.size, self._files.read))
        return Proof(index, tuple(path), head.note)

    def since(self, t: int) -> int:
        """An index before which nothing was written at or after a time.

        It is found by bisection of the bundles, and holds as long as no clock went back by more than `SLACK`.

        Args:
            t: µs since 1970 UTC.
        """
        return self._bisected(t - SLACK, self.size) * WIDTH

    def until(self, t: int) -> int | None:
        """An index from which on nothing was written before a time; `None` where that is not yet; see `since`."""
        size = self.size
        bundle = self._bisected(t + SLACK, size) + 1
        return bundle * WIDTH if bundle * WIDTH < size else None

    def _bisected(self, t: int, size: int) -> int:
        """The last bundle whose first leaves were written at or before a time; the first one where none was."""
        low, high = self._lowest(size), size // WIDTH
        while low < high:
            middle = (low + high + 1) // 2
            written = self._written(middle, size)
            if written is not None and written <= t:
                low = middle
            else:
                high = middle - 1
        return low

    def _written(self, bundle: int, size: int) -> int | None:
        """When about the first leaves of a bundle were written, in µs since 1970 UTC."""
        if bundle in self._times or bundle * WIDTH == size:
            return self._times.get(bundle)
        said = (written_at(raw) for raw in self._bundle(bundle, size))
        found = next((written for written in said if written is not None), None)
        if (bundle + 1) * WIDTH <= size:
            self._times[bundle] = found
        return found

    def _bundle(self, bundle: int, size: int, holding: bytes = b"") -> list[bytes]:
        """The leaves of a bundle; none where none of them has some bytes in it, or they were pruned meanwhile."""
        tile = Tile("entries", bundle, min(WIDTH, size - bundle * WIDTH))
        try:
            raw = self._files.read(tile.path)
        except FileNotFoundError:
            raw = self._full(tile, size)
        return read_entries(tile, lambda _: raw) if raw and holding in raw else []

    def _full(self, tile: Tile, size: int) -> bytes:
        try:
            return self._files.read(Tile(tile.level, tile.index).path)
        except FileNotFoundError:
            if tile.index < self._lowest(size):
                return b""
            raise Malformed(f"`{self.folder}/{tile.path}` is missing") from None

    def _lowest(self, size: int) -> int:
        """The first bundle that is there: a log that was pruned has none below."""
        low, high = self._first, size // WIDTH
        if (self.folder / Tile("entries", low).path).exists():
            return low
        while low < high:
            middle = (low + high) // 2
            if (self.folder / Tile("entries", middle).path).exists():
                high = middle
            else:
                low = middle + 1
        self._first = low
        return low


def name_of(origin: str) -> str:
    """Replica and epoch of an origin."""
    return "/".join(origin.split("/")[-2:])


def written_at(raw: bytes) -> int | None:
    """When about a leaf was written, in µs since 1970 UTC; `None` where it does not tell."""
    said = _times(raw)
    return said.t if said.t is not None else None if said.late else said.t_end
