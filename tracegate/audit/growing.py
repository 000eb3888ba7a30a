"""A file that grows: what was appended counts when somebody who synced it says so.

Until then, and after a failure, nothing is assumed of it: before the next write it is cut to where it counts, and that
is synced. It runs on the log's thread.
"""

from __future__ import annotations

from pathlib import Path

from tracegate.audit.disk import PUBLIC, Disk, make_folders, write_all


class Growing:
    """One file, opened when something is appended.

    Args:
        disk: The system calls.
        path: Of the file; its folder is made.
        mode: Of a file that is made.
        end: Bytes of it that are durable; what stands behind them goes.
    """

    __slots__ = ("_added", "_clean", "_disk", "_file", "_mode", "_path", "end")

    def __init__(self, disk: Disk, path: Path, mode: int = PUBLIC, end: int = 0) -> None:
        self._disk = disk
        self._path = path
        self._mode = mode
        self._file: int | None = None
        self._clean = False  # whether the file ends where what is durable ends
        self._added = 0
        self.end = end

    def append(self, raw: bytes) -> int:
        """Append bytes; returns the descriptor to sync.

        Raises:
            OSError: They were not, or not all of them.
        """
        file = self._opened()
        self._clean, self._added = False, len(raw)
        write_all(self._disk, file, raw)
        return file

    def counts(self) -> None:
        """What was appended last is durable."""
        self.end, self._clean = self.end + self._added, True

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._disk.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is None:
            make_folders(self._disk, self._path.parent)
            self._file = self._disk.open(self._path, self._mode)
            self._clean = False
        if not self._clean:
            self._disk.truncate(self._file, self.end)
            self._disk.sync(self._file)
            if not self.end:  # its name may be new
                self._disk.sync_folder(self._path.parent)
            self._clean = True
        return self._file
