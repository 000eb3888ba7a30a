"""Runs an example as a user does: `check`, `serve` and the client script, each a process of its own.

Only what an example's own variables allow is different: the providers are simulated, and the port is a free one.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.house.repository import ROOT
from tracegate.testing.process import SimulatorProcess
from tracegate.testing.receiver import Receiver
from tracegate.testing.receiving import listen
from tracegate.testing.script_text import Scripted
from tracegate.testing.simulator_log import Entry

TRACEGATE = str(Path(sys.executable).with_name("tracegate"))
KEYS = {
    "AZURE_OPENAI_API_KEY": "azure-key-of-the-examples",
    "MISTRAL_API_KEY": "mistral-key-of-the-examples",
    "OPENAI_API_KEY": "sk-key-of-the-examples",
    "WEB_KEY": "web-key-of-the-examples",
}
ANSWER = "The Earth pulls them down."
PLACES = {"AZURE_BASE": "azure", "MISTRAL_BASE": "mistral", "OPENAI_BASE": "openai", "VLLM_BASE_URL": "vllm"}
"""Variables of the examples that say where a provider is, and which simulated one is meant."""

SERVES = re.compile(r"Tracegate serves on (http://\S+)")


@dataclass(frozen=True)
class Played:
    """What came of an example.

    Args:
        checked: What `tracegate check` said.
        clients: The client script, ended: once per set of scripts.
        log: The calls that the providers saw.
        receiver: What telemetry came, all of it.
    """

    checked: subprocess.CompletedProcess[str]
    clients: list[subprocess.CompletedProcess[str]]
    log: list[Entry]
    receiver: Receiver


def play(example: str, *scripts: Mapping[str, Scripted]) -> Played:
    """Run one example, its client once per set of scripts: what each `provider/model` does then."""
    receiver = Receiver()

    async def main() -> Played:
        async with listen(receiver) as listening:
            return await asyncio.to_thread(everything, listening.url)

    def everything(otlp: str) -> Played:
        with SimulatorProcess() as sim:
            env = environment(sim, OTEL_EXPORTER_OTLP_ENDPOINT=otlp)
            file = f"examples/{example}/tracegate.yaml"
            checked = run([TRACEGATE, "check", file], env)
            with serving(["--config", file], env) as (url, _):
                clients = []
                for acts in scripts:
                    sim.script(acts)
                    clients.append(run([sys.executable, f"examples/{example}/client.py"], {**env, "GATEWAY_URL": url}))
            return Played(checked, clients, sim.log(), receiver)

    return asyncio.run(main())


def environment(sim: SimulatorProcess, **more: str) -> dict[str, str]:
    """The variables of a machine that has every key, and simulated providers."""
    places = {name: sim.url(provider) for name, provider in PLACES.items()}
    return {**os.environ, **KEYS, **places, **more}


def run(command: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in the repository."""
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)


def beside(folder: str, options: Sequence[str]) -> str:
    """A folder with a copy of the configuration that the options name, where they name one."""
    for file in options[1:2]:
        (Path(folder) / file).parent.mkdir(parents=True)
        shutil.copy(ROOT / file, Path(folder) / file)
    return folder


@contextmanager
def serving(options: Sequence[str], env: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """`tracegate serve` on a free port of this machine: its base URL, and the lines it greets with.

    It runs beside a copy of its file, where it leaves its audit log. Afterwards it was stopped as a supervisor
    stops it, ended well, and all that it greeted with is there.
    """
    command = [TRACEGATE, "serve", *options, "--host", "127.0.0.1", "--port", "0"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, cwd=beside(folder, options), env=env, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            lines: list[str] = []
            while not lines or not lines[-1].startswith("  telemetry"):
                line = process.stdout.readline()
                assert line, f"it ended: {lines}"
                lines.append(line.rstrip("\n"))
            found = SERVES.search("\n".join(lines))
            assert found is not None
            yield found[1], lines
            process.terminate()
            assert process.wait(20) == 0
            lines += process.stdout.read().splitlines()
        finally:
            process.kill()
