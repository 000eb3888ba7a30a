"""Seeded ids repeat, and differ between seeds."""

from __future__ import annotations

import uuid

from tracegate.clock import Ids
from tracegate.testing.clock import EPOCH
from tracegate.testing.ids import SeededIds


def draw(ids: Ids) -> tuple[str, bytes, bytes, float]:
    """One of each kind."""
    return ids.request(EPOCH), ids.trace(), ids.span(), ids.random()


def test_the_same_seed_gives_the_same_ids() -> None:
    """And another seed gives others."""
    assert draw(SeededIds(7)) == draw(SeededIds(7))
    assert all(a != b for a, b in zip(draw(SeededIds(7)), draw(SeededIds(8)), strict=True))


def test_ids_have_the_form_of_real_ones() -> None:
    """A UUIDv7 of the time given, 16 and 8 bytes, a number below one; no two alike."""
    ids = SeededIds()
    request, trace, span, number = draw(ids)
    parsed = uuid.UUID(request)
    assert (parsed.version, parsed.int >> 80) == (7, EPOCH // 1_000_000)
    assert (len(trace), len(span)) == (16, 8)
    assert 0 <= number < 1
    assert len({ids.span() for _ in range(1000)}) == 1000
