"""Servers are started in order, known by their health, ended in the other order, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.house.repository import ROOT
from tests.stack import pretended
from tracegate.clock import SystemClock
from tracegate.stack import state
from tracegate.stack.parts import StackError
from tracegate.stack.process import Process
from tracegate.stack.servers import ORDER, bundled_rules
from tracegate.stack.stack import Stack, end
from tracegate.testing import SeededIds


class Impatient(SystemClock):
    """Time that runs a hundred times as fast, for what waits half a minute."""

    __slots__ = ()

    def now(self) -> int:
        """Monotonic nanoseconds, times a hundred."""
        return SystemClock.now() * 100

    async def sleep_until(self, when: int) -> None:
        """As `Clock.sleep_until`."""
        await SystemClock().sleep_until(when // 100)


class Listening(Impatient):
    """Time that begins when Jaeger listens, however long a busy machine takes to start it."""

    __slots__ = ("_from", "stack")

    def __init__(self) -> None:
        self.stack: Stack | None = None
        self._from: int | None = None

    def now(self) -> int:
        """As `Clock.now`."""
        if self._from is None and self.stack is not None and "jaeger" in self.stack.processes:
            self._from = super().now() if self.stack.log("jaeger") else None
        return 0 if self._from is None else super().now() - self._from

    async def sleep_until(self, when: int) -> None:
        """As `Clock.sleep_until`; while time stands, a moment."""
        await asyncio.sleep(max(0, when - self.now()) / 100_000_000_000)


def _stack(tmp_path: Path, programs: Mapping[str, Path] | None = None, **given: Any) -> Stack:
    programs = programs or pretended.servers(tmp_path / "programs")
    return Stack(folder=tmp_path / "stack", programs=programs, ids=SeededIds(os.getpid()), **given)


def _run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def test_all_are_ready_inside_and_gone_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a state file while they run; nothing of our environment reaches them, and no folder is left."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    stack = _stack(tmp_path)

    async def main() -> None:
        async with stack:
            told = state.read(tmp_path / "stack")
            assert told is not None
            assert told.alive() == list(ORDER)
            assert told.ports == stack.plan.ports
            assert [stack.log(name) for name in ORDER] == ["clean\n"] * 4

    _run(main())
    assert [process.alive() for process in stack.processes.values()] == [False] * 4
    assert [process.code for process in stack.processes.values()] == [0] * 4
    assert not (tmp_path / "stack").exists()


def test_addresses_are_those_of_the_plan(tmp_path: Path) -> None:
    """Each reader knows its store."""
    stack = _stack(tmp_path)
    ports = stack.plan.ports
    assert stack.otlp_http == f"http://127.0.0.1:{ports['otlp_http']}"
    assert stack.otlp_grpc == f"http://127.0.0.1:{ports['otlp_grpc']}"
    assert stack.otlp_audit == f"http://127.0.0.1:{ports['otlp_audit']}"
    assert stack.archive == stack.plan.folder / "data" / "collector" / "archive"
    assert stack.collector_metrics == f"http://127.0.0.1:{ports['collector_metrics']}/metrics"
    assert [one.url for one in (stack.jaeger, stack.prometheus, stack.victorialogs)] == [
        f"http://127.0.0.1:{ports[name]}" for name in ("jaeger", "prometheus", "victorialogs")
    ]


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """It may be anybody's."""
    (tmp_path / "stack").mkdir()
    with pytest.raises(StackError, match="exists and is no stack's; remove it"):
        _stack(tmp_path)


def test_without_a_folder_it_takes_a_temporary_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is removed like any other."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stack = Stack(programs=pretended.servers(tmp_path / "programs"), checkout=ROOT)
    assert stack.plan.folder.parent == tmp_path.resolve()
    assert stack.plan.rules == tuple(bundled_rules(ROOT))
    _run(stack.down())
    assert not stack.plan.folder.exists()


def test_programs_that_are_not_built_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started or written."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(pretended.go(tmp_path).parent))
    with pytest.raises(StackError, match="Run `collector/build jaeger prometheus victorialogs collector`"):
        Stack(folder=tmp_path / "stack")
    assert not (tmp_path / "stack").exists()


