"""Which log a process writes: the lowest slot that is free, the epoch of the calendar, and turns that were begun."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.audit.failing import SECOND, FaultyDisk
from tests.audit.leaves import GATEWAY
from tracegate.audit.disk import Disk
from tracegate.audit.events import Opened
from tracegate.audit.leaf import read, write
from tracegate.audit.opening import InUse, StartRefused, open_log
from tracegate.audit.own_leaves import OwnLeaves
from tracegate.audit.segments import scan
from tracegate.audit.succession import Home, Taken, following, month_ends, month_of, next_epoch, take
from tracegate.testing.clock import EPOCH, FakeClock

NOW = EPOCH // SECOND
"""2026-01-01T00:00:00Z, when the fake clock begins."""


def _home(folder: Path, *, shared: bool = False) -> Home:
    return Home(folder / "audit", "gw.example", "prod", "r1", shared)


@contextmanager
def _taken(home: Home, disk: Disk | None = None) -> Iterator[Taken]:
    disk = disk or Disk()
    taken = take(disk, home, GATEWAY, FakeClock())
    try:
        yield taken
    finally:
        _leave(taken, disk)


def _leave(taken: Taken, disk: Disk) -> None:
    taken.started.opened.let_go(disk)
    disk.close(taken.lock)


def _types(home: Home, replica: str, epoch: str) -> list[str]:
    folder = home.place(replica, epoch).folder
    raws = [raw for path in sorted(folder.glob("segments/*.seg")) for raw in scan(path.read_bytes()).leaves]
    return [type(read(raw).leaf).__name__ for raw in raws]


def test_a_new_log_is_that_of_the_month(tmp_path: Path) -> None:
    """With what was configured; what is private is nobody else's."""
    home = _home(tmp_path)
    with _taken(home) as taken:
        assert (taken.replica, taken.started.opened.signer.key.name) == (
            "r1",
            "gw.example/tracegate/prod/r1/2026-01",
        )
        assert _types(home, "r1", "2026-01") == ["Opened", "Configured"]
        assert home.private.stat().st_mode & 0o777 == 0o700
    with _taken(home) as taken:
        first = taken.started.first[0]
        assert isinstance(first, Opened)
        assert first.reason == "recovery"


def test_one_process_has_it(tmp_path: Path) -> None:
    """Another is told how to have one of its own."""
    home = _home(tmp_path)
    with _taken(home), pytest.raises(InUse, match=r"log of `r1` is in use.*`audit\.replica`"), _taken(home):
        pass
    with _taken(home):
        pass


def test_workers_take_the_lowest_slot_that_is_free(tmp_path: Path) -> None:
    """That of one that died is the next one's."""
    home, disk = _home(tmp_path, shared=True), Disk()
    taken = [take(disk, home, GATEWAY, FakeClock()) for _ in range(3)]
    assert [one.replica for one in taken] == ["r1-w0", "r1-w1", "r1-w2"]
    _leave(taken.pop(1), disk)
    taken.append(take(disk, home, GATEWAY, FakeClock()))
    assert taken[-1].replica == "r1-w1"
    for one in taken:
        _leave(one, disk)


def test_a_log_that_a_command_has_open_is_in_use(tmp_path: Path) -> None:
    """Of several workers the next slot is taken."""
    for shared in (False, True):
        home = _home(tmp_path / str(shared), shared=shared)
        with _taken(home) as taken:
            place = taken.started.opened.place
        command = open_log(Disk(), place, NOW)
        if shared:
            with _taken(home) as taken:
                assert taken.replica == "r1-w1"
        else:
            with pytest.raises(InUse), _taken(home):
                pass
        command.let_go(Disk())


