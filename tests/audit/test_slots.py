"""Slots: what they hold is found, and is gone when they are erased."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from tests.audit.failing import record
from tracegate.audit.blinding import Mac
from tracegate.audit.slots import (
    KINDS,
    SIZE,
    Erasable,
    Slot,
    came,
    erased,
    holding,
    keyed,
    packed,
    slot,
    slot_at,
    slots_of,
)

R = bytes(range(32))
DIGEST = hashlib.sha256(b"text").digest()
KEY = b"k" * 32


@pytest.mark.parametrize("kind", KINDS)
def test_a_slot_says_what_it_holds(kind: str) -> None:
    """Record, kind, index of the leaf, and the value."""
    raw = slot(record(7), kind, 2**40, R)
    assert len(raw) == SIZE
    assert slot_at(b"x" * SIZE + raw, SIZE) == Slot(record(7), kind, 2**40, R)


def test_an_erased_slot_holds_nothing_and_is_known() -> None:
    """No byte of the value or of its check is left."""
    raw = slot(record(7), "r", 3, R)
    gone = erased(raw)
    assert slot_at(gone) == Slot(record(7), "r", 3, None)
    assert gone[20:24] == bytes(4)
    assert gone[32:] == bytes(32)
    assert erased(gone) == gone


def test_what_is_damaged_is_no_slot() -> None:
    """Zeroes, another kind or state, a changed byte."""
    raw = slot(record(7), "text", 3, R)
    assert slot_at(bytes(SIZE)) is None
    for at in (0, 16, 17, 20, 24, 63):
        assert slot_at(raw[:at] + bytes((raw[at] ^ 64,)) + raw[at + 1 :]) is None


def test_rows_are_kept_under_the_tenants_key() -> None:
    """As the formats have it; the blinding stands first."""
    one = Erasable(record(1), "acme", R, [("id", DIGEST), ("text", DIGEST)])
    raw = slots_of(one, 9, Mac(KEY))
    found = [slot_at(raw, at) for at in range(0, len(raw), SIZE)]
    mac = hmac.new(KEY, b"text\n" + DIGEST, "sha256").digest()
    assert [(one.kind, one.index) for one in found if one] == [("r", 9), ("id", 9), ("text", 9)]
    assert [one.value for one in found if one] == [R, keyed(KEY, "id", DIGEST), mac]
    assert slots_of(Erasable(record(1), "acme"), 9, Mac(KEY)) == b""


def test_a_slot_is_found_by_what_it_has_in_it() -> None:
    """Once, however often it is in it; it begins where a slot begins."""
    raw = b"".join(slot(record(n), "r", n, R) for n in range(5))
    assert list(holding(raw, packed(record(3)))) == [3 * SIZE]
    assert list(holding(raw, R)) == [n * SIZE for n in range(5)]
    assert list(holding(raw, b"\xff" * 9)) == []


def test_a_slot_has_the_time_of_its_record() -> None:
    """That in its id, in ms."""
    assert came(slot(record(7), "r", 3, R)) == 0x0199C0DE7D3A
