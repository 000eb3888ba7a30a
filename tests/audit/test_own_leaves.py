"""What a log writes of itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.audit.failing import ORIGIN, SECOND, FaultyDisk, final, intent, place_in, record
from tests.audit.leaves import AT, GATEWAY, HEX, LOG
from tracegate.audit.aborting import aborted
from tracegate.audit.anchoring import Held
from tracegate.audit.checkpoint import Checkpoint
from tracegate.audit.events import Aborted, Anchored, Closed, Erased, Heartbeat, Leaf, Pruned, Read
from tracegate.audit.kinds import Head
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
    return OpenedLog(found.place, found.writer, found.signer, found.lock, found.created, last, (), cut)


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
    leaves: list[Heartbeat | Closed | Aborted | Erased | Read | Pruned | Anchored] = [
        *(own.alive(2, 3), own.closed("rotate", 4), own.aborted(AT, asked, "shutdown")),
        *(own.erased([record(1)], "ann", "asked for"), own.read("ann", "find", [record(n) for n in range(120)], 130)),
        own.pruned(512, "ann", "pci: 365 days"),
        own.anchored(Checkpoint(own.origin, 6, bytes(32)), Held("witness", "w.example/w", "— w.example/w AAAA\n")),
    ]
    assert leaves[0] == msgspec.structs.replace(own.alive(0), open_intents=2, dropped_spans=3)
    assert leaves[1] == msgspec.structs.replace(own.closed(), reason="rotate", open_intents=4)
    assert leaves[2] == aborted(asked, AT, "shutdown", GATEWAY, _now(clock))
    assert isinstance(leaves[3], Erased)
    assert (leaves[3].record_ids, leaves[3].count, leaves[3].by, leaves[3].reason) == (
        [record(1)],
        1,
        "ann",
        "asked for",
    )
    assert isinstance(leaves[4], Read)
    assert (len(leaves[4].record_ids), leaves[4].count, leaves[4].what) == (100, 130, "find")
    assert isinstance(leaves[5], Pruned)
    assert (leaves[5].min_index, leaves[5].by, leaves[5].policy) == (512, "ann", "pci: 365 days")
    assert isinstance(leaves[6], Anchored)
    assert (leaves[6].kind, leaves[6].size, leaves[6].root) == ("witness", 6, "00" * 32)
    for leaf in leaves:
        assert read(write(leaf)).leaf == leaf
        assert (leaf.log, leaf.gateway, leaf.t) == (ORIGIN, GATEWAY, _now(clock))


def test_a_configuration_is_told_with_the_last_if_that_was_another(tmp_path: Path) -> None:
    """A new log has none before it."""
    own = OwnLeaves(ORIGIN, GATEWAY, FakeClock())
    other = OwnLeaves(ORIGIN, msgspec.structs.replace(GATEWAY, config_digest="1" * 64), FakeClock())
    new = own.configured(_found(tmp_path / "new", None, 0))
    assert (new.digest, new.previous, new.by) == (GATEWAY.config_digest, None, "start")
    assert own.configured(_found(tmp_path / "same", own.closed(), 0)).previous is None
    assert own.configured(_found(tmp_path / "other", other.closed(), 0)).previous == "1" * 64


def test_the_log_that_follows_has_its_own(tmp_path: Path) -> None:
    """It begins with the end of the last; what was counted goes on, and what was made for the last is moved."""
    own = OwnLeaves(ORIGIN, GATEWAY, FakeClock())
    own.count("ok")
    next_one = own.follow(LOG)
    assert next_one.paused("slow").requests == {"ok": 1}
    prev = Head(log=ORIGIN, size=3, root=HEX)
    first = next_one.opened(_found(tmp_path / "next", None, 0), 3_700_000, prev)
    assert (first.log, first.reason, first.prev) == (LOG, "rotate", prev)
    at = msgspec.structs.replace(AT, log=None)
    moved = next_one.moved(final(7, at))
    assert moved == msgspec.structs.replace(final(7), log=LOG, prev_intent=msgspec.structs.replace(AT, log=ORIGIN))
    assert next_one.moved(moved) == moved
    assert next_one.moved(own.alive(0)).log == LOG
