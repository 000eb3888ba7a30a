"""The tree while it grows: append leaf hashes, tell the root, give the tiles that changed.

It keeps the right edge only, at most 255 hashes a level, and full tiles until they are taken.
"""

from __future__ import annotations

from tracegate.audit.merkle import root
from tracegate.audit.tiles import HASH, HEIGHT, WIDTH, ReadFile, Tile, read_tile, root_of


class Tree:
    """A log's tree at its right edge."""

    __slots__ = ("_edge", "_full", "size")

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[list[bytes]] = []  # by level: the hashes of its tile that is not full
        self._full: list[tuple[Tile, bytes]] = []

    @classmethod
    def restored(cls, size: int, read: ReadFile) -> Tree:
        """The tree of some leaves, from its tiles; see `read_tile` for what is raised."""
        tree = cls()
        tree.size = size
        while size:
            full, width = divmod(size, WIDTH)
            raw = read_tile(Tile(len(tree._edge), full, width), read) if width else b""
            tree._edge.append([raw[at : at + HASH] for at in range(0, len(raw), HASH)])
            size = full
        return tree

    def append(self, leaf: bytes) -> int:
        """Add the hash of a leaf; returns its index."""
        index = self.size
        self.size += 1
        level, found = 0, leaf
        while True:
            if level == len(self._edge):
                self._edge.append([])
            row = self._edge[level]
            row.append(found)
            if len(row) < WIDTH:
                return index
            tile = (self.size // WIDTH ** (level + 1)) - 1
            self._full.append((Tile(level, tile), b"".join(row)))
            found = root_of(row)
            row.clear()
            level += 1

    def root(self) -> bytes:
        """The root of all leaves so far."""
        return root(self.size, self._node)

    def take(self) -> list[tuple[Tile, bytes]]:
        """The tiles that a checkpoint of now needs and that were not taken yet, lower levels first.

        Those that are not full are given each time, whether they grew or not.
        """
        edge = [
            (Tile(level, self.size // WIDTH ** (level + 1), len(row)), b"".join(row))
            for level, row in enumerate(self._edge)
            if row
        ]
        taken = sorted([*self._full, *edge], key=lambda tile: (tile[0].level, tile[0].index))
        self._full.clear()
        return taken

    def _node(self, level: int, index: int) -> bytes:
        """The root of a perfect subtree at the right edge."""
        row, above = divmod(level, HEIGHT)
        at = (index << above) % WIDTH
        return root_of(self._edge[row][at : at + (1 << above)])
