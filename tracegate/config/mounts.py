"""Which kind of file system a path is on: over a network, what is called durable may not be, and locks may not hold.

Source: proc_pid_mountinfo(5). Where there is no such file nothing is known.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

NETWORK = frozenset({"9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4"}) | {
    "smb3",
    "smbfs",
    "fuse.cephfs",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
}
"""Kinds of file systems whose disk is another machine's."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def network(path: str) -> str | None:
    """The kind of the network file system that a path is on, or would be; `None` where it is on none."""
    try:
        mounts = MOUNTS.read_text(errors="replace")
    except OSError:
        return None
    kind = kind_of(os.path.realpath(path), mounts)
    return kind if kind in NETWORK else None


def kind_of(path: str, mounts: str) -> str | None:
    """The kind of the file system of a path without links, from the lines that tell of all mounts."""
    best, found = "", None
    for line in mounts.splitlines():
        place, _, rest = line.partition(" - ")
        fields = place.split(" ")
        if len(fields) < 5 or not rest:
            continue
        at = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4]).rstrip("/") + "/"
        if f"{path}/".startswith(at) and len(at) >= len(best):  # of two on one place the later one counts
            best, found = at, rest.split(" ")[0]
    return found
