"""What a log writes of itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.audit.failing import ORIGIN, SECOND, FaultyDisk, intent, place_in
from tests.audit.leaves import AT, GATEWAY
from tracegate.audit.aborting import aborted
from tracegate.audit.events import Aborted, Closed, Heartbeat, Leaf
from tracegate.audit.leaf import read, write
from tracegate.audit.opening import OpenedLog, open_log
from tracegate.audit.own_leaves import OwnLeaves
from tracegate.testing.clock import FakeClock


def _now(clock: FakeClock) -> int:
    return clock.wall() // 1_000


def _counts(own: OwnLeaves) -> bool:
    return own.unrecorded


def _found(folder: Path, last: Leaf | None, cut: int) -> OpenedLog:
    """A log that was made in second 3."""
    found = open_log(FaultyDisk(), place_in(folder), 3)
    return OpenedLog(found.writer, found.signer, found.lock, found.created, last, (), cut)


def test_a_log_tells_why_it_was_opened(tmp_path: Path) -> None:
    """New, continued, or found as a process left it that did not close it; a new one in the second of its file."""
    own = OwnLeaves(ORIGIN, GATEWAY, FakeClock())
    new = own.opened(_found(tmp_path / "new", None, 0), 3_700_000)
    assert (new.reason, new.t, new.cut_bytes) == ("new", 3_700_000, None)
    assert own.opened(_found(tmp_path / "late", None, 0), 9_700_000).t == 3_000_000
    restarted = own.opened(_found(tmp_path / "restarted", own.closed(), 0), 9_700_000)
    assert (restarted.reason, restarted.t, restarted.cut_bytes) == ("restart", 9_700_000, None)
    recovered = own.opened(_found(tmp_path / "recovered", own.alive(0), 17), 9_700_000)
    assert (recovered.reason, recovered.t, recovered.cut_bytes) == ("recovery", 9_700_000, 17)


def test_a_pause_has_what_was_counted_in_it() -> None:
    """From the first of them to now; each is told once."""
    clock = FakeClock()
    own = OwnLeaves(ORIGIN, GATEWAY, clock)
    assert not _counts(own)
    clock.advance(SECOND)
    since = _now(clock)
    own.count("ok")
    clock.advance(SECOND)
    own.count("ok")
    own.count("error")
    assert _counts(own)
    told = own.paused("slow")
    assert (told.from_, told.to, told.t) == (since, _now(clock), _now(clock))
    assert (told.reason, told.requests) == ("slow", {"ok": 2, "error": 1})
    assert not _counts(own)
    own.count("cancelled")
    assert own.paused("slow").requests == {"cancelled": 1}


@pytest.mark.parametrize("late", [0, 5 * SECOND])
def test_every_leaf_is_of_the_log_and_has_its_time(late: int) -> None:
    """That it lives, that it was closed, that a record will get no final."""
    clock = FakeClock()
    clock.advance(late)
    own, asked = OwnLeaves(ORIGIN, GATEWAY, clock), intent(7)
    leaves: list[Heartbeat | Closed | Aborted] = [own.alive(2), own.closed(), own.aborted(AT, asked, "shutdown")]
    assert leaves[0] == msgspec.structs.replace(own.alive(0), open_intents=2)
    assert isinstance(leaves[1], Closed)
    assert leaves[2] == aborted(asked, AT, "shutdown", GATEWAY, _now(clock))
    for leaf in leaves:
        assert read(write(leaf)).leaf == leaf
        assert (leaf.log, leaf.gateway, leaf.t) == (ORIGIN, GATEWAY, _now(clock))