def test_rules_that_are_not_there_are_told(tmp_path: Path) -> None:
    """Before anything is written, so that a whole checkout can start right away."""
    with pytest.raises(StackError, match="the checkout is not whole"):
        _stack(tmp_path, checkout=tmp_path)
    assert not (tmp_path / "stack").exists()


def test_one_is_stopped_killed_and_started_again(tmp_path: Path) -> None:
    """On the same port, with the data it had; its log goes on."""
    stack = _stack(tmp_path, jaeger_store="badger")

    async def main() -> None:
        async with stack:
            kept = stack.plan.data("jaeger") / "kept"
            kept.write_text("")
            first = stack.processes["jaeger"]
            assert await stack.stop("jaeger") == 0
            await stack.start("jaeger")
            assert await stack.kill("jaeger") == -signal.SIGKILL
            await stack.start("jaeger")
            assert stack.processes["jaeger"].pid != first.pid
            assert (kept.exists(), stack.log("jaeger")) == (True, "clean\n" * 3)
            told = state.read(tmp_path / "stack")
            assert told is not None
            assert told.processes["jaeger"].pid == stack.processes["jaeger"].pid

    _run(main())


def test_what_makes_no_sense_is_told(tmp_path: Path) -> None:
    """A name that is none, a second start, an end before a start."""
    stack = _stack(tmp_path)

    async def main() -> None:
        with pytest.raises(StackError, match="no server `tempo`; there are `jaeger`, `prometheus`"):
            await stack.start("tempo")
        with pytest.raises(StackError, match="`jaeger` was not started"):
            await stack.stop("jaeger")
        await stack.start("jaeger")
        with pytest.raises(StackError, match="`jaeger` runs already, as process"):
            await stack.start("jaeger")
        await stack.down()

    _run(main())


def test_one_that_ends_at_its_start_takes_all_with_it(tmp_path: Path) -> None:
    """The end of its log is in the text; nothing runs and nothing is left."""
    stack = _stack(tmp_path, pretended.servers(tmp_path / "programs", victorialogs="broken"))
    with pytest.raises(
        StackError, match=r"(?s)`victorialogs` ended at its start with exit code 1.*address already in use"
    ):
        _run(stack.up())
    assert list(stack.processes) == ["jaeger", "prometheus", "victorialogs"]
    assert [process.alive() for process in stack.processes.values()] == [False] * 3
    assert not (tmp_path / "stack").exists()


@pytest.mark.parametrize(("how", "said"), [("sick", "503 no"), ("cut", "RemoteDisconnected")])
def test_one_that_is_never_well_is_told(tmp_path: Path, how: str, said: str) -> None:
    """With what it said last."""
    programs = pretended.servers(tmp_path / "programs", jaeger=how)
    clock = Listening()
    stack = clock.stack = _stack(tmp_path, programs, clock=clock)
    with pytest.raises(StackError, match=f"`jaeger` is not ready after 30 s: .*{said}"):
        _run(stack.up())
    assert not stack.processes["jaeger"].alive()


def test_one_that_does_not_stop_is_told_and_killed_at_the_end(tmp_path: Path) -> None:
    """Asking is not enough for it; the end of the stack is."""
    programs = pretended.servers(tmp_path / "programs", jaeger="deaf")
    stack = _stack(tmp_path, programs, clock=Impatient())

    async def main() -> None:
        await stack.start("jaeger")
        with pytest.raises(StackError, match="`jaeger` still runs 30 s after signal 15"):
            await stack.stop("jaeger")
        await stack.down()

    _run(main())
    assert stack.processes["jaeger"].code == -signal.SIGKILL


def test_ends_go_the_other_way_round(tmp_path: Path) -> None:
    """The Collector first, so that what it holds still finds its stores."""
    ended: list[str] = []

    class Told(Process):
        def send(self, signal: int) -> None:
            ended.append(self.birth)

        def alive(self) -> bool:
            return False

    _run(end({name: Told(1, name) for name in ORDER}, SystemClock()))
    assert ended == ["collector", "victorialogs", "prometheus", "jaeger"]
