"""A log's files while it grows: leaves made durable in a segment, then published as bundles, tiles and a checkpoint.

It runs on the log's thread and knows no time, no queue and no request. After a failure nothing is assumed of the
segment: it is cut to its last durable end before the next write, and a leaf that was not durable gets its index again,
which is safe because nobody was told of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tracegate.audit.checkpoint import Checkpoint, sign_checkpoint
from tracegate.audit.disk import Disk, put
from tracegate.audit.growing import Growing
from tracegate.audit.keys import Signer
from tracegate.audit.kinds import Head
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.segments import frame, name_of
from tracegate.audit.slots import Erasable, slots_of
from tracegate.audit.tenants import TenantKeys
from tracegate.audit.tiles import WIDTH, Tile, bundle_of, tiles_of
from tracegate.audit.tree import Tree

SEGMENT = 64 * 2**20
"""Bytes after which the next group begins a new segment."""


class Altered(OSError):
    """A file that is about to be published is there already, with other bytes."""


class Writer:
    """The files of one log.

    Args:
        disk: The system calls.
        folder: Of the log.
        signer: Its key.
        tree: Of all leaves so far.
        published: Size of the last checkpoint.
        kept: The leaves from the beginning of the bundle that the last checkpoint cuts.
        table: Of what can be erased.
        tenants: Keys of the rows in it.
    """

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        signer: Signer,
        tree: Tree,
        published: int,
        kept: Sequence[bytes],
        table: Growing,
        tenants: TenantKeys,
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._signer = signer
        self._tree = tree
        self._kept = list(kept)
        self._full: list[tuple[Tile, bytes]] = []  # taken from the tree and not under a checkpoint yet
        self._segment: Growing | None = None
        self._table = table
        self._tenants = tenants
        self.published = published

    @property
    def size(self) -> int:
        """Leaves that are durable."""
        return self._tree.size

    @property
    def head(self) -> Head:
        """The log as it is now."""
        return Head(log=self._signer.key.name, size=self._tree.size, root=self._tree.root().hex())

    def append(self, leaves: Sequence[bytes], erasable: Sequence[Erasable | None] = ()) -> list[tuple[int, bytes]]:
        """Make leaves durable together, and with them what belongs to them and can be erased.

        Args:
            leaves: Their bytes.
            erasable: What belongs to each of them; empty where to none.

        Returns:
            The index and the hash of each leaf.

        Raises:
            OSError: None of them is durable.
        """
        hashes = [leaf_hash(leaf) for leaf in leaves]
        slots = b"".join(
            [
                slots_of(one, index, self._tenants.mac(one.tenant))
                for index, one in enumerate(erasable, self.size)
                if one is not None
            ]
        )
        tail = self._tail()
        # What belongs to leaves is written before them: a process that is killed in between leaves none without it.
        table = self._table.append(slots) if slots else None
        segment = tail.append(b"".join(map(frame, leaves, hashes)))
        if table is not None:
            self._disk.sync_both(table, segment)
            self._table.counts()
        else:
            self._disk.sync(segment)
        tail.counts()
        self._kept += leaves
        return [(self._tree.append(value), value) for value in hashes]

    def publish(self) -> Iterator[None]:
        """Bring the leaves of now under a checkpoint, one file at each step; leaves may be appended between steps.

        Entries come first, then tiles from level 0 up, the checkpoint last: whoever has read it finds what it covers.

        Raises:
            OSError: Nothing that was published before is touched; the next call begins anew.
        """
        size, root = self._tree.size, self._tree.root()
        taken = self._tree.take()
        self._full += [tile for tile in taken if tile[0].width == WIDTH]
        hashes = dict([*self._full, *taken])
        first = self.published // WIDTH * WIDTH
        changed = list(tiles_of(size, self.published))
        kept = self._kept[: size - first]
        for tile in changed:
            start = tile.index * WIDTH - first
            self._publish(tile, hashes[tile] if tile in hashes else bundle_of(kept[start : start + tile.width]))
            yield
        note = sign_checkpoint(Checkpoint(self._signer.key.name, size, root), self._signer)
        put(self._disk, self._folder / "checkpoint", str(note).encode())
        self._full.clear()
        self.published = size
        del self._kept[: size // WIDTH * WIDTH - first]
        for tile in changed:  # what older checkpoints needed of a full one stands in it
            partial = self._folder / f"{tile.path}.p"
            if tile.width == WIDTH and partial.exists():
                yield
                self._disk.remove_folder(partial)

    def close(self) -> None:
        """Give the files back."""
        self._table.close()
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _publish(self, tile: Tile, raw: bytes) -> None:
        path = self._folder / tile.path
        if path.exists():  # from a publication that broke off
            if self._disk.read(path) != raw:
                raise Altered(f"`{tile.path}` is there with other bytes than the leaves give")
            self._disk.sync_folder(path.parent)
        else:
            put(self._disk, path, raw)

    def _tail(self) -> Growing:
        """The segment that takes the next leaf."""
        if self._segment is not None and self._segment.end >= SEGMENT:
            self._segment.close()
            self._segment = None
        if self._segment is None:
            self._segment = Growing(self._disk, self._folder / name_of(self.size))
        return self._segment
