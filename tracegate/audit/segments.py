"""Frames of the write-ahead record: a length, four bytes of the leaf's hash as a check, the leaf; all big-endian.

A frame that is bad is either the torn end of a write that nobody was told of, or damage; which of the two is decided
here, by whether a good frame begins behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracegate.audit.leaf import LARGEST
from tracegate.audit.merkle import leaf_hash

HEAD = 8  # bytes before a leaf
CHECK = 4  # of them, those of its hash


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment holds: its whole leaves, where they end, and whether something good stands behind a bad frame."""

    leaves: tuple[bytes, ...]
    end: int
    torn: int  # bytes behind the last good frame
    damaged: bool


def frame(leaf: bytes, hashed: bytes) -> bytes:
    """The frame of a leaf and its hash in the tree."""
    return len(leaf).to_bytes(4, "big") + hashed[:CHECK] + leaf


def name_of(first: int) -> str:
    """The file of the segment that begins with a leaf.

    >>> name_of(6)
    'segments/00000000000000000006.seg'
    """
    return f"segments/{first:020d}.seg"


def scan(raw: bytes) -> Segment:
    """The leaves of a segment, up to the first bad frame."""
    leaves: list[bytes] = []
    at = 0
    while (leaf := _leaf(raw, at)) is not None:
        leaves.append(leaf)
        at += HEAD + len(leaf)
    return Segment(tuple(leaves), at, len(raw) - at, _good_behind(raw, at))


def _good_behind(raw: bytes, at: int) -> bool:
    """Whether a good frame begins behind a bad one; each begins with two zeroes, for no leaf is longer."""
    while (at := raw.find(b"\0\0", at + 1)) >= 0:
        if _leaf(raw, at) is not None:
            return True
    return False


def _leaf(raw: bytes, at: int) -> bytes | None:
    length = int.from_bytes(raw[at : at + 4], "big")
    end = at + HEAD + length
    if not 0 < length <= LARGEST or end > len(raw):
        return None
    leaf = raw[at + HEAD : end]
    return leaf if leaf_hash(leaf)[:CHECK] == raw[at + 4 : at + HEAD] else None
