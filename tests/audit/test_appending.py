"""Leaves that a command writes into a log which no gateway has open."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.audit.failing import FaultyDisk
from tests.audit.stored import NAME, ORIGIN, T, beat, closed, intent, opened, put, record_at, signer_of, store
from tracegate.audit.appending import append
from tracegate.audit.disk import Disk
from tracegate.audit.events import Aborted, Closed, Leaf, Opened, Read
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.leaf import read
from tracegate.audit.opening import InUse, Place, StartRefused, open_log
from tracegate.audit.own_leaves import OwnLeaves
from tracegate.audit.reading import StoredLog
from tracegate.testing.clock import FakeClock

RUN = "00000000-0000-4000-8000-000000000001"


def _read(own: OwnLeaves) -> list[Leaf]:
    return [own.read("ada", "show", [], 0), own.read("ada", "find", [], 0)]


def _append(root: Path, disk: Disk | None = None) -> list[int]:
    return append(Place(root, ORIGIN), _read, run=RUN, version="9", clock=FakeClock(), disk=disk)


def _leaves(root: Path) -> list[Leaf]:
    return [read(raw).leaf for _, raw in StoredLog(root / NAME).leaves()]


def test_they_stand_between_an_open_and_a_close(tmp_path: Path) -> None:
    """Under a checkpoint, in a sound log, by the process that wrote them."""
    store(tmp_path, [opened(), beat(T), closed(T)])
    assert _append(tmp_path) == [4, 5]
    leaves = _leaves(tmp_path)
    first, *reads, last = leaves[3:]
    assert isinstance(first, Opened)
    assert isinstance(last, Closed)
    assert (first.reason, first.cut_bytes, last.reason, last.open_intents) == ("tool", None, "stop", 0)
    assert [leaf.what for leaf in reads if isinstance(leaf, Read)] == ["show", "find"]
    gateway = leaves[1].gateway
    assert {(leaf.gateway.run, leaf.gateway.version) for leaf in leaves[3:]} == {(RUN, "9")}
    assert first.gateway.config_digest == gateway.config_digest
    assert {check.result for check in fsck(Folder(tmp_path / NAME), signer_of(ORIGIN).key).checks} == {"pass"}
    assert _append(tmp_path) == [8, 9]


def test_what_a_gateway_that_died_left_open_is_closed(tmp_path: Path) -> None:
    """Before anything else, and the torn end of its last write is told."""
    store(tmp_path, [opened(), intent(record_at(T), T)], published=1)
    with (tmp_path / NAME / "segments" / f"{0:020d}.seg").open("ab") as segment:
        segment.write(b"torn")
    assert _append(tmp_path) == [4, 5]
    first, second = _leaves(tmp_path)[2:4]
    assert isinstance(first, Opened)
    assert first.cut_bytes == 4
    assert isinstance(second, Aborted)
    assert (second.record_id, second.cause) == (record_at(T), "crash")
    assert {check.result for check in fsck(Folder(tmp_path / NAME), signer_of(ORIGIN).key).checks} == {"pass"}


def test_a_log_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    """Whoever has it writes it."""
    store(tmp_path, [opened(), closed(T)])
    held = open_log(Disk(), Place(tmp_path, ORIGIN), T // 1_000_000)
    with pytest.raises(InUse):
        _append(tmp_path)
    held.let_go(Disk())
    assert len(_leaves(tmp_path)) == 2


def test_a_log_that_has_ended_is_left_alone(tmp_path: Path) -> None:
    """As is one that a gateway has only begun to make."""
    store(tmp_path, [opened(), closed(T, "rotate")])
    with pytest.raises(StartRefused, match="has ended"):
        _append(tmp_path)
    for name in ("checkpoint", "tile", "segments"):
        path = tmp_path / NAME / name
        path.unlink() if path.is_file() else shutil.rmtree(path)
    with pytest.raises(StartRefused, match="has no leaf yet"):
        _append(tmp_path)
    put(tmp_path / NAME / "log.json", b"{}")
    with pytest.raises(StartRefused, match=r"log.json"):
        _append(tmp_path)


def test_a_disk_that_fails_is_let_go(tmp_path: Path) -> None:
    """The next try finds a log that is sound."""
    store(tmp_path, [opened(), closed(T)])
    disk = FaultyDisk()
    disk.broken["write"] = 5
    with pytest.raises(OSError, match="Input/output"):
        _append(tmp_path, disk)
    assert disk.held == set()
    assert len(_append(tmp_path)) == 2
    assert {check.result for check in fsck(Folder(tmp_path / NAME), signer_of(ORIGIN).key).checks} == {"pass"}
