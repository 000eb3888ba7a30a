"""The simulator as a process of its own, for what is not asyncio, or must not share a core with what is tested.

```
python -m tracegate.testing --port 4010 --scripts scripts.yaml
```

prints `base_url http://127.0.0.1:4010/v1` when it listens, and ends on SIGTERM or SIGINT, or with `--until-eof` when
its standard input ends. `SimulatorProcess` starts and stops one:

```python
with SimulatorProcess({"gpt-5": "503x3:ok"}) as sim:
    client = openai.OpenAI(base_url=sim.base_url, api_key="any", max_retries=0)
    …
    assert [entry.status for entry in sim.log()] == [503, 503, 503, 200]
```

Its methods block; from a loop call them through `asyncio.to_thread`. Times in its log are of the monotonic clock, which
is the same for all processes of a Linux machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast
from urllib.error import HTTPError

import yaml

from tracegate.testing.script import Script, ScriptError
from tracegate.testing.script_text import Scripted, describe, read_script
from tracegate.testing.simulator import Simulator
from tracegate.testing.simulator_log import Entry, read_entry

READY_S = 20.0


class SimulatorProcess:
    """A simulator in a process of its own; a context manager.

    Args:
        scripts: As `Simulator` takes them.
        seed, created: As there.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        scripts: Mapping[str, Scripted] | None = None,
        *,
        seed: int = 0,
        created: int | None = None,
        port: int = 0,
    ) -> None:
        self._scripts = scripts or {}
        self._arguments = ["--seed", str(seed), "--port", str(port), "--until-eof"]
        self._arguments += [] if created is None else ["--created", str(created)]
        self._process: subprocess.Popen[str] | None = None
        self.base_url = ""

    def url(self, provider: str) -> str:
        """The base URL of a provider, which may have any name without a `/`."""
        return f"{self._origin}/{provider}/v1"

    def log(self) -> list[Entry]:
        """What it saw so far."""
        return [read_entry(told) for told in self._ask("GET", "/log")["entries"]]

    def clear(self) -> None:
        """Forget the log."""
        self._ask("DELETE", "/log")

    def rewind(self) -> None:
        """Begin anew: scripts, ids, log."""
        self._ask("POST", "/rewind")

    def script(self, scripts: Mapping[str, Scripted]) -> None:
        """Add or replace scripts.

        Raises:
            ScriptError: One can't be read or played.
        """
        told = {name: _told(read_script(given)) for name, given in scripts.items()}
        try:
            self._ask("POST", "/scripts", json.dumps(told).encode())
        except HTTPError as exc:
            raise ScriptError(json.load(exc)["error"]["message"]) from exc

    def until(self, happened: Callable[[list[Entry]], object], within_s: float = 5.0) -> None:
        """Ask for the log until it says so.

        Raises:
            TimeoutError: It did not within so many seconds.
        """
        end = time.monotonic() + within_s
        while not happened(self.log()):
            if time.monotonic() > end:
                raise TimeoutError(f"the log did not say so within {within_s} s")
            time.sleep(0.01)  # another process: only asking it tells

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            RuntimeError: It ended before that.
        """
        command = [sys.executable, "-m", "tracegate.testing", *self._arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own module, by our own interpreter
        line = cast(IO[str], self._process.stdout).readline()
        if not line.startswith("base_url "):
            code = self.stop()
            raise RuntimeError(f"the simulator did not start: exit code {code}; its standard error says why")
        self.base_url = line.split()[1]
        self.script(self._scripts)

    def stop(self) -> int | None:
        """Stop it: its standard input ends. Returns its exit code, `None` where none ran."""
        process, self._process = self._process, None
        if process is None:
            return None
        cast(IO[str], process.stdin).close()
        code = process.wait(READY_S)
        cast(IO[str], process.stdout).close()
        return code

    def __enter__(self) -> SimulatorProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _origin(self) -> str:
        return self.base_url.removesuffix("/v1")

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(self._origin + path, data=body, method=method)  # noqa: S310  # our own child, on loopback
        with urllib.request.urlopen(request, timeout=READY_S) as response:  # noqa: S310  # our own child
            return json.load(response)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to end: `python -m tracegate.testing`."""
    parser = argparse.ArgumentParser(prog="python -m tracegate.testing", description="Simulated model providers.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--scripts", type=Path, help="YAML or JSON: a table of names and scripts")
    parser.add_argument("--seed", type=int, default=0, help="of the ids in answers")
    parser.add_argument("--created", type=int, help="`created` of every answer, in UTC seconds")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    given = parser.parse_args(arguments)
    try:
        scripts = yaml.safe_load(given.scripts.read_text("utf-8")) if given.scripts else {}
        if not isinstance(scripts, dict):
            raise ScriptError("a file of scripts is a table of names and scripts")
        simulator = Simulator(scripts, seed=given.seed, created=given.created, host=given.host, port=given.port)
    except (OSError, ScriptError, yaml.YAMLError) as exc:
        parser.error(str(exc))
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(_serve(simulator, until_eof=given.until_eof))
    except OSError as exc:
        parser.exit(1, f"can't listen on {given.host}:{given.port}: {exc.strerror or exc}\n")


async def _serve(simulator: Simulator, *, until_eof: bool) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with simulator:
        if until_eof:
            await loop.connect_read_pipe(lambda: _Eof(ended), sys.stdin)
        sys.stdout.write(f"base_url {simulator.base_url}\n")
        sys.stdout.flush()
        await ended.wait()


def _new_loop() -> asyncio.AbstractEventLoop:
    """The fast loop where there is one: what is tested often shares its cores with us."""
    try:
        import uvloop
    except ImportError:  # pragma: no cover  # where uvloop is not built, as on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class _Eof(asyncio.Protocol):
    """Sets an event when the input ends."""

    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        self._ended.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._ended.set()


def _told(script: Script) -> dict[str, Any]:
    return {"steps": [describe(step) for step in script.steps], "again": script.again}
