"""A log's files while it grows: what is durable stays, whatever fails, and whenever the process ends."""

from __future__ import annotations

import errno
from itertools import count
from pathlib import Path
from typing import Literal

import pytest

from tests.audit.failing import ORIGIN, FaultyDisk, checked, leaves, place_in, record
from tests.audit.leaves import GATEWAY
from tracegate.audit import writer as module
from tracegate.audit.disk import Disk
from tracegate.audit.events import Heartbeat, Opened
from tracegate.audit.leaf import write
from tracegate.audit.opening import OpenedLog, open_log
from tracegate.audit.segments import name_of
from tracegate.audit.slots import SIZE, Erasable, slot_at
from tracegate.audit.writer import Altered, Writer

pytestmark = pytest.mark.slow

NOW = 1_795_359_164


class Killed(BaseException):
    """The process ends here."""


def _beats(start: int, count: int) -> list[bytes]:
    return [
        write(Heartbeat(v=1, log=ORIGIN, gateway=GATEWAY, t=NOW * 1_000_000 + n, open_intents=0))
        for n in range(start, start + count)
    ]


def _begin(found: OpenedLog) -> Writer:
    reason: Literal["recovery", "new"] = "recovery" if found.last else "new"
    opening = Opened(v=1, log=ORIGIN, gateway=GATEWAY, t=NOW * 1_000_000, reason=reason, cut_bytes=found.cut or None)
    found.writer.append([write(opening)])
    list(found.writer.publish())
    return found.writer


def _lived(disk: FaultyDisk, folder: Path, durable: list[bytes]) -> None:
    """A life of a log: groups, a checkpoint with a group in its midst, a full tile, an end without a close."""
    writer = _begin(open_log(disk, place_in(folder), NOW))
    for start, size in ((0, 3), (10, 252)):
        group = _beats(start, size)
        writer.append(group)
        durable += group
        for step, _ in enumerate(writer.publish()):
            if step == 0:
                group = _beats(start + 1_000, 2)
                writer.append(group)
                durable += group
    list(writer.publish())
    writer.close()


@pytest.mark.untraced
def test_a_process_that_ends_at_any_call_loses_nothing_that_was_durable(tmp_path: Path) -> None:
    """The next one goes on with a log that is sound."""
    counted = FaultyDisk()
    _lived(counted, tmp_path / "whole", [])
    counted.end()
    assert checked(tmp_path / "whole") == []
    for at in range(len(counted.calls)):
        folder, durable = tmp_path / str(at), list[bytes]()
        disk = FaultyDisk()
        disk.at, disk.killed = at, Killed
        with pytest.raises(Killed):
            _lived(disk, folder, durable)
        disk.end()
        again = FaultyDisk()
        _begin(open_log(again, place_in(folder), NOW))
        again.end()
        assert checked(folder) == [], (at, counted.calls[at])
        beats = [leaf["t"] for leaf in leaves(folder) if leaf["type"] == "heartbeat"]
        written = [_beats(t - NOW * 1_000_000, 1)[0] for t in beats]
        assert written[: len(durable)] == durable, (at, counted.calls[at])


@pytest.mark.untraced
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_call_that_fails_is_made_up_for_by_the_next_try(tmp_path: Path, code: int) -> None:
    """Each call once; a leaf that was not durable gets its index again."""
    for at in count():
        folder, disk = tmp_path / str(at), FaultyDisk()
        writer = _begin(open_log(disk, place_in(folder), NOW))
        disk.at, disk.error = len(disk.calls) + at, code
        expected = _beats(0, 260)
        stood: list[int] = []
        for group in (expected[:3], expected[3:]):
            for _ in range(2):
                try:
                    stood += [index for index, _ in writer.append(group)]
                    break
                except OSError:
                    continue
            try:
                list(writer.publish())
            except OSError:
                continue
        over = disk.at >= len(disk.calls)
        disk.at = None
        list(writer.publish())
        disk.end()
        assert stood == list(range(1, 261))
        assert checked(folder) == [], (at, disk.calls)
        if over:
            break
    assert at > 30


