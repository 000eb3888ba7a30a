"""The files of a folder, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracegate.audit.folder import Folder


def test_files_are_named_as_the_log_names_them(tmp_path: Path) -> None:
    """Relative, with slashes, folders below included; none that is not there."""
    (tmp_path / "tile" / "0").mkdir(parents=True)
    (tmp_path / "tile" / "0" / "000").write_bytes(b"x")
    (tmp_path / "checkpoint").write_bytes(b"y")
    folder = Folder(tmp_path)
    assert folder.names() == ["checkpoint", "tile/0/000"]
    assert folder.read("tile/0/000") == b"x"
    with pytest.raises(FileNotFoundError):
        folder.read("log.json")
