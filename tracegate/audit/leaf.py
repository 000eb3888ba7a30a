"""One audit record as bytes: written, read, hashed. The bytes hashed are the bytes stored, shipped and returned."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tracegate.audit.canonical import decode
from tracegate.audit.events import Leaf
from tracegate.audit.merkle import leaf_hash
from tracegate.errors import Malformed

LARGEST = 65_535
"""Bytes of a leaf: an entry bundle has 16 bits for its length (C2SP tlog-tiles)."""

WRITTEN = 16_384
"""A writer keeps its leaves under this."""

_encode = msgspec.json.Encoder(order="sorted").encode

msgspec.json.Decoder(Leaf)
# Leaves are read on several threads. What msgspec knows of a type it learns when it first meets it, and another thread
# that meets it meanwhile takes the half of it and breaks off the process: so it meets them all here, at the import.


@dataclass(frozen=True, slots=True)
class ReadLeaf:
    """A leaf that was read: its bytes, their hash in the tree, and what they say."""

    raw: bytes
    hash: bytes
    leaf: Leaf


def write(leaf: Leaf) -> bytes:
    """The canonical bytes of a leaf.

    The types rule out null and floats; numbers and texts of others are fitted where the leaf is rendered.

    Raises:
        Malformed: It is too long, or a text in it can't stand in a leaf.
    """
    try:
        raw = _encode(leaf)
    except UnicodeEncodeError:
        raise Malformed("a text holds half a surrogate pair") from None
    if len(raw) >= WRITTEN:
        raise Malformed(f"a leaf of {len(raw)} bytes; a writer keeps them under {WRITTEN}")
    if b'"unknown"' in raw:  # inside a longer text both quotes would be escaped
        raise Malformed("a text says `unknown`; what is unknown is absent")
    return raw


def read(raw: bytes) -> ReadLeaf:
    """The leaf of its bytes.

    Raises:
        Malformed: They are not canonical, too long, or no leaf of version 1.
    """
    if len(raw) > LARGEST:
        raise Malformed(f"a leaf of {len(raw)} bytes; at most {LARGEST}")
    value = decode(raw)
    try:
        leaf = msgspec.convert(value, Leaf)
    except msgspec.ValidationError as exc:
        raise Malformed(str(exc)) from None
    return ReadLeaf(raw, leaf_hash(raw), leaf)
