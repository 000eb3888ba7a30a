"""What of a log may be pruned: what is old, closed and shipped, in whole bundles; and its removal, at once or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.old import ASKED, DAY, RECORD, THEN, files, old_log
from tests.audit.stored import NAME, ORIGIN, S, intent
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.kinds import At, Intent
from tracegate.audit.offsets import Offset, Offsets
from tracegate.audit.retention import DEFAULT, Before, Plan, Retention, first_open, plan, remove
from tracegate.custody import DAY_NS
from tracegate.errors import Malformed
from tracegate.testing.clock import EPOCH

NOW = EPOCH // 1_000
KEPT = THEN + 184 * DAY
"""When the first leaf has been kept for long enough."""

SHIPS = Retention(ships=True)


def _plan(
    directory: Directory, before: Before, retention: Retention = DEFAULT, *, needed: int | None = None, now: int = NOW
) -> Plan:
    offsets = Offsets(directory.root, Disk())
    return plan(directory.log(ORIGIN), before, retention, now, offsets, needed)


def test_old_leaves_may_go(tmp_path: Path) -> None:
    """By index, or all before a time, as far as that fills bundles."""
    directory = old_log(tmp_path)
    plans = [_plan(directory, Before(index)) for index in (0, 256, 512)]
    assert plans == [Plan(0, told=True), Plan(256, told=False), Plan(512, told=False)]
    for second, index in ((0, 0), (255, 0), (256, 256), (511, 256), (512, 512), (9999, 512)):
        assert _plan(directory, Before(t=THEN + second * S)).min_index == index


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        (Before(768), NOW, "can be pruned before leaf 512, not before 768: its checkpoint covers 600 leaves"),
        (Before(300), NOW, "in whole bundles: 300 is no multiple of 256"),
        (Before(-256), NOW, "no multiple of 256"),
        (Before(512), KEPT + 510 * S, r"leaf 256, not before 512: younger leaves are kept \(default: 184 days\)"),
        (Before(t=NOW), KEPT + 510 * S, "before leaf 256, not before 512"),
        (Before(256), KEPT, "before leaf 0, not before 256"),
    ],
)
def test_what_must_stay_is_told(tmp_path: Path, before: Before, now: int, says: str) -> None:
    """With how far it may be pruned."""
    with pytest.raises(Malformed, match=says):
        _plan(old_log(tmp_path), before, now=now)


def test_a_leaf_may_go_when_its_time_is_over(tmp_path: Path) -> None:
    """Not a microsecond sooner; which a clock that was wrong once does not change."""
    directory = old_log(tmp_path, young=300)
    assert _plan(directory, Before(256), now=KEPT + 255 * S).min_index == 256
    with pytest.raises(Malformed, match="before leaf 0"):
        _plan(directory, Before(256), now=KEPT + 255 * S - 1)
    with pytest.raises(Malformed, match="before leaf 256"):
        _plan(directory, Before(512))
    assert _plan(directory, Before(512), Retention("short", 19 * DAY_NS)).min_index == 512


def test_what_an_open_record_needs_stays(tmp_path: Path) -> None:
    """All of it, where that began in the log before."""
    directory = old_log(tmp_path)
    with pytest.raises(Malformed, match="before leaf 256, not before 512: the request of leaf 290 is still open"):
        _plan(directory, Before(512), needed=ASKED)
    assert _plan(directory, Before(512), needed=512).min_index == 512
    here, other = intent(RECORD, THEN), intent(RECORD, THEN, origin="gw.example/tracegate/prod/r1-w0/2026-10")
    place = At(index=ASKED, hash="0" * 64)
    begun: list[list[tuple[At, Intent]]] = [[], [(place, here)], [(place, here), (place, other)]]
    assert [first_open(some, ORIGIN) for some in begun] == [None, 290, 0]


def test_what_the_sink_lacks_stays(tmp_path: Path) -> None:
    """What it never had, and what it is to get once more; where nothing is shipped, there is none."""
    directory, offsets = old_log(tmp_path), Offsets(tmp_path, Disk())
    with pytest.raises(Malformed, match="before leaf 0, not before 256: the sink has not acknowledged leaf 0"):
        _plan(directory, Before(256), SHIPS)
    offsets.write(NAME, Offset(next=300))
    for retention in (SHIPS, DEFAULT):
        assert _plan(directory, Before(256), retention).min_index == 256
        with pytest.raises(Malformed, match="before leaf 256, not before 512: the sink has not acknowledged leaf 300"):
            _plan(directory, Before(512), retention)
    offsets.write(NAME, Offset(next=600))
    assert _plan(directory, Before(512), SHIPS).min_index == 512
    offsets.ask(NAME, [(270, 280)])
    with pytest.raises(Malformed, match="leaf 270"):
        _plan(directory, Before(512), SHIPS)
    offsets.write(NAME, Offset(next=600, again=((20, 30),)))
    with pytest.raises(Malformed, match="leaf 20"):
        _plan(directory, Before(512), SHIPS)


def test_a_log_without_a_checkpoint_is_not_pruned(tmp_path: Path) -> None:
    """It is being made."""
    directory = old_log(tmp_path)
    (tmp_path / NAME / "checkpoint").unlink()
    with pytest.raises(Malformed, match="covers 0 leaves"):
        _plan(directory, Before(256))


def test_what_is_gone_and_was_not_pruned_is_told(tmp_path: Path) -> None:
    """Nothing more of it is removed then."""
    directory = old_log(tmp_path)
    for bundle in ("000", "001"):
        (tmp_path / NAME / "tile" / "entries" / bundle).unlink()
    with pytest.raises(Malformed, match="its leaves before 512 are gone, and no leaf says"):
        _plan(directory, Before(256))


def test_what_is_wholly_before_goes(tmp_path: Path) -> None:
    """And a partial tile that was left beside the full one; nothing else does."""
    directory = old_log(tmp_path)
    log = directory.log(ORIGIN).folder
    left = log / "tile" / "0" / "000.p" / "7"
    left.parent.mkdir()
    left.write_bytes(b"x")
    assert remove(Disk(), log, 0) == 0
    assert remove(Disk(), log, 256) == 3
    assert not left.parent.exists()
    assert [files(directory, level) for level in ("entries", "0", "1", "segments")] == [
        *(["001"], ["001"], []),
        [f"{200:020d}.seg", f"{300:020d}.seg"],
    ]
    assert remove(Disk(), log, 512) == 3
    assert [files(directory, level) for level in ("entries", "0", "segments")] == [[], [], [f"{300:020d}.seg"]]
    assert remove(Disk(), log, 512) == 0