def test_a_full_tile_takes_the_place_of_its_parts(tmp_path: Path) -> None:
    """Which checkpoints needed before it was there."""
    disk = FaultyDisk()
    writer = _begin(open_log(disk, place_in(tmp_path), NOW))
    parts = place_in(tmp_path).folder / "tile" / "0" / "000.p"
    assert [path.name for path in parts.iterdir()] == ["1"]
    writer.append(_beats(0, 300))
    list(writer.publish())
    assert not parts.exists()
    assert (writer.size, writer.published) == (301, 301)
    disk.end()
    assert checked(tmp_path) == []


def test_nothing_is_published_with_other_bytes_under_its_name(tmp_path: Path) -> None:
    """Somebody may have read the first."""
    disk = FaultyDisk()
    writer = _begin(open_log(disk, place_in(tmp_path), NOW))
    writer.append(_beats(0, 1))
    (place_in(tmp_path).folder / "tile" / "0" / "000.p" / "2").write_bytes(bytes(64))
    with pytest.raises(Altered, match=r"tile/0/000\.p/2"):
        list(writer.publish())
    disk.end()


def test_a_segment_that_is_long_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by its first leaf."""
    monkeypatch.setattr(module, "SEGMENT", 500)
    disk = FaultyDisk()
    writer = _begin(open_log(disk, place_in(tmp_path), NOW))
    for n in range(6):
        writer.append(_beats(n, 1))
    list(writer.publish())
    disk.end()
    assert len([*place_in(tmp_path).folder.glob("segments/*.seg")]) > 1
    assert checked(tmp_path) == []


def test_a_writer_without_a_segment_has_nothing_to_close(tmp_path: Path) -> None:
    """As when the first leaf could not be written."""
    disk = FaultyDisk()
    found = open_log(disk, place_in(tmp_path), NOW)
    disk.broken["open"] = errno.ENOSPC
    with pytest.raises(OSError, match="space"):
        found.writer.append(_beats(0, 1))
    found.writer.close()
    assert not (place_in(tmp_path).folder / name_of(0)).exists()
    Disk().close(found.lock)


def test_what_can_be_erased_is_durable_with_its_leaf(tmp_path: Path) -> None:
    """In the table of the log, with the index of the leaf; what belongs to a leaf that failed is taken back."""
    disk = FaultyDisk()
    writer = _begin(open_log(disk, place_in(tmp_path), NOW))
    one, two, three = _beats(0, 3)
    writer.append([one], [Erasable(record(1), "acme", b"r" * 32)])
    writer.append([two], [Erasable(record(1), "acme", None, [("id", b"c" * 32)])])
    assert disk.calls[-4:] == ["write", "write", "sync", "sync"]
    for call in range(8):  # what the last one left is cut first
        disk.at = len(disk.calls) + call
        with pytest.raises(OSError, match="Input/output"):
            writer.append([three], [Erasable(record(2), "acme", b"s" * 32)])
    disk.at = None
    writer.append([three], [Erasable(record(1), "acme", None, [("id", b"d" * 32)])])
    writer.close()
    table = place_in(tmp_path).table.read_bytes()
    found = [slot_at(table, at) for at in range(0, len(table), SIZE)]
    assert [(one.record_id, one.kind, one.index) for one in found if one] == [
        *((record(1), "r", 1), (record(1), "id", 2), (record(1), "id", 3))
    ]
    assert b"s" * 32 not in table


def test_a_process_that_ends_leaves_no_leaf_without_what_belongs_to_it(tmp_path: Path) -> None:
    """Whichever call of an append is its last."""
    left = []
    for call in range(4):
        folder, disk = tmp_path / str(call), FaultyDisk()
        writer = _begin(open_log(disk, place_in(folder), NOW))
        writer.append(_beats(0, 1), [Erasable(record(1), "acme", b"r" * 32)])
        disk.at, disk.killed = len(disk.calls) + call, Killed
        with pytest.raises(Killed):
            writer.append(_beats(1, 1), [Erasable(record(2), "acme", b"s" * 32)])
        disk.end()
        left.append((len(leaves(folder)), len(place_in(folder).table.read_bytes()) / SIZE))
    assert left == [(2, 1.5), (2, 2.0), (3, 2.0), (3, 2.0)]
