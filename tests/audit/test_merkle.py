"""The tree: check values of Certificate Transparency, and every proof against the definition of RFC 6962."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.naive import naive_consistency, naive_inclusion, naive_root, nodes_of
from tests.audit.vectors import HASHES, LEAVES, ROOTS
from tracegate.audit.merkle import EMPTY, consistency, consistent, included, inclusion, leaf_hash, root

ENTRIES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")] + [
    bytes(range(0x60, 0x70))
]


def _leaves(count: int) -> list[bytes]:
    return [leaf_hash(count.to_bytes(4, "big")) for count in range(count)]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ],
)
def test_the_usual_check_values(size: int, expected: str) -> None:
    """Source: the test data of the Certificate Transparency implementations."""
    assert root(size, nodes_of([leaf_hash(entry) for entry in ENTRIES])).hex() == expected


def test_the_roots_of_the_vectors() -> None:
    """Leaf by leaf."""
    assert [leaf_hash(leaf) for leaf in LEAVES] == HASHES
    assert [root(size, nodes_of(HASHES)) for size in range(7)] == ROOTS


def test_every_proof_of_small_trees_is_that_of_the_definition() -> None:
    """Inclusion and consistency, all pairs up to 40 leaves; each verifies."""
    hashes = _leaves(40)
    node, roots = nodes_of(hashes), [naive_root(hashes[:size]) for size in range(41)]
    for size in range(1, 41):
        for index in range(size):
            path = inclusion(index, size, node)
            assert path == naive_inclusion(index, hashes[:size])
            assert included(hashes[index], index, size, path, roots[size])
        for old in range(size + 1):
            proof = consistency(old, size, node)
            assert proof == naive_consistency(old, hashes[:size])
            assert consistent(old, size, proof, roots[old], roots[size])


@given(st.integers(1, 600), st.data())
def test_proofs_of_larger_trees(size: int, data: st.DataObject) -> None:
    """Any leaf, any prefix, any size."""
    hashes = _leaves(size)
    node, head = nodes_of(hashes), naive_root(hashes)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    assert root(size, node) == head
    assert included(hashes[index], index, size, inclusion(index, size, node), head)
    proof = consistency(old, size, node)
    assert proof == naive_consistency(old, hashes)
    assert consistent(old, size, proof, naive_root(hashes[:old]), head)


@given(st.integers(1, 70), st.data())
def test_a_proof_proves_nothing_else(size: int, data: st.DataObject) -> None:
    """Another leaf, index, size or root, a hash more, less or changed: refused."""
    hashes = _leaves(size)
    node, head = nodes_of(hashes), naive_root(hashes)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion(index, size, node)
    wrong = hashlib.sha256(b"wrong").digest()
    assert not included(wrong, index, size, path, head)
    assert not included(hashes[index], index, size, path, wrong)
    assert not included(hashes[index], index, size, [*path, wrong], head)
    assert not any(included(hashes[index], other, size, path, head) for other in range(size) if other != index)
    for at in range(len(path)):
        assert not included(hashes[index], index, size, [*path[:at], wrong, *path[at + 1 :]], head)
        assert not included(hashes[index], index, size, path[:at] + path[at + 1 :], head)


@given(st.integers(2, 70), st.data())
def test_a_tree_that_was_changed_is_no_prefix(size: int, data: st.DataObject) -> None:
    """Another root on either side, a hash more, less or changed: refused."""
    hashes = _leaves(size)
    old = data.draw(st.integers(1, size - 1))
    proof = consistency(old, size, nodes_of(hashes))
    before, head, wrong = naive_root(hashes[:old]), naive_root(hashes), hashlib.sha256(b"wrong").digest()
    assert not consistent(old, size, proof, wrong, head)
    assert not consistent(old, size, proof, before, wrong)
    assert not consistent(old, size, [*proof, wrong], before, head)
    for at in range(len(proof)):
        assert not consistent(old, size, [*proof[:at], wrong, *proof[at + 1 :]], before, head)
        assert not consistent(old, size, proof[:at] + proof[at + 1 :], before, head)


def test_trees_of_equal_size_and_the_empty_one() -> None:
    """Equal sizes need equal roots, the empty tree is a prefix of all; neither needs a proof, so neither takes one."""
    assert consistent(3, 3, [], ROOTS[3], ROOTS[3])
    assert not consistent(3, 3, [], ROOTS[3], ROOTS[4])
    assert not consistent(3, 3, [ROOTS[1]], ROOTS[3], ROOTS[3])
    assert consistent(0, 3, [], EMPTY, ROOTS[3])
    assert not consistent(0, 3, [], ROOTS[1], ROOTS[3])
    assert not consistent(0, 3, [ROOTS[1]], EMPTY, ROOTS[3])
    assert not consistent(4, 3, [], ROOTS[4], ROOTS[3])
    assert not consistent(3, 5, [], ROOTS[3], ROOTS[5])
    assert not consistent(1, 2, [HASHES[1], HASHES[1]], ROOTS[1], ROOTS[2])
    assert not included(HASHES[0], 1, 1, [], ROOTS[1])
    assert not included(HASHES[0], -1, 1, [], ROOTS[1])


def test_there_is_no_proof_of_what_is_not_there() -> None:
    """A leaf beyond the tree, a prefix longer than it."""
    node = nodes_of(HASHES)
    with pytest.raises(ValueError, match="no leaf 6 in a tree of 6"):
        inclusion(6, 6, node)
    with pytest.raises(ValueError, match="no prefix of 7 leaves in a tree of 6"):
        consistency(7, 6, node)
