"""The beginning of a log is pruned: a leaf says so first, and whatever breaks off, the log is sound and is finished."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.audit.commanding import tool, while_open
from tests.audit.failing import FaultyDisk
from tests.audit.leaves import GATEWAY
from tests.audit.old import ASKED, RECORD, THEN, faults, files, old_log
from tests.audit.stored import NAME, ORIGIN, S, closed, opened, store
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.events import Leaf, Pruned
from tracegate.audit.leaf import read
from tracegate.audit.merkle import included
from tracegate.audit.offsets import Offset, Offsets
from tracegate.audit.opening import InUse, Place, open_log
from tracegate.audit.pruning import prune
from tracegate.audit.reconcile import Book
from tracegate.audit.retention import DEFAULT, Before, Pruning, Retention
from tracegate.audit.starting import start
from tracegate.errors import Malformed
from tracegate.testing.clock import FakeClock


class Killed(BaseException):
    """The process is gone."""


def _prune(
    directory: Directory, before: int = 512, retention: Retention = DEFAULT, disk: Disk | None = None
) -> Pruning:
    return prune(directory, tool(), directory.log(ORIGIN), Before(before), "ann", retention, disk)


def _told(directory: Directory) -> list[Pruned]:
    leaves = [read(raw).leaf for _, raw in directory.log(ORIGIN).leaves(holding=b'"type":"prune"')]
    return [leaf for leaf in leaves if isinstance(leaf, Pruned)]


def test_a_leaf_says_it_and_what_is_left_stays_provable(tmp_path: Path) -> None:
    """The next gateway goes on with the log; a saved checkpoint of before still is its beginning."""
    directory = old_log(tmp_path)
    log = directory.log(ORIGIN)
    assert _prune(directory, 256) == Pruning(256, 601, 3)
    assert _prune(directory) == Pruning(512, 604, 3)
    assert [(leaf.min_index, leaf.by, leaf.policy) for leaf in _told(directory)] == [
        (256, "ann", "default: 184 days"),
        (512, "ann", "default: 184 days"),
    ]
    assert (faults(directory), log.first) == ([], 512)
    assert [files(directory, level) for level in ("entries", "0")] == [[], []]
    opened = start(Disk(), Place(tmp_path, ORIGIN), GATEWAY, FakeClock()).opened
    opened.let_go(Disk())
    head = log.head()
    assert head is not None
    for index, raw in log.leaves():
        assert index >= 512
        proof = log.proof(index, head)
        assert included(read(raw).hash, index, head.size, proof.path, head.checkpoint.root)
    assert faults(directory) == []
    book = Book(log, Offset(next=512), log.key)
    book.close()
    assert [check for check in book.checks if check.result == "fail"] == []


def test_once_is_enough(tmp_path: Path) -> None:
    """What was pruned so far, or further, is left alone."""
    directory = old_log(tmp_path)
    _prune(directory)
    assert [_prune(directory, before) for before in (0, 256, 512)] == [Pruning(512, None, 0)] * 3
    assert (len(_told(directory)), faults(directory)) == (1, [])


@pytest.mark.slow
@pytest.mark.parametrize("killed", [None, Killed])
def test_whatever_breaks_off_is_finished_by_the_next(tmp_path: Path, killed: type[BaseException] | None) -> None:
    """Killed at every call, or failing there: a leaf has said what is gone, the log is sound, and it ends well."""
    old_log(tmp_path / "as it was", 303)
    at, broke = 0, True
    while broke:
        shutil.copytree(tmp_path / "as it was", tmp_path / "log")
        broke = _broken_at(Directory(tmp_path / "log"), 256, at, killed)
        shutil.rmtree(tmp_path / "log")
        at += 1
    assert at > 30


def test_a_removal_that_breaks_off_leaves_what_readers_understand(tmp_path: Path) -> None:
    """Whichever file was the last."""
    old_log(tmp_path / "as it was")
    shutil.copytree(tmp_path / "as it was", tmp_path / "log")
    disk = FaultyDisk()
    _prune(Directory(tmp_path / "log"), disk=disk)
    calls = disk.calls
    first = len(calls) - calls[::-1].index("rename")
    assert calls[first:].count("remove") == 6
    for at in (at for at in range(first, len(calls)) if calls[at] == "remove"):
        shutil.rmtree(tmp_path / "log")
        shutil.copytree(tmp_path / "as it was", tmp_path / "log")
        assert _broken_at(Directory(tmp_path / "log"), 512, at, Killed)


def _broken_at(directory: Directory, before: int, at: int, killed: type[BaseException] | None) -> bool:
    """Whether a call of a pruning failed, after which the log is sound and the next finishes it."""
    disk = FaultyDisk()
    disk.at, disk.killed = at, killed
    broke = False
    try:
        _prune(directory, before, disk=disk)
    except (Killed, OSError):
        broke = True
        disk.end()
    assert (faults(directory), disk.held) == ([], set())
    log = directory.log(ORIGIN)
    assert len(list(log.leaves(before))) >= 47
    assert _prune(directory, before).min_index == before
    assert (faults(directory), log.first) == ([], before)
    assert files(directory, "0") == []
    assert [leaf.min_index for leaf in _told(directory)] in ([before], [before, before])
    return broke


def test_what_a_gateway_that_died_left_open_stays(tmp_path: Path) -> None:
    """Until somebody has closed it, and that is old too."""
    directory = old_log(tmp_path, answered=False)
    with pytest.raises(Malformed, match=f"before leaf 256, not before 512: the request of leaf {ASKED} is still open"):
        _prune(directory)
    assert _told(directory) == []
    _prune(directory, 256)
    assert (faults(directory), [leaf.min_index for leaf in _told(directory)]) == ([], [256])


def test_what_the_sink_lacks_stays(tmp_path: Path) -> None:
    """As is said of a gateway that ships."""
    directory = old_log(tmp_path)
    with pytest.raises(Malformed, match="has not acknowledged leaf 0"):
        _prune(directory, 256, Retention(ships=True))
    Offsets(tmp_path, Disk()).write(NAME, Offset(next=600))
    assert _prune(directory, 512, Retention(ships=True)).min_index == 512


def test_a_log_that_has_ended_can_not_say_it(tmp_path: Path) -> None:
    """It is removed as a whole."""
    directory = old_log(tmp_path)
    origin = ORIGIN.replace("2026-11", "2026-12")
    leaves: list[Leaf] = [opened(THEN + 999 * S, origin), closed(THEN + 999 * S, origin=origin)]
    store(tmp_path, leaves, origin=origin)
    with pytest.raises(Malformed, match="`r1-w0/2026-11` has ended"):
        _prune(directory)


def test_a_gateway_that_has_the_log_open_does_it(tmp_path: Path) -> None:
    """The command asks it; where it does not answer, or not as it should, nothing is removed."""
    directory = old_log(tmp_path)
    log = directory.log(ORIGIN)
    held = open_log(Disk(), Place(tmp_path, ORIGIN), THEN // S)
    with pytest.raises(InUse):
        _prune(directory)

    def by_time() -> Pruning:
        return prune(directory, tool(), log, Before(t=7), "ann", DEFAULT)

    def refused() -> str:
        with pytest.raises(Malformed) as raised:
            _prune(directory)
        return str(raised.value)

    said: dict[str, Any] = {"log": ORIGIN, "min_index": 256, "removed": 3}
    found, asked = while_open(directory, "r1-w0", lambda: _prune(directory), {**said, "index": 9})
    assert (found, asked) == (Pruning(256, 9, 3), [{"do": "prune", "log": ORIGIN, "by": "ann", "before": 512}])
    found, asked = while_open(directory, "r1-w0", by_time, said)
    assert (found, asked) == (Pruning(256, None, 3), [{"do": "prune", "log": ORIGIN, "by": "ann", "before_t": 7}])
    for answer in ({}, {"min_index": 256}, {**said, "index": "9"}):
        assert "does not say what it pruned" in while_open(directory, "r1-w0", refused, answer)[0]
    assert "too young" in while_open(directory, "r1-w0", refused, {"error": "too young"})[0]
    held.let_go(Disk())
    assert (len(files(directory, "entries")), RECORD in str(list(log.leaves()))) == (2, True)
