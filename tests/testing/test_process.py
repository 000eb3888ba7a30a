"""The simulator as a process: started, asked, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.testing.calling import body_of
from tracegate.testing.process import SimulatorProcess, main
from tracegate.testing.script import ScriptError, Step


@pytest.fixture(scope="module")
def sim() -> Iterator[SimulatorProcess]:
    """One process for all tests that can share it."""
    with SimulatorProcess({"gpt": Step(status=503)}, seed=1, created=7) as process:
        yield process


@pytest.fixture(autouse=True)
def _rewound(sim: SimulatorProcess) -> None:
    sim.rewind()


def ask(url: str, model: str) -> httpx.Response:
    """A call."""
    return httpx.post(f"{url}/chat/completions", content=body_of(model), timeout=5)


def test_calls_are_answered_and_logged(sim: SimulatorProcess) -> None:
    """With times of the clock that this process has too."""
    before = time.monotonic_ns()
    assert [ask(sim.base_url, "gpt").status_code, ask(sim.url("azure"), "other").status_code] == [503, 200]
    first, second = sim.log()
    assert (first.model, first.step, first.status, second.provider) == ("gpt", "503", 503, "azure")
    assert first.body == body_of("gpt")
    assert first.arrived is not None
    assert second.ended is not None
    assert before < first.arrived < second.ended < time.monotonic_ns()
    sim.clear()
    assert sim.log() == []


def test_ids_and_times_are_those_it_was_given(sim: SimulatorProcess) -> None:
    """So that two processes can say the same."""
    first = ask(sim.base_url, "other").json()
    assert first["created"] == 7
    sim.rewind()
    assert ask(sim.base_url, "other").json() == first


def test_scripts_are_put_while_it_runs(sim: SimulatorProcess) -> None:
    """In any form; what can't be played over sockets is refused."""
    sim.script({"a": ["429", Step(status=418)], "b": {"steps": ["503", "ok"], "again": True}})
    assert [ask(sim.base_url, "a").status_code for _ in range(3)] == [429, 418, 418]
    assert [ask(sim.base_url, "b").status_code for _ in range(3)] == [503, 200, 503]
    with pytest.raises(ScriptError, match="unknown part `foo`"):
        sim.script({"a": "foo"})
    with pytest.raises(ScriptError, match="only for the exchange in memory"):
        sim.script({"a": "fault=dns_error"})


def test_one_can_wait_for_its_log(sim: SimulatorProcess) -> None:
    """For a while."""
    with pytest.raises(TimeoutError):
        sim.until(lambda log: log, within_s=0.03)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{sim.base_url}/chat/completions", content=body_of("sim-silence"), timeout=0.05)
    sim.until(lambda log: log[0].hung_up)


def test_it_ends_when_it_is_stopped() -> None:
    """Stopping twice, or before it ran, does no harm."""
    process = SimulatorProcess()
    process.stop()
    process.start()
    url = process.base_url
    process.stop()
    process.stop()
    with pytest.raises(httpx.ConnectError):
        ask(url, "gpt")


def test_what_went_wrong_at_its_start_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """A port that is taken."""
    with SimulatorProcess() as first:
        taken = int(first.base_url.split(":")[2].split("/")[0])
        with pytest.raises(RuntimeError, match="did not start: exit code 1"):
            SimulatorProcess(port=taken).start()
    assert f"can't listen on 127.0.0.1:{taken}:" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["scripts.yaml", "scripts.json"])
def test_scripts_may_stand_in_a_file(tmp_path: Path, name: str) -> None:
    """And a signal ends it."""
    path = tmp_path / name
    path.write_text('{"gpt": {"steps": [{"status": 503, "retry_after": 2}, "ok"]}}')
    command = [sys.executable, "-m", "tracegate.testing", "--scripts", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        assert ask(url, "gpt").headers["retry-after"] == "2"
        told = httpx.get(url.removesuffix("/v1") + "/scripts").json()
        assert told["gpt"]["steps"] == ["503+retry-after=2", "ok"]
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{gpt: foo}", "script `gpt`: unknown part `foo`"),
        ("[1]", "a file of scripts is a table"),
        ("{", "expected the node content"),
        (None, "No such file"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, told: str) -> None:
    """What is wrong with it, and exit code 2."""
    path = tmp_path / "scripts.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["--scripts", str(path)])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
