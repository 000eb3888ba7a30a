"""A process of the benchmark: started by a command, says in one line of JSON that it is ready, ends with its input."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Any

from tests.house.repository import ROOT

PATIENCE_S = 30.0


class Child:
    """A Python module in a process of its own; a context manager.

    Args:
        module: Run with `-m`.
        arguments: For it.
    """

    def __init__(self, module: str, arguments: Sequence[str] = ()) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready: dict[str, Any] = {}
        self.said: dict[str, Any] = {}

    def wait(self) -> None:
        """Wait until it is ready; `ready` is what it said then.

        Raises:
            RuntimeError: It ended before that.
        """
        line = _pipe(self._process.stdout).readline()
        if not line.startswith("{"):
            raise RuntimeError(f"a process did not start: exit code {self._process.wait(PATIENCE_S)}, {line!r}")
        self.ready = json.loads(line)

    def stop(self) -> None:
        """End it, if it still runs; `said` is the last thing it said."""
        if _pipe(self._process.stdout).closed:
            return
        if self._process.poll() is None:
            _pipe(self._process.stdin).close()
        rest = _pipe(self._process.stdout).read()
        self._process.wait(PATIENCE_S)
        _pipe(self._process.stdout).close()
        if rest.strip():
            self.said = json.loads(rest.strip().splitlines()[-1])

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


async def until_stdin_ends() -> None:
    """Return when nobody holds our standard input any more."""
    ended = asyncio.Event()

    class Input(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            ended.set()

    await asyncio.get_running_loop().connect_read_pipe(Input, sys.stdin)
    await ended.wait()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # both are pipes
    return stream
