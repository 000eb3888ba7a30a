"""The system calls of a log, and what is made of several of them."""

from __future__ import annotations

import errno
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from tests.audit.failing import FaultyDisk
from tracegate.audit.disk import PRIVATE, Disk, beside, destroy, make_folders, put, write_all


def test_a_file_is_put_whole_or_not_at_all(tmp_path: Path) -> None:
    """Whichever call fails, a reader finds the old bytes or the new ones, and the next try succeeds."""
    path = tmp_path / "a" / "b" / "checkpoint"
    counted = FaultyDisk()
    put(counted, path, b"old")
    for at in range(len(counted.calls)):
        disk = FaultyDisk()
        disk.at = at
        with suppress(OSError):  # which call fails decides whether it is told
            put(disk, path, b"new")
        assert path.read_bytes() in (b"old", b"new")
        assert disk.held == set()
        put(Disk(), path, b"old")
        assert path.read_bytes() == b"old"


def test_a_file_is_synced_before_it_is_moved_and_its_name_after(tmp_path: Path) -> None:
    """In between it has a name that readers ignore."""
    disk = FaultyDisk()
    put(disk, tmp_path / "checkpoint", b"raw", PRIVATE)
    assert disk.calls == ["open", "truncate", "write", "sync", "rename", "sync_folder"]
    assert stat.S_IMODE((tmp_path / "checkpoint").stat().st_mode) == PRIVATE
    assert beside(tmp_path / "checkpoint").name == "checkpoint.tmp"
    assert not beside(tmp_path / "checkpoint").exists()


def test_a_write_that_takes_few_bytes_goes_on(tmp_path: Path) -> None:
    """As the system may do at any time."""
    disk = FaultyDisk()
    disk.short = 2
    file = disk.open(tmp_path / "f")
    write_all(disk, file, b"seven77")
    disk.close(file)
    assert ((tmp_path / "f").read_bytes(), disk.calls.count("write")) == (b"seven77", 4)


def test_a_folder_whose_name_was_not_synced_is_made_again(tmp_path: Path) -> None:
    """It could be gone after a loss of power, with everything in it."""
    disk = FaultyDisk()
    disk.broken["sync_folder"] = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        make_folders(disk, tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    disk.broken.clear()
    make_folders(disk, tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_what_is_synced_can_be_read(tmp_path: Path) -> None:
    """The real calls, as far as a process can tell."""
    disk = Disk()
    put(disk, tmp_path / "a" / "f", b"raw")
    assert disk.read(tmp_path / "a" / "f") == b"raw"
    disk.remove(tmp_path / "a" / "f")
    put(disk, tmp_path / "a" / "f", b"raw")
    disk.remove_folder(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_lock_is_for_one(tmp_path: Path) -> None:
    """It ends with its descriptor."""
    disk = Disk()
    first, second = disk.open(tmp_path / "lock"), disk.open(tmp_path / "lock")
    disk.lock(first)
    with pytest.raises(BlockingIOError):
        disk.lock(second)
    disk.close(first)
    disk.lock(second)
    disk.close(second)


def test_two_files_are_synced_at_once() -> None:
    """Both, and a failure of either is one of both."""
    synced: list[int] = []

    class Watched(Disk):
        def sync(self, file: int) -> None:
            synced.append(file)
            if file < 0:
                raise OSError(errno.EIO, f"file {file}")

    disk = Watched()
    disk.sync_both(1, 2)
    assert sorted(synced) == [1, 2]
    for one, other in ((-1, 2), (1, -2)):
        with pytest.raises(OSError, match="file -"):
            disk.sync_both(one, other)
    assert sorted(synced) == [-2, -1, 1, 1, 2, 2]


def test_bytes_are_written_over_in_place(tmp_path: Path) -> None:
    """The file keeps its length, and its other bytes."""
    (tmp_path / "f").write_bytes(b"0123456789")
    Disk().overwrite(tmp_path / "f", [(1, b"ab"), (8, b"c")])
    assert (tmp_path / "f").read_bytes() == b"0ab34567c9"


def test_what_is_destroyed_is_written_over_first(tmp_path: Path) -> None:
    """And then gone; where nothing is, nothing is done."""
    seen: list[bytes] = []

    class Watched(Disk):
        def remove(self, path: Path) -> None:
            seen.append(path.read_bytes())
            super().remove(path)

    (tmp_path / "key").write_bytes(b"private")
    destroy(Watched(), tmp_path / "key")
    destroy(Watched(), tmp_path / "key")
    assert (seen, (tmp_path / "key").exists()) == ([bytes(7)], False)


def test_a_second_name_is_given_once(tmp_path: Path) -> None:
    """What has it keeps it."""
    (tmp_path / "a").write_bytes(b"a")
    Disk().link(tmp_path / "a", tmp_path / "b")
    with pytest.raises(FileExistsError):
        Disk().link(tmp_path / "a", tmp_path / "b")


def test_a_folder_has_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    """Those above it have the usual one."""
    make_folders(Disk(), tmp_path / "a" / "b", 0o700)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a").stat().st_mode & 0o777 != 0o700
