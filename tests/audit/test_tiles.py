"""Names and contents of a log's files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.made import Files, grown
from tests.audit.naive import naive_consistency, naive_inclusion, naive_root
from tests.audit.vectors import HASHES, LEAVES, VECTORS
from tracegate.audit.merkle import consistency, consistent, included, inclusion, leaf_hash, root
from tracegate.audit.tiles import Tile, TileNodes, bundle_of, entries_of, read_entries, read_tile, tiles_of
from tracegate.errors import Malformed

MANY = [leaf_hash(index.to_bytes(4, "big")) for index in range(65_800)]


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 0, 6), "tile/0/000.p/6"),
        (Tile(1, 1234067), "tile/1/x001/x234/067"),
        (Tile("entries", 1000, 1), "tile/entries/x001/000.p/1"),
        (Tile(2, 999, 255), "tile/2/999.p/255"),
    ],
)
def test_a_tile_has_its_name(tile: Tile, path: str) -> None:
    """Source: the examples of C2SP tlog-tiles."""
    assert tile.path == path


def test_the_tile_of_the_vectors() -> None:
    """Six leaves make one that is not full."""
    _, files = grown(HASHES)
    assert {name: raw.hex() for name, raw in files.items()} == {"tile/0/000.p/6": VECTORS["tile_0_000_p_6"]}


def test_the_tiles_of_a_tree() -> None:
    """Full ones, and one of each level that is not; a level that is full has no partial tile."""
    assert [tile.path for tile in tiles_of(0)] == []
    assert [tile.path for tile in tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert [tile.path for tile in tiles_of(515, 259)] == [
        "tile/entries/001",
        "tile/entries/002.p/3",
        "tile/0/001",
        "tile/0/002.p/3",
        "tile/1/000.p/2",
    ]
    assert [tile.path for tile in tiles_of(260, 259)] == ["tile/entries/001.p/4", "tile/0/001.p/4"]


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 600])
def test_proofs_from_tiles_are_those_of_the_definition(size: int) -> None:
    """Of leaves at the edges of tiles, of prefixes that end there."""
    tree, files = grown(MANY[:size])
    node = TileNodes(size, files.read)
    assert {tile.path for tile in tiles_of(size) if tile.level != "entries"} == set(files)
    assert tree.root() == root(size, node) == naive_root(MANY[:size])
    for index in {0, size // 2, size - 1}:
        assert inclusion(index, size, node) == naive_inclusion(index, MANY[:size])
    for old in {1, size // 2, size - 1, size}:
        assert consistency(old, size, node) == naive_consistency(old, MANY[:size])


def test_proofs_from_tiles_of_three_levels() -> None:
    """Each verifies against the root of the definition."""
    size, old = len(MANY), 65_537
    tree, files = grown(MANY)
    node, head = TileNodes(size, files.read), naive_root(MANY)
    assert "tile/2/000.p/1" in files
    assert tree.root() == root(size, node) == head
    for index in (0, 255, 256, 65_535, 65_536, size - 1):
        assert included(MANY[index], index, size, inclusion(index, size, node), head)
    assert consistent(old, size, consistency(old, size, node), root(old, node), head)


def test_a_tile_that_was_filled_since_serves_an_older_tree() -> None:
    """Partial tiles may be deleted once the full one is there."""
    _, files = grown(MANY[:600])
    for size in (1, 100, 300, 511):
        assert root(size, TileNodes(size, Files({**files, "tile/1/000.p/1": files["tile/1/000.p/2"][:32]}).read)) == (
            naive_root(MANY[:size])
        )


def test_a_tile_that_is_missing_or_cut_is_said() -> None:
    """With its name."""
    _, files = grown(HASHES)
    with pytest.raises(FileNotFoundError, match="tile/0/001"):
        read_tile(Tile(0, 1, 3), files.read)
    files["tile/0/000.p/6"] += b"x"
    with pytest.raises(Malformed, match=r"tile/0/000\.p/6: 193 bytes; it should be 192"):
        read_tile(Tile(0, 0, 6), files.read)


def test_entries_of_a_partial_bundle_may_stand_in_the_full_one() -> None:
    """Too few of them, or no bundle at all, is said with its name."""
    files = Files({"tile/entries/000": bundle_of(LEAVES)})
    assert read_entries(Tile("entries", 0, 4), files.read) == LEAVES[:4]
    with pytest.raises(Malformed, match=r"`tile/entries/000\.p/9` has 6 leaves; it should have 9"):
        read_entries(Tile("entries", 0, 9), files.read)
    with pytest.raises(FileNotFoundError, match="tile/entries/001"):
        read_entries(Tile("entries", 1, 9), files.read)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entries_come_back_from_their_bundle(entries: list[bytes]) -> None:
    """Empty ones too."""
    assert entries_of(bundle_of(entries)) == entries


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_a_bundle_that_is_cut_is_refused(cut: int) -> None:
    """In a length or in an entry."""
    raw = bundle_of(LEAVES)
    with pytest.raises(Malformed, match="cut"):
        entries_of(raw[:-cut])
    with pytest.raises(Malformed, match="cut"):
        entries_of(raw + b"\0")
