"""Gateways without the cost of a start: `tracegate serve`, each in a process that is forked from one that is loaded.

`python -m tests.torture.gateways` is that one: a line of its input is the file of a configuration and how many workers,
its answer is the id of a process and the port on which it listens already.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from msgspec.structs import replace

from tests.house.repository import ROOT
from tests.torture.lives import piped
from tracegate.config.load import load
from tracegate.server.serve import bind, serve, worker


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that was started.

    Args:
        process: Its id.
        port: On 127.0.0.1.
    """

    process: int
    port: int

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, number)


class Gateways:
    """Starts gateways; a context manager, at whose end none is left.

    Args:
        before: What stands before the command, to trace them all.
        log: What they write.
    """

    def __init__(self, log: Path, before: Sequence[str] = ()) -> None:
        self._before = before
        self._log = log
        self._started: list[Gateway] = []
        self._process: subprocess.Popen[str] | None = None

    def start(self, file: Path) -> Gateway:
        """Start one; clients may connect at once."""
        assert self._process is not None
        piped(self._process.stdin).write(f"{file}\n")
        process, port = piped(self._process.stdout).readline().split()
        self._started.append(Gateway(int(process), int(port)))
        return self._started[-1]

    def end(self, gateway: Gateway, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait until it is gone; see `ended`."""
        gateway.signal(number)
        return self.ended(gateway)

    def ended(self, gateway: Gateway) -> int:
        """Wait until it is gone; returns its exit status, below 0 the signal that ended it."""
        assert self._process is not None
        self._started.remove(gateway)
        piped(self._process.stdin).write(f"wait {gateway.process}\n")
        return int(piped(self._process.stdout).readline())

    def __enter__(self) -> Gateways:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._before, sys.executable, "-m", "tests.torture.gateways"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        for gateway in [*self._started]:
            self.end(gateway, signal.SIGKILL)
        with self._process:
            piped(self._process.stdin).close()


def main() -> None:
    """Fork until the input ends."""
    warm = False
    while line := sys.stdin.readline().split():
        if line[0] == "wait":
            told = str(os.waitstatus_to_exitcode(os.waitpid(int(line[1]), 0)[1]))
        else:
            config = load(line[0], os.environ)
            if not warm:  # what every worker loads and makes first is there then
                warm = bool(worker(replace(config, audit=replace(config.audit, mode="off"))))
            sock = bind(config.listen)
            process = os.fork()
            if process == 0:
                os.dup2(2, 1)  # what is said to whoever started us is no answer of ours
                try:
                    status = serve(config, sock)
                except BaseException:  # noqa: BLE001  # whatever it is, it must not come to the parent's loop
                    traceback.print_exc()
                    status = 1
                os._exit(status)
            told = f"{process} {sock.getsockname()[1]}"
            sock.close()
        os.write(1, f"{told}\n".encode())


if __name__ == "__main__":
    main()
