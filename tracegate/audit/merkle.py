"""The Merkle tree of RFC 6962, section 2.1: hashes, proofs, and their verification.

Proofs are made from a function that gives the hash of a perfect subtree: `node(level, index)` is the root of the
leaves `index << level` to `(index + 1) << level`. Where those hashes are kept is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

Node = Callable[[int, int], bytes]

EMPTY = hashlib.sha256().digest()
"""The root of no leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf; its prefix keeps a leaf from passing for a node."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root(size: int, node: Node) -> bytes:
    """The root of the first `size` leaves."""
    return _range(0, size, node) if size else EMPTY


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """The path from a leaf to the root of the first `size`, its sibling first (section 2.1.1).

    Raises:
        ValueError: There is no such leaf in that tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range(middle, end, node))
            end = middle
        else:
            path.append(_range(start, middle, node))
            start = middle
    return path[::-1]


def consistency(old: int, size: int, node: Node) -> list[bytes]:
    """The proof that the first `old` leaves are a prefix of the first `size` (section 2.1.2).

    Raises:
        ValueError: Unless 0 <= old <= size; a proof from the empty tree is empty.
    """
    if not 0 <= old <= size:
        raise ValueError(f"no prefix of {old} leaves in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while old and end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range(middle, end, node))
            end = middle
        else:
            path.append(_range(start, middle, node))
            start = middle
    if start:
        path.append(_range(start, end, node))
    return path[::-1]


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], head: bytes) -> bool:
    """Whether a path leads from a leaf's hash to a root. Source: RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == head


def consistent(old: int, size: int, path: Sequence[bytes], old_head: bytes, head: bytes) -> bool:
    """Whether a proof shows that one tree is a prefix of another. Source: RFC 9162, section 2.1.4.2."""
    if not 0 <= old <= size:
        return False
    if old == size:
        return not path and old_head == head
    if old == 0:
        return not path and old_head == EMPTY
    hashes = [*path] if old & (old - 1) else [old_head, *path]
    if not hashes:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_head and second == head


def _split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _range(start: int, end: int, node: Node) -> bytes:
    """The root of leaves `start` to `end`; `start` is a multiple of the largest power of two not above their count."""
    hashes: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        hashes.append(node(level, start >> level))
        start += 1 << level
    found = hashes.pop()
    while hashes:
        found = node_hash(hashes.pop(), found)
    return found
