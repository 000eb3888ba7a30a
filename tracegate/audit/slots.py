"""What of a record can be erased, as fixed slots: its blinding, and the keyed digests by which its answer is found.

A slot has the record, what it holds, the index of the leaf that it came with, and 32 bytes, which erasing overwrites in
place. Slots stand in the order of those leaves. What is erased stays recognisable as that, and tells nothing.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tracegate.audit.blinding import Mac

SIZE = 64
"""Bytes of a slot: a power of two, so that none lies across two sectors of a disk."""

KINDS = ("r", "id", "wire", "canonical", "text", "trace", "upstream")
"""What a slot can hold: the blinding, and digests of these, each under the key of the record's tenant."""

_FORM = struct.Struct(">16sBBHIQ32s")
_HELD, _ERASED = 1, 2  # not 0: a slot of zeroes, as a disk may leave it, holds nothing
_NOTHING = bytes(32)
_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
_PREFIXES = {kind: f"{kind}\n".encode() for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot; `value` is `None` where it was erased."""

    record_id: str
    kind: str
    index: int
    value: bytes | None


class Erasable(NamedTuple):
    """What goes with a leaf: the blinding with the first of its record, rows of kind and digest with its final."""

    record_id: str
    tenant: str
    r: bytes | None = None
    rows: Sequence[tuple[str, bytes]] = ()


def slots_of(one: Erasable, index: int, mac: Mac) -> bytes:
    """The slots of what goes with a leaf.

    Args:
        one: What it is.
        index: Of the leaf.
        mac: Under the key of the record's tenant.
    """
    record = packed(one.record_id)
    found = [] if one.r is None else [_slot(record, 0, index, one.r)]
    for kind, digest in one.rows:
        found.append(_slot(record, _NUMBERS[kind], index, mac.digest(_PREFIXES[kind] + digest)))
    return b"".join(found)


def slot(record_id: str, kind: str, index: int, value: bytes) -> bytes:
    """The bytes of a slot."""
    return _slot(packed(record_id), _NUMBERS[kind], index, value)


def keyed(key: bytes, kind: str, digest: bytes) -> bytes:
    """What is kept of a digest."""
    return Mac(key).digest(_PREFIXES[kind] + digest)


def erased(raw: bytes) -> bytes:
    """A slot without what it held."""
    record, number, _, _, _, index, _ = _FORM.unpack(raw)
    return _FORM.pack(record, number, _ERASED, 0, 0, index, _NOTHING)


def slot_at(raw: bytes, at: int = 0) -> Slot | None:
    """The slot that begins at a byte; `None` where it is damaged, or none."""
    record, number, state, _, check, index, value = _FORM.unpack_from(raw, at)
    if number >= len(KINDS):
        return None
    if state != _ERASED and (state != _HELD or check != _check(record, number, index, value)):
        return None
    return Slot(record_of(record), KINDS[number], index, None if state == _ERASED else value)


def came(raw: bytes, at: int = 0) -> int:
    """When the request of a slot's record came, in ms since 1970 UTC. Source: RFC 9562, section 5.7."""
    return int.from_bytes(raw[at : at + 6], "big")


def leaf_of(raw: bytes) -> int:
    """The index of the leaf that a slot came with."""
    return int.from_bytes(raw[24:32], "big")


def packed(record_id: str) -> bytes:
    """The 16 bytes of a record's id."""
    return bytes.fromhex(record_id[3:].replace("-", ""))


def record_of(raw: bytes) -> str:
    """The record of a slot."""
    text = raw[:16].hex()
    return f"tg-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def holding(raw: bytes, needle: bytes) -> Iterator[int]:
    """Where slots begin that have some bytes in them."""
    at = raw.find(needle)
    while at >= 0:
        yield at - at % SIZE
        at = raw.find(needle, at - at % SIZE + SIZE)


def _slot(record: bytes, number: int, index: int, value: bytes) -> bytes:
    return _FORM.pack(record, number, _HELD, 0, _check(record, number, index, value), index, value)


def _check(record: bytes, number: int, index: int, value: bytes) -> int:
    return zlib.crc32(b"%s%c%d%s" % (record, number, index, value))
