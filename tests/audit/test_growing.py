"""A file that grows: what is durable stays, whatever fails."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.audit.failing import FaultyDisk
from tracegate.audit.disk import PRIVATE
from tracegate.audit.growing import Growing


def test_what_was_appended_is_synced(tmp_path: Path) -> None:
    """The name of a new file too; its mode is as it was asked for."""
    disk = FaultyDisk()
    file = Growing(disk, tmp_path / "a" / "f", PRIVATE)
    file.append(b"one")
    assert disk.calls[-6:] == ["open", "truncate", "sync", "sync_folder", "write", "sync"]
    file.append(b"two")
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
    file = Growing(FaultyDisk(), path, end=4)
    assert path.read_bytes() == b"good, torn"
    file.append(b"!")
    assert path.read_bytes() == b"good!"
    file.close()


@pytest.mark.parametrize("call", ["write", "sync", "truncate", "open"])
def test_a_failure_leaves_what_was_durable(call: str, tmp_path: Path) -> None:
    """The next write begins at that end."""
    disk = FaultyDisk()
    file = Growing(disk, tmp_path / "f")
    if call in ("write", "sync"):
        file.append(b"one")
    disk.broken[call] = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        file.append(b"two")
    disk.broken.clear()
    file.append(b"three")
    assert (tmp_path / "f").read_bytes() == (b"onethree" if call in ("write", "sync") else b"three")
    file.close()


def test_what_was_appended_can_be_taken_back(tmp_path: Path) -> None:
    """It goes with the next write."""
    file = Growing(FaultyDisk(), tmp_path / "f")
    file.append(b"one")
    file.append(b"two")
    file.cut(3)
    file.append(b"three")
    assert (tmp_path / "f").read_bytes() == b"onethree"
    file.close()
