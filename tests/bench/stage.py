"""The processes of a run: the provider, the systems with a receiver for each that traces, and who has which core.

Where there are two cores or more, the systems have the first to themselves, one for each worker where half of the cores
are enough for that; clients, provider and receivers share the others.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.bench.child import Child
from tests.bench.systems import DIRECT, OURS, System, ask, installed, start
from tests.bench.usage import cpu_ns, family
from tests.bench.work import Ask, Provider
from tests.house.repository import ROOT
from tests.server.certificate import certificate

START_S = 90.0  # LiteLLM takes 25 s on a busy core
ANSWER_S = 20.0  # the first one may wait for a lot of imports
AGAIN_S = 0.005  # between two looks at whether a system answers
STOP_S = 30.0
SLOW_S = 5  # of a receiver that answers late
SPANS = 3
"""Of a plain success: SERVER, route, attempt."""


class NotStarted(Exception):
    """A system that gave no right answer in time; the text has the end of what it said."""


@dataclass(slots=True)
class Running:
    """One system that runs.

    Args:
        system: Which.
        port: Where it listens.
        provider: Where it sends requests.
        process: Its first process; `None` for the provider itself.
        log: What it writes.
        sink: Its receiver.
        began: Monotonic seconds when it was started.
        spans: How many its receiver must have got when both are stopped.
    """

    system: System
    port: int
    provider: Provider
    process: subprocess.Popen[bytes] | None = None
    log: Path | None = None
    sink: Child | None = None
    began: float = 0.0
    spans: int = 0
    _family: list[int] = field(default_factory=list)

    def ask(self, route: str) -> Ask:
        """What a client sends for a route."""
        return ask(self.system, route, self.port, self.provider)

    def family(self) -> list[int]:
        """Its processes."""
        if self.process is not None and not self._family:
            self._family = family(self.process.pid)
        return self._family

    def cpu_ns(self) -> int:
        """User and system time of its processes so far."""
        return cpu_ns(self.family())

    def served(self, requests: int, attempts: int = 1) -> None:
        """So many requests were answered, of which each needed so many attempts."""
        self.spans += requests * (SPANS - 1 + attempts)

    def started(self) -> float:
        """Wait for its first right answer; returns seconds from its start.

        Raises:
            NotStarted: None came in time.
        """
        wanted = self.ask("unary")
        while time.monotonic() < self.began + START_S:
            if _answered(self.port, wanted):
                self.served(1)
                return time.monotonic() - self.began
            if self.process is not None:
                try:
                    self.process.wait(AGAIN_S)
                except subprocess.TimeoutExpired:
                    continue
                break  # it ended
        said = "" if self.log is None else self.log.read_text("utf-8", "replace")[-3000:]
        raise NotStarted(f"{self.system.title} gives no right answer\n{said}")


class Stage:
    """All processes; a context manager.

    Args:
        systems: Started with it, all at once.
        pinned: Whether the systems have cores of their own.
    """

    def __init__(self, systems: Sequence[System], *, pinned: bool) -> None:
        self.running: dict[System, Running] = {}
        self.provider = Provider(0, 0, 0, "")
        self._systems, self._pinned = systems, pinned
        self._mine = sorted(os.sched_getaffinity(0))
        self._stack = ExitStack()
        self._folder = Path()
        self._launched = 0

    def counts(self) -> tuple[int, int]:
        """How many requests the provider refused with 429, and how many it answered."""
        url = f"http://127.0.0.1:{self.provider.plain}/counts"
        with urllib.request.urlopen(url, timeout=10) as answer:  # our own child
            told = json.load(answer)
        return told.get("limited", 0), told.get("answered", 0)

    @contextmanager
    def fresh(self, system: System) -> Iterator[Running]:
        """One more process of a system, for as long; it may not have answered yet."""
        running = self._launch(system)
        try:
            yield running
        finally:
            _end([running])

    def stop(self) -> dict[System, tuple[int | None, int]]:
        """Stop every system, which sends what it still has.

        Returns:
            Spans made and arrived of each whose receiver is up; how many another gateway makes is not known.
        """
        _end([*self.running.values()])
        found: dict[System, tuple[int | None, int]] = {}
        for system, running in self.running.items():
            if system.collector == "up" and running.sink is not None:
                made = running.spans if system.name in OURS else None
                found[system] = made, int(running.sink.said["spans"])
        return found

    def __enter__(self) -> Stage:
        for system in self._systems:
            installed(system)  # before anything runs: it may take minutes
        with ExitStack() as stack:
            stack.callback(os.sched_setaffinity, 0, self._mine)
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tracegate-bench-")))
            os.sched_setaffinity(0, self._others())
            cert, key = certificate()
            child = stack.enter_context(Child("tests.bench.provider", [cert, key]))
            child.wait()
            self.provider = Provider(**child.ready, cert=cert)
            stack.callback(lambda: _end([*self.running.values()]))
            for system in self._systems:
                self.running[system] = self._launch(system)
            for running in self.running.values():
                running.started()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _launch(self, system: System) -> Running:
        if system == DIRECT:
            return Running(system, self.provider.plain, self.provider, began=time.monotonic())
        self._launched += 1
        folder = self._folder / str(self._launched)
        folder.mkdir()
        running = Running(system, _free_port(), self.provider, log=folder / "log")
        collector = None
        if system.collector in ("up", "slow"):
            running.sink = Child("tests.bench.sink", ["--delay", str(SLOW_S)] if system.collector == "slow" else [])
            running.sink.wait()
            collector = f"http://127.0.0.1:{running.sink.ready['port']}"
        elif system.collector == "down":
            collector = f"http://127.0.0.1:{_free_port()}"
        how = start(system, folder, running.port, self.provider, collector)
        with open(folder / "log", "wb") as log, self._cores(system):
            running.began = time.monotonic()
            running.process = subprocess.Popen(
                how.command, cwd=ROOT, env={**_environment(), **how.environment}, stdout=log, stderr=log
            )
        return running

    @contextmanager
    def _cores(self, system: System) -> Iterator[None]:
        """Whoever is started meanwhile has the cores that are kept for systems."""
        if not self._pinned or len(self._mine) < 2:
            yield
            return
        wanted = system.workers if system.workers <= len(self._mine) // 2 else 1
        os.sched_setaffinity(0, self._mine[:wanted])
        try:
            yield
        finally:
            os.sched_setaffinity(0, self._others())

    def _others(self) -> list[int]:
        if not self._pinned or len(self._mine) < 2:
            return self._mine
        return self._mine[len(self._mine) // 2 :]


def _environment() -> dict[str, str]:
    """Ours, with bytecode kept: what pip installs is compiled, so no start of a user's compiles anything either."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _answered(port: int, wanted: Ask) -> bool:
    """Whether a request is answered, and right."""
    got = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as client:
            client.sendall(wanted.request)
            while piece := client.recv(65_536):
                got += piece
                head, _, body = got.partition(b"\r\n\r\n")
                if wanted.right(head, body):
                    return True
                if body and not head.startswith(b"HTTP/1.1 200 "):
                    return False
    except OSError:
        pass
    return False


def _end(running: Sequence[Running]) -> None:
    """Stop systems, all at once, then their receivers."""
    for one in running:
        if one.process is not None and one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
    for one in running:
        if one.process is not None:
            try:
                one.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()
                sys.stderr.write(f"{one.system.title} had to be killed\n")
        if one.sink is not None:
            one.sink.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
