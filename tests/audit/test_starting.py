"""A run begins: what is open is closed first, all of it is published, and a start that fails holds nothing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.audit.failing import FaultyDisk, checked, intent, leaves, place_in, types
from tests.audit.leaves import GATEWAY
from tracegate.audit.disk import Disk
from tracegate.audit.events import Aborted, Configured, Opened
from tracegate.audit.leaf import write
from tracegate.audit.opening import open_log
from tracegate.audit.starting import begin, start
from tracegate.testing.clock import FakeClock


def test_what_was_left_open_is_closed_before_anything_else(tmp_path: Path) -> None:
    """And under a checkpoint; the run knows what it wrote."""
    clock = FakeClock()
    started = start(Disk(), place_in(tmp_path), GATEWAY, clock)
    assert [type(leaf) for leaf in started.first] == [Opened]
    started.opened.writer.append([write(intent(1)), write(intent(2))])
    started.opened.let_go(Disk())
    opened = open_log(Disk(), place_in(tmp_path), clock.wall() // 1_000_000_000)
    started = begin(opened, GATEWAY, clock, configured=True)
    assert [type(leaf) for leaf in started.first] == [Opened, Aborted, Aborted, Configured]
    assert (opened.writer.size, opened.writer.published) == (7, 7)
    opened.let_go(Disk())
    assert types(tmp_path)[-4:] == ["log.open", "aborted", "aborted", "config"]
    assert "previous" not in leaves(tmp_path)[-1]
    assert checked(tmp_path) == []


def test_a_start_that_fails_holds_nothing(tmp_path: Path) -> None:
    """Neither files nor the lock."""
    disk = FaultyDisk()
    for call in ("write", "rename"):
        disk.broken = {call: errno.ENOSPC}
        with pytest.raises(OSError, match="space"):
            start(disk, place_in(tmp_path), GATEWAY, FakeClock())
        assert disk.held == set()
