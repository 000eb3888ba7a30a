"""`tracegate stack`, as a person types it; what it does is tested where it is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tracegate.cli import main
from tracegate.stack import commands
from tracegate.stack.commands import Say


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of its own for the state, in which nothing is up."""
    place = tmp_path / "stack"
    monkeypatch.setattr(commands, "folder", lambda: place)
    return place


def test_status_says_that_nothing_is_up() -> None:
    """With the status that init scripts use."""
    result = CliRunner().invoke(main, ["stack", "status"])
    assert (result.exit_code, "no stack is up" in result.stdout) == (3, True)


def test_down_says_that_nothing_was_up() -> None:
    """Which is no error."""
    result = CliRunner().invoke(main, ["stack", "down"])
    assert (result.exit_code, result.stdout) == (0, "no stack is up\n")


def test_a_state_that_can_not_be_read_is_told(home: Path) -> None:
    """On stderr, without a traceback; nothing is ended."""
    home.mkdir()
    (home / "stack.json").write_text("{")
    result = CliRunner().invoke(main, ["stack", "down"])
    assert result.exit_code == 1
    assert "stack.json" in result.stderr
    assert "Traceback" not in result.output


def test_up_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """To what builds and starts."""
    given: list[object] = []

    async def noted(say: Say, *, durable: bool, jaeger_store: str) -> None:
        given.extend((durable, jaeger_store))
        say("started")

    def built(say: Say) -> None:
        given.append("built")

    monkeypatch.setattr(commands, "build", built)
    monkeypatch.setattr(commands, "up", noted)
    result = CliRunner().invoke(main, ["stack", "up", "--durable", "--jaeger-store", "badger"])
    assert (result.exit_code, result.stdout, given) == (0, "started\n", ["built", True, "badger"])


def test_a_build_that_is_interrupted_is_told_and_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the status that shells use, without a traceback."""

    def interrupted(say: Say) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "build", interrupted)
    result = CliRunner().invoke(main, ["stack", "up"])
    assert (result.exit_code, result.stderr) == (130, "\nInterrupted; what was built stays.\n")
