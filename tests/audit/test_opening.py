"""A log is opened: made once, continued where its last run left it, or refused."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from tests.audit.failing import ORIGIN, FaultyDisk, checked, final, intent, place_in, record
from tests.audit.leaves import GATEWAY
from tests.audit.made import log_files
from tracegate.audit.aborting import aborted
from tracegate.audit.disk import Disk
from tracegate.audit.events import Closed, Configured, Heartbeat, Leaf, Opened, Pruned
from tracegate.audit.kinds import At, Head
from tracegate.audit.leaf import write
from tracegate.audit.opening import InUse, OpenedLog, Place, StartRefused, open_log
from tracegate.audit.segments import name_of
from tracegate.audit.slots import Erasable, slot
from tracegate.audit.tiles import Tile
from tracegate.errors import Malformed

NOW = 1_795_359_164
T = NOW * 1_000_000


def _open(folder: Path, disk: Disk | None = None) -> OpenedLog:
    return open_log(disk or Disk(), place_in(folder), NOW)


def _opening() -> Leaf:
    return Opened(v=1, log=ORIGIN, gateway=GATEWAY, t=T, reason="new")


def _beat(n: int = 0) -> Leaf:
    return Heartbeat(v=1, log=ORIGIN, gateway=GATEWAY, t=T + n, open_intents=0)


def _closing(reason: Literal["stop", "rotate"] = "stop") -> Leaf:
    return Closed(v=1, log=ORIGIN, gateway=GATEWAY, t=T, reason=reason, open_intents=0)


def _leave(found: OpenedLog) -> None:
    found.writer.close()
    Disk().close(found.lock)


def _run(folder: Path, *groups: list[Leaf], unpublished: list[Leaf] | None = None) -> OpenedLog:
    """A run that writes groups under a checkpoint each, then one without, and ends; returns what it found."""
    found = _open(folder)
    for group in groups:
        found.writer.append([write(leaf) for leaf in group])
        list(found.writer.publish())
    if unpublished:
        found.writer.append([write(leaf) for leaf in unpublished])
    _leave(found)
    return found


def _log(folder: Path) -> Path:
    return place_in(folder).folder


def test_a_log_is_made_with_its_key(tmp_path: Path) -> None:
    """Readers see the log; only its owner sees the key."""
    found = _run(tmp_path, [_opening()])
    assert (found.created, found.last, found.intents, found.cut) == (NOW, None, (), 0)
    key = tmp_path / "keys" / "r1-w0" / "2026-01.key"
    assert (stat.S_IMODE(key.stat().st_mode), place_in(tmp_path).key) == (0o600, key)
    again = _open(tmp_path)
    assert (again.signer.key, again.created) == (found.signer.key, NOW)
    assert again.last == _opening()
    _leave(again)
    assert checked(tmp_path) == []


def test_one_process_writes_a_log(tmp_path: Path) -> None:
    """The other is told so, and holds nothing."""
    found = _open(tmp_path)
    disk = FaultyDisk()
    with pytest.raises(InUse, match="in use"):
        _open(tmp_path, disk)
    assert disk.held == set()
    _leave(found)
    _leave(_open(tmp_path))


def test_a_log_has_an_origin(tmp_path: Path) -> None:
    """Another name is none of ours."""
    with pytest.raises(Malformed):
        open_log(Disk(), Place(tmp_path, "gw/2026-01"), NOW)


def test_a_failure_leaves_nothing_held(tmp_path: Path) -> None:
    """So that the start can be tried again."""
    disk = FaultyDisk()
    disk.broken["rename"] = errno.ENOSPC
    with pytest.raises(OSError, match="space"):
        _open(tmp_path, disk)
    assert disk.held == set()
    _run(tmp_path, [_opening()])


def test_what_was_not_published_is_removed(tmp_path: Path) -> None:
    """And is no part of the log."""
    _run(tmp_path, [_opening()])
    (_log(tmp_path) / "tile" / "0" / "000.p" / "1.tmp").write_bytes(b"half")
    _leave(_open(tmp_path))
    assert not list(_log(tmp_path).rglob("*.tmp"))


def test_a_log_that_was_opened_and_never_published_is_continued(tmp_path: Path) -> None:
    """As where the process ended before its first checkpoint, with its opening and its configuration in it."""
    configured = Configured(v=1, log=ORIGIN, gateway=GATEWAY, t=T, digest="0" * 64, by="start")
    _run(tmp_path, unpublished=[_opening(), configured])
    assert _open(tmp_path).last == configured


def test_leaves_behind_the_checkpoint_are_continued(tmp_path: Path) -> None:
    """Also those of several segments, and across a full tile."""
    _run(tmp_path, [_opening(), *map(_beat, range(250))], unpublished=[_beat(n) for n in range(250, 260)])
    found = _run(tmp_path, unpublished=[_opening()])
    assert (found.writer.size, found.writer.published) == (262, 251)
    found = _run(tmp_path, [_opening()])
    assert found.writer.published == 263
    assert checked(tmp_path) == []


def test_a_torn_end_is_cut(tmp_path: Path) -> None:
    """Nobody was told of it."""
    _run(tmp_path, [_opening()], unpublished=[_beat()])
    segment = _log(tmp_path) / name_of(0)
    whole = segment.read_bytes()
    segment.write_bytes(whole + whole[:30])
    found = _open(tmp_path)
    assert (found.cut, found.writer.size, segment.read_bytes()) == (30, 2, whole)
    _leave(found)


def test_an_intent_that_is_open_is_found(tmp_path: Path) -> None:
    """However far back it stands, up to a run that left nothing open."""
    at = At(index=1, hash="0" * 64)
    closed: list[Leaf] = [final(2, at), aborted(intent(4), at, "crash", GATEWAY, T)]
    _run(tmp_path, [_opening(), intent(9), _closing()])  # this one is closed, says its end
    _run(
        tmp_path,
        [_opening(), *(intent(n) for n in range(1, 5))],
        [_beat(n) for n in range(600)],
        unpublished=[*closed, intent(7)],
    )
    found = _open(tmp_path)
    assert [(at.index, asked.record_id) for at, asked in found.intents] == [
        (4, intent(1).record_id),
        (6, intent(3).record_id),
        (610, intent(7).record_id),
    ]
    _leave(found)


def test_only_the_last_run_that_began_a_record_is_read(tmp_path: Path) -> None:
    """It had closed what was open before it; starts that broke off behind it had not."""
    _run(tmp_path, [_opening(), intent(9)])
    _run(tmp_path, [_opening(), intent(1), intent(2)])
    _run(tmp_path, [_opening(), aborted(intent(1), At(index=1, hash="0" * 64), "crash", GATEWAY, T)])
    found = _run(tmp_path, [_opening()])
    assert [asked.record_id for _, asked in found.intents] == [intent(2).record_id]


def test_what_was_pruned_is_not_looked_through(tmp_path: Path) -> None:
    """It left nothing open; where no leaf says so, what is gone is missing."""
    told = Pruned(v=1, log=ORIGIN, gateway=GATEWAY, t=T, min_index=512, by="ann", policy="p")
    one = [_opening(), *(_beat(n) for n in range(700)), intent(1)]
    _run(tmp_path / "said", [*one, told, msgspec.structs.replace(told, min_index=256)])
    _run(tmp_path / "unsaid", one)
    for name in ("said", "unsaid"):
        for bundle in (0, 1):
            (_log(tmp_path / name) / Tile("entries", bundle).path).unlink()
            (_log(tmp_path / name) / Tile(0, bundle).path).unlink()
    found = _open(tmp_path / "said")
    assert [at.index for at, _ in found.intents] == [701]
    _leave(found)
    assert checked(tmp_path / "said") == []
    with pytest.raises(StartRefused, match="`tile/entries/001` is missing"):
        _open(tmp_path / "unsaid")


def _cut_segment(log: Path) -> None:
    os.truncate(log / name_of(0), 400)


def _flip(log: Path) -> None:
    raw = bytearray((log / name_of(0)).read_bytes())
    raw[20] ^= 1
    (log / name_of(0)).write_bytes(raw)


def _end_early(log: Path) -> None:
    (log / name_of(0)).write_bytes(b"")


def _gap(log: Path) -> None:
    (log / name_of(3)).rename(log / name_of(4))


def _tear_older(log: Path) -> None:
    with (log / name_of(0)).open("ab") as file:
        file.write(b"\0")


def _other_leaf(log: Path) -> None:
    raws = [write(_opening()), write(_beat(77)), write(_beat(1))]
    (log / name_of(0)).write_bytes(log_files(raws)[name_of(0)])


def _other_root(log: Path) -> None:
    (log / "tile" / "0" / "000.p" / "2").write_bytes(bytes(64))


def _no(name: str) -> Callable[[Path], None]:
    def remove(log: Path) -> None:
        (log / name).unlink()

    return remove


def _short_bundle(log: Path) -> None:
    bundle = log / "tile" / "entries" / "000.p" / "2"
    bundle.write_bytes(bundle.read_bytes()[: 2 + int.from_bytes(bundle.read_bytes()[:2], "big")])


def _other_origin(log: Path) -> None:
    stated = log / "log.json"
    stated.write_bytes(stated.read_bytes().replace(b"prod", b"test"))


def _no_key(log: Path) -> None:
    (log.parent.parent / "keys" / "r1-w0" / "2026-01.key").unlink()


def _neither(log: Path) -> None:
    _no_key(log)
    _no("log.json")(log)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_cut_segment, "a bad frame that is no torn end"),
        (_flip, "byte 0: a bad frame that is no torn end"),
        (_end_early, "leaves are missing"),
        (_gap, "leaves are missing before it, from 3"),
        (_tear_older, "a bad frame that is no torn end"),
        (_other_leaf, "leaf 1 is another than in the tree"),
        (_other_root, "do not give the root"),
        (_no("checkpoint"), "`checkpoint` is missing"),
        (_no("log.json"), r"`log\.json` is missing, and its key"),
        (_no("tile/0/000.p/2"), "`tile/0/000` is missing"),
        (_no("tile/entries/000.p/2"), "`tile/entries/000` is missing"),
        (_short_bundle, "has 1 leaves"),
        (_other_origin, "not of this origin"),
        (_no_key, "is missing"),
        (_neither, r"`log\.json` is missing, and so is its key"),
    ],
)
def test_a_log_that_is_not_as_it_was_left_is_refused(tmp_path: Path, harm: Callable[[Path], None], said: str) -> None:
    """It is never made anew, and nothing of it is changed."""
    _run(tmp_path, [_opening(), _beat()], unpublished=[_beat(1)])
    found = _open(tmp_path)
    found.writer.append([write(_opening())])
    _leave(found)
    harm(_log(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(StartRefused, match=said):
        _open(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_log_whose_segments_were_deleted_is_continued(tmp_path: Path) -> None:
    """Once all of them stand in full bundles, they may be."""
    _run(tmp_path, [_opening(), *map(_beat, range(255))])
    (_log(tmp_path) / name_of(0)).unlink()
    _run(tmp_path, [_opening()])
    assert checked(tmp_path) == []


def test_a_log_that_has_ended_is_not_continued(tmp_path: Path) -> None:
    """The next epoch has its own."""
    _run(tmp_path, [_opening(), _closing("rotate")])
    with pytest.raises(StartRefused, match="next epoch"):
        _open(tmp_path)


def test_a_full_tile_serves_a_checkpoint_in_its_midst(tmp_path: Path) -> None:
    """As where the process ended between the tile and the checkpoint, and the parts were removed by hand."""
    _run(tmp_path, [_opening(), *map(_beat, range(249))])
    saved = (_log(tmp_path) / "checkpoint").read_bytes()
    _run(tmp_path, [_opening(), *map(_beat, range(9))])
    (_log(tmp_path) / "checkpoint").write_bytes(saved)
    found = _open(tmp_path)
    assert (found.writer.published, found.writer.size) == (250, 260)
    _leave(found)


def test_a_start_that_broke_off_is_made_up_for(tmp_path: Path) -> None:
    """Whichever call was its last: the log is made, and stays as it is from then on."""
    counted = FaultyDisk()
    _leave(_open(tmp_path / "whole", counted))
    for at in range(len(counted.calls)):
        disk = FaultyDisk()
        disk.at = at
        with pytest.raises((OSError, InUse)):
            _open(tmp_path / str(at), disk)
        first = _run(tmp_path / str(at), [_opening()])
        again = _open(tmp_path / str(at))
        assert again.signer.key == first.signer.key
        _leave(again)


def test_a_log_that_lost_leaves_under_its_checkpoint_is_refused(tmp_path: Path) -> None:
    """Although every frame that is left is good."""
    _run(tmp_path, [_opening(), _beat()])
    os.truncate(_log(tmp_path) / name_of(0), 0)
    with pytest.raises(StartRefused, match="from 0; the checkpoint has 2"):
        _open(tmp_path)


NEXT = ORIGIN.replace("2026-01", "2026-02")


def _followed(folder: Path, old: list[Leaf], new: list[Leaf], size: int | None = None) -> OpenedLog:
    """A log that ended, and the one that follows it, opened again."""
    found = _run(folder, [_opening(), *old], unpublished=None)
    assert size is None or found.writer.size == size
    head = found.writer.head
    first = Opened(v=1, log=NEXT, gateway=GATEWAY, t=T, reason="rotate", prev=head)
    place = Place(folder, NEXT)
    opened = open_log(Disk(), place, NOW)
    opened.writer.append([write(leaf) for leaf in (first, *new)])
    list(opened.writer.publish())
    opened.let_go(Disk())
    again = open_log(Disk(), place, NOW)
    again.let_go(Disk())
    return again


def _ended(open_intents: int) -> Closed:
    return Closed(v=1, log=ORIGIN, gateway=GATEWAY, t=T, reason="rotate", open_intents=open_intents)


def _moved(leaf: Leaf) -> Leaf:
    return msgspec.structs.replace(leaf, log=NEXT)


def test_what_the_log_before_left_open_is_found(tmp_path: Path) -> None:
    """In the order in which it was begun; what was closed meanwhile, in either, is not."""
    old: list[Leaf] = [intent(1), intent(2), final(2, At(index=2, hash="0" * 64)), intent(3), _ended(2)]
    prev = At(index=4, hash="0" * 64, log=ORIGIN)
    new = [_moved(intent(4)), _moved(final(3, prev))]
    found = _followed(tmp_path, old, new)
    assert [(leaf.record_id, at.index, at.log) for at, leaf in found.intents] == [
        *((record(1), 1, ORIGIN), (record(4), 1, None))
    ]


def test_a_log_before_that_left_nothing_open_is_not_read(tmp_path: Path) -> None:
    """Nor one that is not there any more."""
    found = _followed(tmp_path / "one", [intent(1), final(1, At(index=1, hash="0" * 64)), _ended(0)], [])
    assert found.intents == ()
    _followed(tmp_path / "two", [intent(1), _ended(1)], [])
    shutil.rmtree(_log(tmp_path / "two"))
    again = open_log(Disk(), Place(tmp_path / "two", NEXT), NOW)
    again.let_go(Disk())
    assert again.intents == ()


def test_only_one_log_before_is_read(tmp_path: Path) -> None:
    """A turn is not taken while a record is open whose intent is in the log before."""
    prev = Head(log=ORIGIN.replace("2026-01", "2025-12"), size=3, root="0" * 64)
    opening = Opened(v=1, log=ORIGIN, gateway=GATEWAY, t=T, reason="rotate", prev=prev)
    found = open_log(Disk(), place_in(tmp_path), NOW)
    found.writer.append([write(leaf) for leaf in (opening, intent(1), _ended(1))])
    list(found.writer.publish())
    found.let_go(Disk())
    first = Opened(v=1, log=NEXT, gateway=GATEWAY, t=T, reason="rotate", prev=found.writer.head)
    opened = open_log(Disk(), Place(tmp_path, NEXT), NOW)
    opened.writer.append([write(first)])
    list(opened.writer.publish())
    opened.let_go(Disk())
    again = open_log(Disk(), Place(tmp_path, NEXT), NOW)
    again.let_go(Disk())
    assert [at.log for at, _ in again.intents] == [ORIGIN]


def test_a_long_log_before_is_read_from_its_bundles(tmp_path: Path) -> None:
    """As far back as something can be open."""
    found = _followed(tmp_path, [intent(1), *map(_beat, range(509)), _ended(1)], [], 512)
    assert [(at.index, at.log) for at, _ in found.intents] == [(1, ORIGIN)]


def test_slots_of_leaves_that_never_became_durable_are_cut(tmp_path: Path) -> None:
    """With the next that is written."""
    place = place_in(tmp_path)
    found = open_log(Disk(), place, NOW)
    found.writer.append([write(_opening()), write(intent(1))], [None, Erasable(record(1), "acme", b"r" * 32)])
    list(found.writer.publish())
    found.let_go(Disk())
    kept = place.table.read_bytes()
    with place.table.open("ab") as file:
        file.write(slot(record(2), "r", 2, b"s" * 32) + b"torn")
    found = open_log(Disk(), place, NOW)
    found.writer.append([write(intent(3))], [Erasable(record(3), "acme", b"t" * 32)])
    found.let_go(Disk())
    assert place.table.read_bytes() == kept + slot(record(3), "r", 2, b"t" * 32)
    assert place.table.stat().st_mode & 0o777 == 0o600
