"""One audit record as bytes: written, read, hashed. The bytes hashed are the bytes stored, shipped and returned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from tracegate.audit.canonical import decode
from tracegate.audit.events import Aborted, Leaf
from tracegate.audit.kinds import Final, Intent
from tracegate.audit.merkle import leaf_hash
from tracegate.errors import Malformed

LARGEST = 65_535
"""Bytes of a leaf: an entry bundle has 16 bits for its length (C2SP tlog-tiles)."""

WRITTEN = 16_384
"""A writer keeps its leaves under this."""

encode = msgspec.json.Encoder(order="sorted").encode
"""Leaves and their parts in canonical form; see `write` for what is not looked at."""

_again: Callable[[bytes], Leaf] = msgspec.json.Decoder(Leaf).decode
# Leaves are read on several threads. What msgspec knows of a type it learns when it first meets it, and another thread
# that meets it meanwhile takes the half of it and breaks off the process: so it meets them all here, at the import.


@dataclass(frozen=True, slots=True)
class ReadLeaf:
    """A leaf that was read: its bytes, their hash in the tree, and what they say."""

    raw: bytes
    hash: bytes
    leaf: Leaf


@dataclass(eq=False, slots=True)
class Written:
    """A leaf that is to be stored: its bytes, and what a log goes by; the rest is read again where it is needed.

    Args:
        kind: Its type.
        log: Origin of the log that it is made for.
        raw: Its bytes.
        record_id: Of a leaf that begins or closes a record; else empty.
        tenant: Whose record that is; empty where it is nobody's.
        begins: Whether it is the first leaf of its record.
        made: What it says, where it was made of that.
    """

    kind: type[Leaf]
    log: str
    raw: bytes
    record_id: str = ""
    tenant: str = ""
    begins: bool = False
    made: Leaf | None = None

    @property
    def leaf(self) -> Leaf:
        """What it says."""
        return self.made or _again(self.raw)

    @property
    def intent(self) -> Intent:
        """What it says, where it is an intent."""
        leaf = self.leaf
        assert isinstance(leaf, Intent)  # noqa: S101  # whoever asks knows its kind
        return leaf


def written(leaf: Leaf, raw: bytes | None = None) -> Written:
    """A leaf that is to be stored; raises `Malformed` as `write`.

    Args:
        leaf: What it says.
        raw: Its bytes, where they were made already.
    """
    raw = write(leaf) if raw is None else raw
    if not isinstance(leaf, Intent | Final | Aborted):
        return Written(type(leaf), leaf.log, raw, made=leaf)
    tenant = None if leaf.actor is None else leaf.actor.tenant
    begins = isinstance(leaf, Intent) or (isinstance(leaf, Final) and leaf.prev_intent is None)
    return Written(type(leaf), leaf.log, raw, leaf.record_id, tenant or "", begins, leaf)


def write(leaf: Leaf) -> bytes:
    """The canonical bytes of a leaf.

    The types rule out null and floats; numbers and texts of others are fitted where the leaf is rendered.

    Raises:
        Malformed: It is too long, or a text in it can't stand in a leaf.
    """
    try:
        raw = encode(leaf)
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
