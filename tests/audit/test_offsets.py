"""How far a log is shipped is whole after any crash, and one process at a time ships it."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

import pytest

from tests.audit.failing import FaultyDisk
from tests.audit.shipped import NAME
from tracegate.audit.disk import Disk
from tracegate.audit.offsets import Offset, Offsets, Span, count, merged, without
from tracegate.errors import Malformed


def test_an_offset_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """And is none where nothing was written yet."""
    offsets = Offsets(tmp_path, Disk())
    assert offsets.read(NAME) is None
    wanted = Offset(next=700, again=((3, 5),), left_out=((8, 9),))
    offsets.write(NAME, wanted)
    assert Offsets(tmp_path, Disk()).read(NAME) == wanted
    assert (tmp_path / "ship" / f"{NAME}.json").exists()


def test_a_crash_at_any_call_leaves_the_old_offset_or_the_new(tmp_path: Path) -> None:
    """Never half of one."""
    calls = FaultyDisk()
    Offsets(tmp_path / "counted", calls).write(NAME, Offset(next=1))
    for at in range(len(calls.calls)):
        root = tmp_path / str(at)
        Offsets(root, Disk()).write(NAME, Offset(next=1))
        disk = FaultyDisk()
        disk.at = at
        with suppress(OSError):  # not every call that fails is told: what is on the disk counts
            Offsets(root, disk).write(NAME, Offset(next=2))
        assert Offsets(root, Disk()).read(NAME) in (Offset(next=1), Offset(next=2))


def test_a_file_that_holds_something_else_is_told(tmp_path: Path) -> None:
    """By its name."""
    offsets = Offsets(tmp_path, Disk())
    offsets.write(NAME, Offset())
    (tmp_path / "ship" / f"{NAME}.json").write_text('{"next": "all"}')
    with pytest.raises(Malformed, match=r"2026-11\.json`: Expected `int`, got `str`"):
        offsets.read(NAME)


def test_what_is_asked_for_once_more_is_kept_until_it_is_begun(tmp_path: Path) -> None:
    """What was asked for before stays asked for."""
    offsets = Offsets(tmp_path, Disk())
    assert offsets.asked(NAME) == ()
    offsets.begun(NAME)  # nothing to do
    offsets.ask(NAME, [(5, 9)])
    offsets.ask(NAME, [(1, 2), (8, 12)])
    assert offsets.asked(NAME) == ((1, 2), (5, 12))
    offsets.begun(NAME)
    assert offsets.asked(NAME) == ()


def test_one_at_a_time_ships_a_log(tmp_path: Path) -> None:
    """Until it lets go."""
    disk = Disk()
    offsets = Offsets(tmp_path, disk)
    first = offsets.claim(NAME)
    assert first is not None
    assert offsets.claim(NAME) is None
    other = offsets.claim("r1-w1/2026-11")
    assert other is not None
    disk.close(first)
    again = offsets.claim(NAME)
    assert again is not None
    disk.close(again)
    disk.close(other)


def test_a_lock_that_can_not_be_had_leaves_nothing_open(tmp_path: Path) -> None:
    """Where the system has no locks."""

    class Lockless(FaultyDisk):
        def lock(self, file: int) -> None:
            raise OSError(errno.ENOLCK, "no locks")

    disk = Lockless()
    with pytest.raises(OSError, match="no locks"):
        Offsets(tmp_path, disk).claim(NAME)
    assert disk.held == set()


@pytest.mark.parametrize(
    ("spans", "taken", "left"),
    [
        (((0, 5),), (0, 5), ()),
        (((0, 5), (7, 9)), (4, 8), ((0, 4), (8, 9))),
        (((0, 5),), (7, 9), ((0, 5),)),
        ((), (0, 1), ()),
    ],
)
def test_spans_are_cut(spans: tuple[Span, ...], taken: Span, left: tuple[Span, ...]) -> None:
    """Where another takes a part of them."""
    assert without(spans, taken) == left


def test_spans_are_merged_and_counted() -> None:
    """Those that touch are one."""
    assert merged((4, 6), (1, 2), (2, 4), (9, 9), (5, 5)) == ((1, 6),)
    assert count(((1, 6), (9, 10))) == 6
