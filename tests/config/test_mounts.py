"""Which kind of file system a path is on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracegate.config import mounts
from tracegate.config.mounts import kind_of, network

MOUNTS = r"""21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
22 21 0:20 / /mnt rw - tmpfs tmpfs rw
23 22 0:44 / /mnt/log\040files rw,noatime shared:3 - nfs4 server:/export rw,vers=4.2
24 21 0:45 / /over rw - ext4 /dev/vdb rw
25 24 0:46 / /over rw - fuse.sshfs host:/ rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var", "ext4"),
        ("/mnt", "tmpfs"),
        ("/mnt/log files/a", "nfs4"),
        ("/mnt/log files2", "tmpfs"),
        ("/over/x", "fuse.sshfs"),
        ("/mntx", "ext4"),
    ],
)
def test_the_nearest_mount_counts(path: str, kind: str) -> None:
    """Of two on one place the later one."""
    assert kind_of(path, MOUNTS) == kind


def test_only_disks_of_other_machines_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And nothing where nothing is known."""
    (tmp_path / "info").write_text(MOUNTS.replace("/over", str(tmp_path)))
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "info")
    assert network(str(tmp_path / "not" / "there")) == "fuse.sshfs"
    assert network("/mnt/log files") in ("nfs4", None)  # links are followed, and this machine may have one there
    assert network("/") is None
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "none")
    assert network(str(tmp_path)) is None