def test_the_log_of_an_earlier_month_is_gone_on_with(tmp_path: Path) -> None:
    """Until its turn; a clock that went back begins none."""
    home = _home(tmp_path)
    for epoch in ("2025-11", "2026-03.2"):
        place = home.place("r1", epoch)
        found = open_log(Disk(), place, NOW)
        found.writer.append([write(OwnLeaves(place.origin, GATEWAY, FakeClock()).opened(found, NOW * 1_000_000))])
        found.let_go(Disk())
        with _taken(home) as taken:
            assert taken.started.opened.place.folder.name == epoch
    (home.root / "r1" / "notes").mkdir()
    (home.root / "r1" / "2027-01").write_text("a file")
    with _taken(home) as taken:
        assert taken.started.opened.place.folder.name == "2026-03.2"


def test_a_turn_that_was_begun_is_completed(tmp_path: Path) -> None:
    """The old log goes on if it had not ended; else the new one says how it ended, and the old key goes."""
    home = _home(tmp_path)
    with _taken(home) as taken:
        old = taken.started.opened
    new = open_log(Disk(), home.place("r1", "2026-01.2"), NOW)
    new.let_go(Disk())
    assert following(home, "r1", "2026-01", EPOCH) == "2026-01.2"
    with _taken(home) as taken:
        old = taken.started.opened
        assert old.place.folder.name == "2026-01"
        own = OwnLeaves(old.signer.key.name, GATEWAY, FakeClock())
        old.writer.append([write(own.next_key(old.signer, new.signer)), write(own.closed("rotate"))])
    with _taken(home) as taken:
        first = taken.started.first[0]
        assert isinstance(first, Opened)
        assert (taken.started.opened.place.folder.name, first.reason) == ("2026-01.2", "rotate")
        assert first.prev == old.writer.head
        assert not old.place.key.exists()
        assert taken.started.opened.place.key.exists()
    checkpoint = (old.place.folder / "checkpoint").read_text().splitlines()
    assert checkpoint[1] == str(old.writer.size)
    with _taken(home) as taken:
        assert taken.started.opened.place.folder.name == "2026-01.2"


def test_a_log_that_ended_and_has_no_successor_refuses_the_start(tmp_path: Path) -> None:
    """It is never made anew."""
    home = _home(tmp_path)
    with _taken(home) as taken:
        old = taken.started.opened
        own = OwnLeaves(old.signer.key.name, GATEWAY, FakeClock())
        old.writer.append([write(own.closed("rotate"))])
    with pytest.raises(StartRefused, match="the log that follows it is missing"), _taken(home):
        pass
    os.unlink(old.place.key)
    with pytest.raises(StartRefused, match="key"), _taken(home):
        pass


@pytest.mark.slow
def test_a_start_that_fails_holds_nothing(tmp_path: Path) -> None:
    """Whichever call it was; and the next one goes on."""
    disk = FaultyDisk()
    with _taken(_home(tmp_path / "all"), disk):
        count = len(disk.calls)
    assert count > 40
    for at in range(count):
        disk = FaultyDisk()
        disk.at, disk.error = at, errno.EACCES
        with pytest.raises(OSError, match="Permission"), _taken(_home(tmp_path / str(at)), disk):
            pass
        assert disk.held == set()
        with _taken(_home(tmp_path / str(at)), disk) as taken:
            assert taken.started.opened.writer.published == taken.started.opened.writer.size
        assert disk.held == set()


def test_the_calendar() -> None:
    """Months, their ends, and further epochs of one."""
    november = 1_795_359_164 * SECOND
    assert (month_of(EPOCH), month_of(EPOCH - 1)) == ("2026-01", "2025-12")
    assert month_of(month_ends(november) - 1) == "2026-11"
    assert month_of(month_ends(november)) == "2026-12"
    assert month_of(month_ends(month_ends(november))) == "2027-01"
    assert [next_epoch(last, november) for last in ("2026-10", "2026-11", "2026-11.9", "2027-02")] == [
        *("2026-11", "2026-11.2", "2026-11.10", "2027-02.2")
    ]


def test_an_epoch_follows_when_its_month_begins(tmp_path: Path) -> None:
    """And not before."""
    home = _home(tmp_path)
    assert following(home, "r1", "2026-01", EPOCH) is None
    assert following(home, "r1", "2025-12", EPOCH) == "2026-01"
    assert following(home, "r1", "2026-02", EPOCH) is None
