"""The tools of pyproject.toml have nothing to say."""

from __future__ import annotations

from tests.house.repository import run


def test_ruff_finds_nothing() -> None:
    """`ruff check` is clean."""
    done = run("ruff", "check", "--quiet")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_every_file_is_formatted() -> None:
    """`ruff format` would change nothing."""
    done = run("ruff", "format", "--check", "--quiet")
    assert (done.returncode, done.stdout) == (0, ""), f"not formatted:\n{done.stdout}"


def test_every_type_is_right() -> None:
    """`mypy` is clean, strict, for package and tests."""
    done = run("mypy", "--no-error-summary")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
