"""The turn from one log to the next: whatever breaks it off, each leaf stands once, and the old key goes last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.audit.failing import SECOND, FaultyDisk, checked
from tests.audit.leaves import GATEWAY
from tracegate.audit.disk import Disk
from tracegate.audit.encodings import from_base64url
from tracegate.audit.events import Closed, KeyChanged, Opened
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.keys import Key, parse_vkey
from tracegate.audit.leaf import ReadLeaf, read
from tracegate.audit.opening import OpenedLog, Place, open_log
from tracegate.audit.own_leaves import OwnLeaves
from tracegate.audit.segments import scan
from tracegate.audit.starting import start
from tracegate.audit.turn import Turn
from tracegate.testing.clock import EPOCH, FakeClock
from tracegate.testing.loop import run

T = TypeVar("T")
NOW = EPOCH // SECOND
FIRST = "gw.example/tracegate/prod/r1-w0/2026-01"
SECOND_LOG = "gw.example/tracegate/prod/r1-w0/2026-02"


async def _work(work: Callable[[], T], /) -> T:
    return work()


def _two(folder: Path, disk: Disk) -> tuple[OpenedLog, OpenedLog, Turn]:
    clock = FakeClock()
    old = start(disk, Place(folder, FIRST), GATEWAY, clock).opened
    new = open_log(disk, Place(folder, SECOND_LOG), NOW)
    own = OwnLeaves(FIRST, GATEWAY, clock)
    return old, new, Turn(old, own, new, own.follow(SECOND_LOG))


def _leaves(opened: OpenedLog) -> list[ReadLeaf]:
    paths = sorted(opened.place.folder.glob("segments/*.seg"))
    return [read(raw) for path in paths for raw in scan(path.read_bytes()).leaves]


def _sound(opened: OpenedLog, key: Key) -> bool:
    return [check for check in fsck(Folder(opened.place.folder), key).checks if check.result != "pass"] == []


def test_both_logs_tell_of_the_turn(tmp_path: Path) -> None:
    """Both keys vouch for the next one, the new log has the head of the old, whose key is gone; both are sound."""

    async def go() -> None:
        old, new, turn = _two(tmp_path, Disk())
        await turn.take(_work, Disk(), 0, NOW * 1_000_000)
        assert turn.over.is_set()
        _, key, closed = (one.leaf for one in _leaves(old))
        assert isinstance(key, KeyChanged)
        assert isinstance(closed, Closed)
        assert (closed.reason, closed.open_intents) == ("rotate", 0)
        text = f"tracegate-key/v1\n{old.signer.key.vkey}\n{new.signer.key.vkey}\n{key.t}\n".encode()
        assert parse_vkey(key.old).verifies(from_base64url(key.sig_old, 64), text)
        assert parse_vkey(key.new).verifies(from_base64url(key.sig_new, 64), text)
        (first,) = (one.leaf for one in _leaves(new))
        assert isinstance(first, Opened)
        assert (first.reason, first.prev) == ("rotate", old.writer.head)
        assert first.prev is not None
        assert first.prev.size == 3
        assert (old.place.key.exists(), new.place.key.exists()) == (False, True)
        assert _sound(old, old.signer.key)
        assert _sound(new, new.signer.key)
        new.let_go(Disk())

    run(go)
    assert checked(tmp_path) == []


@pytest.mark.slow
def test_whatever_call_fails_the_turn_is_taken_in_the_end(tmp_path: Path) -> None:
    """Each of them once: nothing is written twice, and the key goes only when the new log stands."""
    disk = FaultyDisk()
    old, new, turn = _two(tmp_path / "all", disk)
    before = len(disk.calls)
    run(lambda: turn.take(_work, disk, 0, NOW * 1_000_000))
    count = len(disk.calls) - before
    new.let_go(disk)
    assert count > 20
    for at in range(count):
        disk = FaultyDisk()
        old, new, turn = _two(tmp_path / str(at), disk)
        disk.at = len(disk.calls) + at

        async def go(turn: Turn = turn, disk: Disk = disk) -> None:
            with pytest.raises(OSError, match="Input/output"):
                await turn.take(_work, disk, 0, NOW * 1_000_000)
            assert not turn.over.is_set()
            await turn.take(_work, disk, 0, NOW * 1_000_000)

        run(go)
        assert [type(one.leaf).__name__ for one in _leaves(old)] == ["Opened", "KeyChanged", "Closed"]
        assert [type(one.leaf).__name__ for one in _leaves(new)] == ["Opened"]
        assert not old.place.key.exists()
        assert _sound(old, old.signer.key)
        assert _sound(new, new.signer.key)
        new.let_go(disk)
        assert disk.held == set()
