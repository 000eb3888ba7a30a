"""The tools of pyproject.toml have nothing to say."""

from __future__ import annotations

import os

from tests.house.repository import run
from tracegate.stack.alone import alone
from tracegate.stack.places import cache


def test_ruff_finds_nothing() -> None:
    """`ruff check` is clean."""
    done = run("ruff", "check", "--quiet")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_every_file_is_formatted() -> None:
    """`ruff format` would change nothing."""
    done = run("ruff", "format", "--check", "--quiet")
    assert (done.returncode, done.stdout) == (0, ""), f"not formatted:\n{done.stdout}"


def test_every_type_is_right() -> None:
    """`mypy` is clean, strict, for package and tests.

    What it learns of a file it keeps by the file's digest, outside the tree, so that another clone need not learn it.
    """
    learnt = cache(os.environ) / "mypy"
    with alone(learnt.with_suffix(".lock"), lambda: None):
        done = run("mypy", "--no-error-summary", "--cache-dir", str(learnt))
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
