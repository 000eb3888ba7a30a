"""What is committed is what the builder makes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from dashboards.written import FOLDER, README, texts, write
from tests.house.repository import files


def test_what_is_committed_is_what_is_made() -> None:
    """JSON and README; `python -m dashboards` writes them."""
    committed = {path: (FOLDER / path).read_text("utf-8") for path in texts()}
    assert texts() == committed
    assert {f"dashboards/{path}" for path in texts()} - {"dashboards/README.md"} == {
        str(path) for path in files("dashboards/json/*")
    }


def test_one_command_writes_all(tmp_path: Path) -> None:
    """Into the folder of the package; what people wrote of the README stays."""
    (tmp_path / "json").mkdir()
    (tmp_path / README).write_text("Before.\n<!-- panels -->\nold\n<!-- /panels -->\nAfter.\n", "utf-8")
    assert write(tmp_path) == 0
    assert {path: (tmp_path / path).read_text("utf-8") for path in texts()} == texts(tmp_path)
    readme = (tmp_path / README).read_text("utf-8")
    assert readme.startswith("Before.\n<!-- panels -->\n### Who served what: at a glance\n")
    assert readme.endswith("<!-- /panels -->\nAfter.\n")
    assert "\nold\n" not in readme


def test_the_command_is_one_module(tmp_path: Path) -> None:
    """It writes what is committed, into the package that it is run from, and says nothing."""
    shutil.copytree(FOLDER, tmp_path / "dashboards", ignore=shutil.ignore_patterns("__pycache__", "*.json"))
    done = subprocess.run(
        [sys.executable, "-m", "dashboards"], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    assert done.stdout + done.stderr == ""
    assert {path: (tmp_path / "dashboards" / path).read_text("utf-8") for path in texts()} == texts()
