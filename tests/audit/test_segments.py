"""Frames of the write-ahead record: what is whole, what is torn, what is damaged."""

from __future__ import annotations

import pytest

from tests.audit.vectors import HASHES, LEAVES
from tracegate.audit.segments import frame, name_of, scan

FRAMES = [frame(leaf, hashed) for leaf, hashed in zip(LEAVES, HASHES, strict=True)]
WHOLE = b"".join(FRAMES)


def test_the_leaves_of_a_segment() -> None:
    """In order; the file has the index of the first in its name."""
    segment = scan(WHOLE)
    assert (list(segment.leaves), segment.end, segment.torn, segment.damaged) == (LEAVES, len(WHOLE), 0, False)
    assert FRAMES[0][:8] == len(LEAVES[0]).to_bytes(4, "big") + HASHES[0][:4]
    assert scan(b"").leaves == ()
    assert name_of(12) == "segments/00000000000000000012.seg"


@pytest.mark.parametrize("cut", [1, 4, 7, 8, 9, 200])
def test_a_torn_end_is_no_damage(cut: int) -> None:
    """A write that nobody was told of."""
    end = len(WHOLE) - len(FRAMES[5])
    segment = scan(WHOLE[: end + cut])
    assert (len(segment.leaves), segment.end, segment.torn, segment.damaged) == (5, end, cut, False)


def test_every_changed_byte_with_a_good_frame_behind_it_is_damage() -> None:
    """However the length was changed; in the last frame it looks like a torn end."""
    for at in range(0, len(WHOLE), 13):
        for flip in (1, 0x80):
            raw = bytearray(WHOLE)
            raw[at] ^= flip
            segment = scan(bytes(raw))
            last = at >= len(WHOLE) - len(FRAMES[5])
            assert (segment.damaged, segment.torn > 0) == (not last, True), at


def test_zeroes_are_no_frames() -> None:
    """What a file system may leave behind."""
    segment = scan(WHOLE + bytes(4096))
    assert (len(segment.leaves), segment.torn, segment.damaged) == (6, 4096, False)
