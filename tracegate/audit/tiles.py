"""The files of a log's tree. Source: C2SP tlog-tiles.

A tile holds up to 256 hashes of one level; level 0 holds those of leaves, level L + 1 the roots of full tiles of level
L. An entry bundle holds up to 256 leaves. What is not full has its width in its name. All is pure: files are read by
a function that takes a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tracegate.audit.merkle import node_hash
from tracegate.errors import Malformed

WIDTH = 256  # hashes of a full tile, leaves of a full bundle
HEIGHT = 8  # levels of the tree that one tile spans
HASH = 32  # bytes

ReadFile = Callable[[str], bytes]
"""The bytes of a file of the log, by its name; raises `FileNotFoundError`."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Where hashes of one level stand; `level` is `entries` for leaves."""

    level: int | str
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The name of its file in the log.

        >>> Tile(0, 1234067).path, Tile("entries", 0, 6).path
        ('tile/0/x001/x234/067', 'tile/entries/000.p/6')
        """
        name, rest = f"{self.index % 1000:03d}", self.index // 1000
        while rest:
            name, rest = f"x{rest % 1000:03d}/{name}", rest // 1000
        return f"tile/{self.level}/{name}" + ("" if self.width == WIDTH else f".p/{self.width}")


def tiles_of(size: int, start: int = 0) -> Iterator[Tile]:
    """The tiles and bundles of a tree, from bundles and level 0 up.

    Args:
        size: Leaves of the tree.
        start: Only those are given that a tree of this size has not, or has with fewer hashes.
    """
    yield from _row("entries", start, size)
    level = 0
    while size:
        yield from _row(level, start, size)
        level, start, size = level + 1, start // WIDTH, size // WIDTH


class TileNodes:
    """Hashes of perfect subtrees from the tiles of a tree: what proofs are made from.

    Args:
        size: Leaves of the tree whose tiles there are.
        read: Gives a file; a partial tile that is gone is looked for in the full one.
    """

    __slots__ = ("_read", "_size", "_tiles")

    def __init__(self, size: int, read: ReadFile) -> None:
        self._size = size
        self._read = read
        self._tiles: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The root of the leaves `index << level` to `(index + 1) << level`."""
        row, above = divmod(level, HEIGHT)
        first = index << above
        tile, at = divmod(first, WIDTH)
        hashes = self._tile(row, tile)
        return root_of([hashes[HASH * i : HASH * (i + 1)] for i in range(at, at + (1 << above))])

    def _tile(self, level: int, index: int) -> bytes:
        known = self._tiles.get((level, index))
        if known is None:
            width = min(WIDTH, (self._size >> (HEIGHT * level)) - index * WIDTH)
            known = read_tile(Tile(level, index, width), self._read)
            self._tiles[level, index] = known
        return known


def read_tile(tile: Tile, read: ReadFile) -> bytes:
    """The hashes of a tile; those of a partial one may stand in the full one.

    Raises:
        FileNotFoundError: There is neither.
        Malformed: The file holds another count of hashes.
    """
    raw, width = _held(tile, read)
    if len(raw) != width * HASH:
        raise Malformed(f"{tile.path}: {len(raw)} bytes; it should be {width * HASH}")
    return raw[: tile.width * HASH]


def read_entries(tile: Tile, read: ReadFile) -> list[bytes]:
    """The entries of a bundle; those of a partial one may stand in the full one.

    Raises:
        FileNotFoundError: There is neither.
        Malformed: The file has fewer entries, or its last one is cut.
    """
    entries = entries_of(_held(tile, read)[0])[: tile.width]
    if len(entries) != tile.width:
        raise Malformed(f"`{tile.path}` has {len(entries)} leaves; it should have {tile.width}")
    return entries


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of neighbours."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def bundle_of(entries: Sequence[bytes]) -> bytes:
    """The bytes of an entry bundle: each entry after its length, 16 bits, big-endian."""
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def entries_of(raw: bytes) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        Malformed: Its last entry is cut.
    """
    entries, at = [], 0
    while at < len(raw):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if at + 2 > len(raw) or end > len(raw):
            raise Malformed("an entry bundle whose last entry is cut")
        entries.append(raw[at + 2 : end])
        at = end
    return entries


def _held(tile: Tile, read: ReadFile) -> tuple[bytes, int]:
    """The file that holds a tile, and how many it is for."""
    try:
        return read(tile.path), tile.width
    except FileNotFoundError:
        return read(Tile(tile.level, tile.index).path), WIDTH


def _row(level: int | str, start: int, size: int) -> Iterator[Tile]:
    if start == size:
        return
    for index in range(start // WIDTH, size // WIDTH):
        yield Tile(level, index)
    if size % WIDTH:
        yield Tile(level, size // WIDTH, size % WIDTH)
