"""The files of a log in a folder, for readers."""

from __future__ import annotations

import os
from pathlib import Path


class Folder:
    """The files below a folder, by their names relative to it; see `Files` of the check and `ReadFile` of the tiles.

    Args:
        path: Of the log.
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        """All files, those of folders below it too; links are not followed."""
        found = []
        for folder, _, names in os.walk(self._path):
            found += [Path(folder, name).relative_to(self._path).as_posix() for name in names]
        return sorted(found)

    def read(self, name: str) -> bytes:
        """The bytes of a file; `FileNotFoundError` where there is none."""
        return (self._path / name).read_bytes()
