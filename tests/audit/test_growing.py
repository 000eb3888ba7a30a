"""A file that grows: what is durable stays, whatever fails."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.audit.failing import FaultyDisk
from tracegate.audit.disk import PRIVATE
from tracegate.audit.growing import Growing


def _durable(file: Growing, disk: FaultyDisk, raw: bytes) -> None:
    disk.sync(file.append(raw))
    file.counts()


def test_what_was_appended_counts_when_it_was_synced(tmp_path: Path) -> None:
    """The name of a new file is synced first; its mode is as it was asked for."""
    disk = FaultyDisk()
    file = Growing(disk, tmp_path / "a" / "f", PRIVATE)
    _durable(file, disk, b"one")
    assert disk.calls[-6:] == ["open", "truncate", "sync", "sync_folder", "write", "sync"]
    _durable(file, disk, b"two")
    assert disk.calls[-2:] == ["write", "sync"]
    assert (file.end, (tmp_path / "a" / "f").read_bytes()) == (6, b"onetwo")
    assert (tmp_path / "a" / "f").stat().st_mode & 0o777 == PRIVATE
    file.close()
    file.close()
    assert disk.held == set()


def test_what_stands_behind_the_end_goes(tmp_path: Path) -> None:
    """A file that is there is gone on with where it was durable."""
    path = tmp_path / "f"
    path.write_bytes(b"good, torn")
    disk = FaultyDisk()
    file = Growing(disk, path, end=4)
    assert path.read_bytes() == b"good, torn"
    _durable(file, disk, b"!")
    assert path.read_bytes() == b"good!"
    file.close()


@pytest.mark.parametrize("call", ["write", "sync", "truncate", "open"])
def test_a_failure_leaves_what_was_durable(call: str, tmp_path: Path) -> None:
    """The next write begins at that end."""
    disk = FaultyDisk()
    file = Growing(disk, tmp_path / "f")
    if call in ("write", "sync"):
        _durable(file, disk, b"one")
    disk.broken[call] = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        _durable(file, disk, b"two")
    disk.broken.clear()
    _durable(file, disk, b"three")
    assert (tmp_path / "f").read_bytes() == (b"onethree" if call in ("write", "sync") else b"three")
    file.close()
