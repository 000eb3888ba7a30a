"""The tree while it grows, against the definition."""

from __future__ import annotations

import pytest

from tests.audit.made import Files
from tests.audit.naive import naive_root
from tests.audit.vectors import HASHES, ROOTS
from tracegate.audit.merkle import leaf_hash, root
from tracegate.audit.tiles import TileNodes, tiles_of
from tracegate.audit.tree import Tree

LEAVES = [leaf_hash(index.to_bytes(4, "big")) for index in range(65_900)]


def test_the_roots_of_the_vectors() -> None:
    """The empty tree's, then leaf by leaf."""
    tree, roots = Tree(), []
    for index, value in enumerate(HASHES):
        roots.append(tree.root())
        assert tree.append(value) == index
    assert [*roots, tree.root()] == ROOTS


def test_what_is_taken_at_each_checkpoint_is_all_that_it_needs() -> None:
    """However many leaves came between two of them; none is written twice with other bytes."""
    tree, files, size = Tree(), Files(), 0
    for step in (1, 1, 3, 250, 1, 1, 255, 256, 1000, 64_000):
        for value in LEAVES[size : size + step]:
            tree.append(value)
        size += step
        for tile, raw in tree.take():
            assert files.setdefault(tile.path, raw) == raw
        assert {tile.path for tile in tiles_of(size) if tile.level != "entries"} <= set(files)
        assert tree.root() == root(size, TileNodes(size, files.read))
    assert tree.root() == naive_root(LEAVES[:size])


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_536, 65_800])
def test_a_tree_is_restored_from_its_tiles(size: int) -> None:
    """And grows on as if it had never been away."""
    tree, files = Tree(), Files()
    for value in LEAVES[:size]:
        tree.append(value)
    files.update((tile.path, raw) for tile, raw in tree.take())
    again = Tree.restored(size, files.read)
    assert again.root() == tree.root()
    for value in LEAVES[:300]:
        tree.append(value)
        again.append(value)
    assert again.root() == tree.root()
    assert again.take() == tree.take()
