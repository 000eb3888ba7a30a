"""What a log has is read from its files, as far as it is written."""

from __future__ import annotations

import json
from pathlib import Path

from dashboards.check.kept import NONE, kept
from tests.audit.made import log_files
from tests.audit.vectors import LEAVES, ORIGIN

TYPES = {"log.open": 1, "intent": 2, "final": 2, "heartbeat": 1}


def _written(folder: Path, published: int | None = None) -> Path:
    for name, raw in log_files(LEAVES, published=published, segments=(0, 4)).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    return folder


def test_a_log_is_counted_by_type(tmp_path: Path) -> None:
    """Over all its segments; its head may be behind."""
    log = kept(_written(tmp_path, published=3))
    assert (log.origin, log.leaves, log.published) == (ORIGIN, 6, 3)
    assert log.types == TYPES
    assert list(log.records) == [json.loads(LEAVES[at])["record_id"] for at in (2, 4)]


def test_a_leaf_that_is_half_there_is_not_counted(tmp_path: Path) -> None:
    """It is being written; wherever it ends."""
    last = max((_written(tmp_path) / "segments").iterdir())
    raw = last.read_bytes()
    last.write_bytes(raw[:-1])
    assert kept(tmp_path).leaves == 5
    last.write_bytes(raw[:3])
    assert kept(tmp_path).leaves == 4


def test_a_folder_without_a_log_has_none(tmp_path: Path) -> None:
    """A gateway that keeps none."""
    assert kept(tmp_path) == NONE
