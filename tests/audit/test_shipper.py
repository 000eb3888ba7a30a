"""What of a log is due, and what becomes of what was sent."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.audit.shipped import NAME, leaf, origin, write_log
from tests.audit.vectors import HASHES, LEAVES, ORIGIN
from tracegate.audit.disk import Disk
from tracegate.audit.offsets import Offset, Offsets
from tracegate.audit.reading import StoredLog
from tracegate.audit.shipper import Shipper, leaf_of
from tracegate.errors import Malformed
from tracegate.testing.clock import EPOCH


def shipper(root: Path) -> Shipper:
    """Of the one log."""
    return Shipper(StoredLog(root / NAME), Offsets(root, Disk()), -1)


def sent(one: Shipper) -> list[int]:
    """A batch that is acknowledged, as indices."""
    leaves = one.batch()
    if leaves:
        one.acknowledged(leaves)
    return [leaf.index for leaf in leaves]


def test_bundle_by_bundle_a_log_is_sent(tmp_path: Path) -> None:
    """What grows meanwhile is due when it was looked at."""
    write_log(tmp_path, 600)
    one = shipper(tmp_path)
    assert (one.due, one.batch()) == (0, [])
    assert one.look() == 600
    assert one.batch()[0].raw == leaf(0)
    assert (one.batch()[0].log, one.since) == (origin(), EPOCH)
    assert sent(one) == list(range(256))
    write_log(tmp_path, 700)
    assert (one.due, one.look()) == (344, 444)
    assert sent(one) == list(range(256, 512))
    assert sent(one) == list(range(512, 700))
    assert sent(one) == []
    assert (one.look(), one.since) == (0, None)


def test_after_a_restart_it_goes_on_behind_what_was_acknowledged(tmp_path: Path) -> None:
    """A batch that was not acknowledged is sent again, whole."""
    write_log(tmp_path, 600)
    one = shipper(tmp_path)
    one.look()
    sent(one)
    one.batch()
    another = shipper(tmp_path)
    another.look()
    assert sent(another) == list(range(256, 512))


def test_an_offset_that_can_not_be_read_begins_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Twice is better than not at all."""
    write_log(tmp_path, 3)
    Offsets(tmp_path, Disk()).write(NAME, Offset(next=3))
    (tmp_path / "ship" / f"{NAME}.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        one = shipper(tmp_path)
    assert one.look() == 3
    assert "from its beginning" in caplog.text


def test_a_log_without_a_checkpoint_has_nothing_due(tmp_path: Path) -> None:
    """It is being made."""
    write_log(tmp_path, 3)
    (tmp_path / NAME / "checkpoint").unlink()
    one = shipper(tmp_path)
    assert one.look() == 0
    write_log(tmp_path, 3)
    assert one.look() == 3


def test_a_log_that_was_put_back_is_told(tmp_path: Path) -> None:
    """What would be written at those places now, the sink would have twice, and differently."""
    write_log(tmp_path, 9)
    one = shipper(tmp_path)
    one.look()
    sent(one)
    write_log(tmp_path, 5)
    with pytest.raises(Malformed, match="9 leaves of it were acknowledged, and it has 5"):
        one.look()
    assert one.batch() == []


def test_what_is_asked_for_is_sent_first(tmp_path: Path) -> None:
    """Only what was sent before: the rest comes anyway."""
    write_log(tmp_path, 600)
    one = shipper(tmp_path)
    one.look()
    sent(one)
    sent(one)
    Offsets(tmp_path, Disk()).ask(NAME, [(2, 4), (250, 260), (510, 900)])
    assert one.look() == 88 + 2 + 10 + 2
    assert Offsets(tmp_path, Disk()).asked(NAME) == ()
    one = shipper(tmp_path)  # a restart does not forget it
    one.look()
    assert [sent(one) for _ in range(5)] == [
        [2, 3],
        [*range(250, 256)],
        [*range(256, 260)],
        [510, 511],
        [*range(512, 600)],
    ]
    assert one.look() == 0


def test_refused_leaves_are_written_down_until_they_are_taken(tmp_path: Path) -> None:
    """The others are acknowledged."""
    write_log(tmp_path, 9)
    one = shipper(tmp_path)
    one.look()
    one.acknowledged(one.batch(), [2, 3, 8])
    assert one.offset == Offset(next=9, left_out=((2, 4), (8, 9)))
    Offsets(tmp_path, Disk()).ask(NAME, [(2, 4)])
    one.look()
    assert sent(one) == [2, 3]
    assert one.offset == Offset(next=9, left_out=((8, 9),))


def test_pruned_leaves_are_left_out(tmp_path: Path) -> None:
    """Nobody can send them any more."""
    write_log(tmp_path, 600, pruned=512)
    one = shipper(tmp_path)
    one.look()
    assert sent(one) == list(range(512, 600))
    assert one.offset == Offset(next=600, left_out=((0, 512),))
    Offsets(tmp_path, Disk()).ask(NAME, [(3, 5)])
    assert one.look() == 2
    assert one.batch() == []
    assert (one.look(), one.offset) == (0, Offset(next=600, left_out=((0, 512),)))


def test_what_a_leaf_says_of_itself_goes_beside_its_bytes() -> None:
    """Ids and time of its request; a leaf about the log has none."""
    opened, intent, final = (leaf_of(ORIGIN, index, LEAVES[index]) for index in range(3))
    assert (opened.record_id, opened.trace, opened.span) == (None, None, None)
    assert (intent.raw, intent.hash, intent.index) == (LEAVES[1], HASHES[1], 1)
    assert intent.record_id == "tg-0199c0de-7d3a-7c11-8f2e-5b0f6a9d2c41" == final.record_id
    assert (intent.trace, intent.span) == (final.trace, final.span)
    assert len(intent.trace or b"") == 16
    assert len(intent.span or b"") == 8
    assert (opened.t or 0) <= (intent.t or 0) < (final.t or 0)  # of an intent when it began, of a final when it ended
    assert leaf_of(ORIGIN, 3, b'{"type":"of.tomorrow","v":1}').t is None
