"""Starts and ends the servers, one by one or together, and knows how to reach each.

Everything is below one folder: configurations, data, logs and the state file. What a `Stack` started it ends, in the
other order, when its context ends; `tracegate stack up` is the one that leaves it running, and `down` ends it from the
state file.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tracegate.clock import Clock, Ids, RandomIds, SystemClock
from tracegate.stack import building, places, ports, state
from tracegate.stack.fetch import Unreached, ask
from tracegate.stack.parts import StackError
from tracegate.stack.process import Process, spawn
from tracegate.stack.readers import Jaeger, Prometheus, VictoriaLogs
from tracegate.stack.servers import PROGRAMS, JaegerStore, Plan, Server, bundled_rules, health, servers

READY_NS = 30_000_000_000
END_NS = 30_000_000_000
"""What a server gets to write down what it holds, before it is killed."""

_EVERY_NS = 20_000_000


class Stack:
    """Collector, Jaeger, Prometheus and VictoriaLogs; an async context manager.

    Args:
        folder: For everything it writes; it must not exist. By default a temporary one, removed at the end.
        jaeger_store: `badger` keeps traces on disk, over a restart too.
        durable: The Collector keeps its queues on disk.
        rules: Files of recording and alert rules for Prometheus; by default those of `dashboards/rules`.
        usual: Take the ports that people expect, where they are free.
        programs: Path by program; by default what `collector/build` made.
        checkout: Where `collector/config` is; by default the one that this package runs from.
        clock, ids: Time and randomness.

    Raises:
        StackError: A program is not built, or a server does not start: then none is left running.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        jaeger_store: JaegerStore = "memory",
        durable: bool = False,
        rules: Sequence[Path] | None = None,
        usual: bool = False,
        programs: Mapping[str, Path] | None = None,
        checkout: Path | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        checkout = checkout or places.checkout()
        if programs is None:
            programs = building.programs(list(PROGRAMS.values()))
        rules = bundled_rules(checkout) if rules is None else rules
        chosen = ports.choose(ids or RandomIds(), usual=usual)
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="tracegate-stack-"))
        else:
            try:
                folder.mkdir(parents=True)
            except FileExistsError as exc:
                raise StackError(f"`{folder}` exists and is no stack's; remove it") from exc
        self.plan = Plan(checkout, folder.resolve(), chosen, programs, jaeger_store, durable, tuple(rules))
        self.servers = servers(self.plan)
        self.processes: dict[str, Process] = {}
        self.jaeger = Jaeger(self.plan.url("jaeger"))
        self.prometheus = Prometheus(self.plan.url("prometheus"))
        self.victorialogs = VictoriaLogs(self.plan.url("victorialogs"))

    @property
    def otlp_http(self) -> str:
        """For `OTEL_EXPORTER_OTLP_ENDPOINT` with `http/protobuf`."""
        return self.plan.url("otlp_http")

    @property
    def otlp_grpc(self) -> str:
        """For `OTEL_EXPORTER_OTLP_ENDPOINT` with `grpc`; without TLS."""
        return self.plan.url("otlp_grpc")

    @property
    def otlp_audit(self) -> str:
        """For `audit.ship`."""
        return self.plan.url("otlp_audit")

    @property
    def archive(self) -> Path:
        """The folder of the files in which a durable Collector keeps leaves of the audit log."""
        return self.plan.data("collector") / "archive"

    @property
    def collector_metrics(self) -> str:
        """The Collector's own metrics, as Prometheus scrapes them."""
        return self.plan.url("collector_metrics") + "/metrics"

    async def up(self) -> None:
        """Start all, each when those before it are ready; raises `StackError` when one does not get ready."""
        try:
            self._tell()
            for name in self.servers:
                await self.start(name)
        except BaseException:
            await self.down()
            raise

    async def down(self) -> None:
        """End all that run, and remove the folder."""
        await end(self.processes, self._clock)
        shutil.rmtree(self.plan.folder)

    async def start(self, name: str) -> None:
        """Start a server, with the data it had, and wait until it is ready."""
        server = self._server(name)
        if (old := self.processes.get(name)) is not None and old.alive():
            raise StackError(f"`{name}` runs already, as process {old.pid}")
        for folder in server.folders:
            folder.mkdir(parents=True, exist_ok=True)
        for path, text in server.files.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        self.processes[name] = spawn(server.command, {**_base(), **server.env}, self._log(name))
        self._tell()
        await self._ready(server)

    async def stop(self, name: str) -> int | None:
        """Ask a server to end (SIGTERM), wait until it has, and return its exit code.

        Raises:
            StackError: It still ran after `END_NS`, and still does.
        """
        return await self._end(name, signal.SIGTERM)

    async def kill(self, name: str) -> int | None:
        """End a server at once (SIGKILL), as a crash does."""
        return await self._end(name, signal.SIGKILL)

    def log(self, name: str) -> str:
        """What a server wrote, over all its starts."""
        self._server(name)
        return self._log(name).read_text("utf-8", "replace")

    async def __aenter__(self) -> Stack:
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.down()

    def _server(self, name: str) -> Server:
        if name not in self.servers:
            raise StackError(f"there is no server `{name}`; there are {', '.join(f'`{one}`' for one in self.servers)}")
        return self.servers[name]

    def _tell(self) -> None:
        state.write(self.plan.folder, state.State(self.plan.ports, self.processes))

    def _log(self, name: str) -> Path:
        return self.plan.folder / "log" / f"{name}.log"

    async def _end(self, name: str, number: int) -> int | None:
        self._server(name)
        if (process := self.processes.get(name)) is None:
            raise StackError(f"`{name}` was not started")
        process.send(number)
        if not await process.ended(self._clock.now() + END_NS, self._clock):
            raise StackError(f"`{name}` still runs {END_NS // 1_000_000_000} s after signal {number}")
        return process.code

    async def _ready(self, server: Server) -> None:
        process = self.processes[server.name]
        by = self._clock.now() + READY_NS
        said = "nothing"
        while process.alive():
            try:
                answer = await ask(health(server.name, self.plan.ports))
                if answer.status == 200:
                    return
                said = f"{answer.status} {answer.text().strip()}"
            except Unreached as exc:
                said = str(exc)
            if self._clock.now() >= by:
                raise StackError(f"`{server.name}` is not ready after {READY_NS // 1_000_000_000} s: {said}")
            await self._clock.sleep_until(self._clock.now() + _EVERY_NS)
        tail = "\n".join(f"  {line}" for line in self.log(server.name).splitlines()[-15:])
        raise StackError(f"`{server.name}` ended at its start with exit code {process.code}; its log ends with\n{tail}")


async def end(processes: Mapping[str, Process], clock: Clock) -> None:
    """End servers, the last that was started first; one that does not end in `END_NS` is killed."""
    for process in reversed(list(processes.values())):
        process.send(signal.SIGTERM)
        if not await process.ended(clock.now() + END_NS, clock):
            process.send(signal.SIGKILL)
            await process.ended(clock.now() + END_NS, clock)


def _base() -> dict[str, str]:
    """What every server needs of the environment; an OTEL_* of ours would change what it does."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
