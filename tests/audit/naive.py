"""RFC 6962, section 2.1, word by word: slow, recursive, over lists; what the tree is checked against."""

from __future__ import annotations

import hashlib

from tracegate.audit.merkle import Node


def naive_root(hashes: list[bytes]) -> bytes:
    """`MTH(D[n])` over leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = _split(len(hashes))
    return hashlib.sha256(b"\x01" + naive_root(hashes[:k]) + naive_root(hashes[k:])).digest()


def naive_inclusion(m: int, hashes: list[bytes]) -> list[bytes]:
    """`PATH(m, D[n])`."""
    if len(hashes) == 1:
        return []
    k = _split(len(hashes))
    if m < k:
        return [*naive_inclusion(m, hashes[:k]), naive_root(hashes[k:])]
    return [*naive_inclusion(m - k, hashes[k:]), naive_root(hashes[:k])]


def naive_consistency(m: int, hashes: list[bytes]) -> list[bytes]:
    """`PROOF(m, D[n])`; that from the empty tree is empty."""
    return _sub(m, hashes, whole=True) if m else []


def nodes_of(hashes: list[bytes]) -> Node:
    """The hashes of perfect subtrees over a list of leaf hashes."""

    def node(level: int, index: int) -> bytes:
        start, end = index << level, (index + 1) << level
        assert end <= len(hashes)
        return naive_root(hashes[start:end])

    return node


def _sub(m: int, hashes: list[bytes], *, whole: bool) -> list[bytes]:
    if m == len(hashes):
        return [] if whole else [naive_root(hashes)]
    k = _split(len(hashes))
    if m <= k:
        return [*_sub(m, hashes[:k], whole=whole), naive_root(hashes[k:])]
    return [*_sub(m - k, hashes[k:], whole=False), naive_root(hashes[:k])]


def _split(count: int) -> int:
    k = 1
    while k * 2 < count:
        k *= 2
    return k
