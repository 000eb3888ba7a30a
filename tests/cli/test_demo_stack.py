"""The demo beside stores that pretend: what agrees is told, what differs is told and is the status."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.cli import pretended_stores
from tracegate.cli import demo_stack
from tracegate.cli.demo import keep_serving
from tracegate.cli.demo_client import ask
from tracegate.cli.demo_scenes import SCENES
from tracegate.stack import commands
from tracegate.stack.parts import StackError

pytestmark = pytest.mark.slow

SHORT = SCENES[2:4]  # attempts that fail, a fallback, a cost


@pytest.fixture
def out() -> io.StringIO:
    """What the demo prints, in a terminal of 80 columns."""
    return io.StringIO()


def ran(out: io.StringIO, at: Path, scenes: Sequence[Any] = SHORT, *, keep: bool = False) -> int:
    """Run it to its end."""
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    return demo_stack.run(keep=keep, console=console, scenes=scenes, at=at / "stack", programs={})


def test_what_agrees_is_told_line_by_line(out: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All scenes; each trace with its address, each number three times; nothing is wider than the terminal."""
    monkeypatch.setattr(demo_stack, "standing", pretended_stores.standing(own=True))
    assert ran(out, tmp_path, SCENES) == 0
    said = out.getvalue()
    assert said.count("/api/v3/traces/") == len(SCENES)
    assert (said.count("  ✓ Jaeger  "), said.count("  ✓ calls   "), said.count("  ✓ logs    ")) == (15, 15, 15)
    assert "✗" not in said
    assert "DIFFERS" not in said
    lines = said.splitlines()
    head = next(line for line in lines if line.startswith("The numbers"))
    requests = next(line for line in lines if line.startswith("  ✓ requests"))
    assert (head.split()[2:], requests.split()[2:]) == (["told", "Jaeger", "Prometheus"], ["15", "15", "15"])
    assert "they agree with what clients were told" in said.replace("\n", " ")
    assert "The stack ends with the demo." in said
    assert max(len(line) for line in lines if "http_response_incomplete broken_answer" not in line) <= 80


def _another_cost(store: str, answer: Any) -> Any:
    """The same, but for a cost in Jaeger, an event less, and a request more."""
    if store == "jaeger":
        for attribute in (one for span in answer[0]["scopeSpans"][0]["spans"] for one in span["attributes"]):
            if attribute["key"] == "tracegate.total.cost_micros":
                attribute["value"] = {"intValue": "7"}
    return answer[1:] if store == "victorialogs" else answer


def test_what_differs_is_told_and_is_the_status(
    out: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the stores had their time."""
    monkeypatch.setattr(demo_stack, "standing", pretended_stores.standing(own=False, spoil=_another_cost))
    monkeypatch.setattr(demo_stack, "WITHIN_S", 0.1)
    assert ran(out, tmp_path) == 1
    said = " ".join(out.getvalue().split())
    assert "✗ Jaeger" in said
    assert "DIFFERS: not what the client was told: cost" in said
    assert "✗ logs" in said
    assert "THEY DO NOT AGREE: 2 of 2 requests and 0 of " in said
    assert "The stack goes on, until `tracegate stack down`." in said


def test_it_keeps_serving_until_a_signal(out: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to open, shows where a trace is, and its status is what the comparison said."""
    monkeypatch.setattr(demo_stack, "standing", pretended_stores.standing(own=True))

    async def keeps(console: Console, on: Any, found_at: Any) -> None:
        task = asyncio.create_task(keep_serving(console, on, found_at))
        await asyncio.to_thread(ask, on.port, SHORT[1])
        await on.view.until(2)
        for _ in range(10):
            await asyncio.sleep(0)  # it is shown in the next turns of the loop
        os.kill(os.getpid(), signal.SIGTERM)
        await task

    monkeypatch.setattr(demo_stack, "keep_serving", keeps)
    assert ran(out, tmp_path, SHORT[1:], keep=True) == 0
    said = out.getvalue()
    assert "A stack was started for this demo. The gateway exports" in said
    assert "/select/vmui" in said
    assert said.count("/api/v3/traces/") == 3  # of the scene, what to open, of the request that came
    assert "The stack ends" not in said


def test_a_signal_before_the_end_is_told_by_the_status(
    out: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was compared by then."""
    monkeypatch.setattr(demo_stack, "standing", pretended_stores.standing(own=True))

    async def waits(*args: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    monkeypatch.setattr(demo_stack, "compare", waits)
    assert ran(out, tmp_path) == 130


def test_what_is_missing_is_built_first(
    out: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And an error of that is told, without a traceback."""

    def builds(say: Any, *, at: Path) -> None:
        say(f"to build: a thing, about 1 min, for {at.name}")
        raise StackError("no Go")

    monkeypatch.setattr(commands, "build", builds)
    console = Console(file=out, width=80)
    assert demo_stack.run(keep=False, console=console, at=tmp_path / "stack") == 1
    assert out.getvalue() == "to build: a thing, about 1 min, for stack\n"
    assert capsys.readouterr().err == "no Go\n"


def test_a_build_that_is_interrupted_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the status that shells use; the stack is the user's."""

    def builds(say: Any, *, at: Path) -> None:
        assert at == tmp_path / "tracegate" / "stack"
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "build", builds)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert demo_stack.run(keep=False) == 130
    assert capsys.readouterr().err == "\nInterrupted; what was built stays.\n"


def _broken(store: str, answer: Any) -> Any:
    raise StackError(f"{store} answered 500")


def test_stores_that_can_not_be_read_are_an_error(
    out: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told once, without a traceback."""
    monkeypatch.setattr(demo_stack, "standing", pretended_stores.standing(own=True, spoil=_broken))
    assert ran(out, tmp_path) == 1
    assert capsys.readouterr().err == "jaeger answered 500\n"
