"""The operating system under a log: the few calls that change files, so that a test can let any one of them fail.

Nothing here knows what a log is, or decides what to do after a failure. All of it blocks: it belongs on the thread of
the log, never on the event loop.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from tracegate.audit.lane import QueueThread

PUBLIC = 0o644
"""Mode of a log's files: an auditor reads them, and they can be published as they are."""

PRIVATE = 0o600
"""Mode of a private key, and of what can be erased."""


class Disk:
    """The real one; each call is one system call, but for folders and reading."""

    _beside: QueueThread | None = None

    def open(self, path: Path, mode: int = PUBLIC) -> int:
        """A descriptor to read and write a file at its end; the file is made if there is none."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode)

    def write(self, file: int, raw: bytes) -> int:
        """Append; returns how many bytes were taken, which may be fewer."""
        return os.write(file, raw)

    def sync(self, file: int) -> None:
        """Return when what was written is on the disk."""
        os.fdatasync(file)

    def sync_both(self, one: int, other: int) -> None:
        """Return when what was written to both is on the disk.

        At the same time: one after the other took 1.5 times as long, by the median of 500 on an ext4 disk.
        """
        if self._beside is None:
            self._beside = QueueThread("tracegate-audit-sync")
        done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._beside.given.put(partial(self._sync_beside, one, done))
        try:
            self.sync(other)
        finally:
            failed = done.get()
        if failed is not None:
            raise failed

    def _sync_beside(self, file: int, done: SimpleQueue[BaseException | None]) -> None:
        try:
            self.sync(file)
        except BaseException as exc:  # noqa: BLE001  # it is raised where it is waited for
            done.put(exc)
        else:
            done.put(None)

    def truncate(self, file: int, size: int) -> None:
        """Cut a file to a size in bytes."""
        os.ftruncate(file, size)

    def close(self, file: int) -> None:
        """Give a descriptor back; a lock on it ends."""
        os.close(file)

    def lock(self, file: int) -> None:
        """Lock a file for this process; raises `BlockingIOError` where another has it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name, in place of what had it."""
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        os.unlink(path)

    def remove_folder(self, path: Path) -> None:
        """Remove a folder and what is in it."""
        shutil.rmtree(path)

    def make_folder(self, path: Path, mode: int = 0o777) -> None:
        """Make one folder whose parent is there; a folder that is there stays."""
        path.mkdir(mode, exist_ok=True)

    def sync_folder(self, path: Path) -> None:
        """Return when the names in a folder are on the disk."""
        file = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def read(self, path: Path) -> bytes:
        """The bytes of a file; `FileNotFoundError` where there is none."""
        return path.read_bytes()

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name; raises `FileExistsError` where a file has it."""
        os.link(old, new)

    def overwrite(self, path: Path, parts: Sequence[tuple[int, bytes]]) -> None:
        """Write bytes over those of a file at some places, and return when they are on the disk."""
        file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            for at, raw in parts:
                os.pwrite(file, raw, at)
            os.fdatasync(file)
        finally:
            os.close(file)


def write_all(disk: Disk, file: int, raw: bytes) -> None:
    """Append all bytes, however few are taken at a time."""
    left = memoryview(raw)
    while left:
        left = left[disk.write(file, bytes(left)) :]


def make_folders(disk: Disk, path: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, so that they are there after a loss of power too; the last has the mode."""
    if path.is_dir():
        return
    make_folders(disk, path.parent)
    disk.make_folder(path, mode)
    try:
        disk.sync_folder(path.parent)
    except OSError:  # the next try must not take it for one that is on the disk
        path.rmdir()
        raise


def known(disk: Disk, path: Path) -> bytes | None:
    """The bytes of a file; `None` where there is none."""
    try:
        return disk.read(path)
    except FileNotFoundError:
        return None


def destroy(disk: Disk, path: Path) -> None:
    """Remove a file whose bytes nobody may find again, as far as the disk writes over what is written over."""
    raw = known(disk, path)
    if raw is None:
        return
    disk.overwrite(path, [(0, bytes(len(raw)))])
    disk.remove(path)
    disk.sync_folder(path.parent)


def put(disk: Disk, path: Path, raw: bytes, mode: int = PUBLIC) -> None:
    """Write a file beside its place, and move it there when it is on the disk: readers see all of it or nothing."""
    make_folders(disk, path.parent)
    stage(disk, beside(path), raw, mode)
    disk.rename(beside(path), path)
    disk.sync_folder(path.parent)


def stage(disk: Disk, path: Path, raw: bytes, mode: int = PUBLIC) -> None:
    """Write a file under the name that it will not keep; what an earlier try left there goes first."""
    file = disk.open(path, mode)
    try:
        disk.truncate(file, 0)
        write_all(disk, file, raw)
        disk.sync(file)
    finally:
        disk.close(file)


def beside(path: Path) -> Path:
    """Where a file is written before it is published; readers ignore the name, and the next start removes it."""
    return path.with_name(path.name + ".tmp")
