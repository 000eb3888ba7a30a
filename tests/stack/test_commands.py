"""`tracegate stack`: up leaves it running, status tells, down ends it; each says what it found."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import pretended
from tracegate.clock import SystemClock
from tracegate.stack import commands, state
from tracegate.stack.parts import StackError
from tracegate.stack.process import Process


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Path]:
    """A folder for a stack, which is ended after the test in any case."""
    folder = tmp_path / "stack"
    yield folder
    asyncio.run(commands.down(lambda text: None, at=folder))


def _up(at: Path, **how: str) -> str:
    said: list[str] = []
    asyncio.run(commands.up(said.append, at=at, programs=pretended.servers(at.parent / "programs", **how)))
    return "\n".join(said)


def _status(at: Path) -> tuple[int, str]:
    said: list[str] = []
    code = asyncio.run(commands.status(said.append, at=at))
    return code, "\n".join(said)


def _down(at: Path) -> str:
    said: list[str] = []
    asyncio.run(commands.down(said.append, at=at))
    return "\n".join(said)


def test_up_says_where_to_send_and_what_to_open(at: Path) -> None:
    """And leaves all running, in the words of the state file."""
    text = _up(at)
    told = state.read(at)
    assert told is not None
    assert len(told.alive()) == 4
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{told.ports['otlp_http']} tracegate serve" in text
    assert f"http://127.0.0.1:{told.ports['victorialogs']}/select/vmui" in text
    assert f"http://127.0.0.1:{told.ports['jaeger']}/api/v3/traces/TRACE_ID" in text
    assert "tracegate stack down" in text


def test_what_is_missing_is_built(at: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saying so first; then there is nothing more to build. (What this Go makes is no program, so nothing starts.)"""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(pretended.go(tmp_path / "path").parent))
    said: list[str] = []
    commands.build(said.append, at=at)
    assert [line.partition(":")[0] for line in said if line.startswith("to build")] == ["to build"] * 4
    said.clear()
    commands.build(said.append, at=at)
    assert said == []
    with pytest.raises(StackError, match=r"can't start `.*/jaeger`: Permission denied"):
        asyncio.run(commands.up(said.append, at=at))
    assert not at.exists()


def test_nothing_is_built_for_a_stack_that_is_up(at: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever changed since: it is refused or used as it is."""
    _up(at)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "nothing"))
    said: list[str] = []
    commands.build(said.append, at=at)
    assert said == []


def test_a_second_stack_is_refused(at: Path) -> None:
    """With the addresses of the first; one whose processes are gone is no obstacle."""
    _up(at)
    with pytest.raises(StackError, match=r"(?s)a stack is up already:\nCollector .*tracegate stack down"):
        _up(at)
    told = state.read(at)
    assert told is not None
    for process in told.processes.values():
        process.send(signal.SIGKILL)
        assert not process.alive() or asyncio.run(_gone(process))
    (at / "data" / "old").write_text("")
    _up(at)
    assert not (at / "data" / "old").exists()


def test_two_at_once_do_not_meet(at: Path) -> None:
    """Who comes while another starts the stack touches nothing, nor does who would end it; what starts, gets up."""
    refused: list[str] = []

    async def twice() -> None:
        programs = pretended.servers(at.parent / "programs")
        starting = asyncio.create_task(commands.up(lambda text: None, at=at, programs=programs))
        await asyncio.sleep(0)  # a turn of the loop, in which it begins
        for command in (commands.up(refused.append, at=at, programs=programs), commands.down(refused.append, at=at)):
            with pytest.raises(StackError, match="is being started or ended by another `tracegate stack`"):
                await command
        await starting

    asyncio.run(twice())
    told = state.read(at)
    assert told is not None
    assert (len(told.alive()), refused) == (4, [])


async def _gone(process: Process) -> bool:
    clock = SystemClock()
    return await process.ended(clock.now() + 10_000_000_000, clock)


def test_down_ends_it_and_leaves_nothing(at: Path) -> None:
    """It names what it ended."""
    _up(at)
    told = state.read(at)
    assert told is not None
    assert _down(at) == f"ended: jaeger, prometheus, victorialogs, collector; removed: {at}"
    assert (told.alive(), at.exists()) == ([], False)
    assert _down(at) == "no stack is up"


def test_down_leaves_a_stranger_with_our_id_alone(at: Path) -> None:
    """What had ended by itself is only tidied away."""
    at.mkdir()
    state.write(at, state.State({}, {"jaeger": Process(1, "another time")}))
    assert _down(at) == f"ended: nothing, all had ended by themselves; removed: {at}"


def test_status_tells_of_each_server(at: Path) -> None:
    """0 when all is well."""
    _up(at)
    code, text = _status(at)
    lines = text.splitlines()
    assert (code, [line.split()[0] for line in lines[:4]]) == (0, ["jaeger", "prometheus", "victorialogs", "collector"])
    assert all(line.endswith(" ready") for line in lines[:4])
    assert lines[-1] == f"State, data and logs: {at}"


def test_status_tells_what_is_not_well(at: Path) -> None:
    """Ended, stopped in its tracks, or sick: 1."""
    _up(at)
    told = state.read(at)
    assert told is not None
    told.processes["jaeger"].send(signal.SIGKILL)
    asyncio.run(_gone(told.processes["jaeger"]))
    state.write(at, state.State({**told.ports, "prometheus": told.ports["jaeger_grpc"]}, told.processes))
    code, text = _status(at)
    assert code == 1
    jaeger, prometheus, *_ = text.splitlines()
    assert jaeger.endswith("ended; its log is beside the state file")
    assert "does not answer: " in prometheus


def test_status_of_one_that_was_not_started_or_is_sick(at: Path) -> None:
    """A start that was cut short leaves a state file, too."""
    _up(at, collector="well")
    told = state.read(at)
    assert told is not None
    asyncio.run(_gone_all(told, keep="collector"))
    state.write(at, state.State(told.ports, {"collector": told.processes["collector"]}))
    code, text = _status(at)
    assert (code, text.splitlines()[0]) == (1, f"{'jaeger':30} was not started")


async def _gone_all(told: state.State, keep: str) -> None:
    for name, process in told.processes.items():
        if name != keep:
            process.send(signal.SIGKILL)
            await _gone(process)


def test_status_without_a_stack(at: Path) -> None:
    """3, as init scripts say it."""
    assert _status(at) == (3, "no stack is up; start one: `tracegate stack up`")


def test_its_folder_is_the_users_state_folder() -> None:
    """Outside of the tree."""
    assert commands.folder({"XDG_STATE_HOME": "/s"}) == Path("/s/tracegate/stack")
