"""Plays the load: gateways in this process, simulated providers, clients that ask one after another.

A gateway exports its metrics exactly when it is told to, so it is known what each sample in Prometheus must say.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dashboards.check.kept import NONE, Kept, kept
from dashboards.check.scenes import Scene, configuration
from dashboards.check.truth import Request, request
from tracegate.audit.disk import Disk
from tracegate.audit.process import Audit
from tracegate.build.audit import keeping_of
from tracegate.build.telemetry import telemetry_of
from tracegate.clock import RandomIds, SystemClock
from tracegate.config.load import load
from tracegate.server.assemble import assemble
from tracegate.server.serve import bind, serving
from tracegate.telemetry.view import View
from tracegate.testing.simulator import Simulator

CLOCK, IDS = SystemClock(), RandomIds()

FLUSH_NS = 5_000_000_000
PATIENCE_S = 20.0


@dataclass
class Gateway:
    """A gateway that serves, and what it was asked so far.

    Args:
        job: Its `service.name`, which is the label `job` in Prometheus.
        port: Where it serves.
        view: What exports.
        simulator: Its providers; nobody else asks them at the same time.
        log: The folder of its audit log.
        audit: That log, for what is done to it.
        late: Whether what is asked now comes after the first export.
        before, after: Its audit log, when it began to export for the last time and when it had.
    """

    job: str
    port: int
    view: View
    simulator: Simulator
    log: Path
    audit: Audit
    requests: list[Request] = field(default_factory=list)
    late: bool = False
    before: Kept = NONE
    after: Kept = NONE

    async def export(self) -> None:
        """Export everything, metrics last, now; notes how its audit log stood before and after."""
        self.before = kept(self.log)
        await self.view.flush(CLOCK.now() + FLUSH_NS)
        self.after = kept(self.log)

    async def audited(self) -> None:
        """Somebody reads a record, and has one erased; all that was asked is closed by then."""
        record = kept(self.log).records[0]
        await self.audit.was_read("auditor", "show", [record], 1)
        await self.audit.erase([record], "auditor", "asked for")

    async def play(self, scenes: Sequence[Scene]) -> None:
        """Ask for each scene as often as it says."""
        for scene in scenes:
            for _ in range(scene.times):
                await self.ask(scene)

    async def ask(self, scene: Scene, begun: asyncio.Event | None = None) -> None:
        """Ask once, and keep what the client saw and the providers logged.

        Args:
            scene: What is asked.
            begun: Set when the answer's head has come, for one that is held open over an export.
        """
        log = self.simulator.log
        first, began = log.count, CLOCK.now()
        status = await _client(self.port, scene, begun or asyncio.Event())
        took = (CLOCK.now() - began) / 1e9
        # A provider may notice later than the client that a call is over.
        await self.simulator.until(lambda log: all(entry.over for entry in log))
        entries = [entry for entry in log if entry.number >= first]
        self.requests.append(request(self.job, scene, entries, status, took, late=self.late, held=begun is not None))


@asynccontextmanager
async def gateway(
    job: str, simulator: Simulator, environ: Mapping[str, str], *, ship: str = "none", disk: Disk | None = None
) -> AsyncIterator[Gateway]:
    """A gateway in front of the simulated providers.

    Args:
        job: Its `service.name`, and the replica of its audit log.
        simulator: The providers.
        environ: Its environment: where telemetry goes.
        ship: Where leaves of its audit log go.
        disk: What that log is written with.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tracegate.yaml"
        file.write_text(configuration(simulator.base_url.removesuffix("/v1"), job, ship), "utf-8")
        config = load(str(file), environ)
        telemetry = telemetry_of(config, CLOCK, IDS, environ)
        keeping = keeping_of(config, CLOCK, IDS, resource=telemetry.resource, disk=disk)
        assert keeping is not None  # noqa: S101  # it is configured so
        telemetry.audited.watch(keeping.audit)
        made = assemble(
            config,
            telemetry.view,
            active=telemetry.active,
            keep=telemetry.keep,
            clock=CLOCK,
            ids=IDS,
            audit=keeping.audit,
            beside=keeping,
        )
        sock = bind(config.listen)
        async with serving(made.app, sock, config):
            port = sock.getsockname()[1]
            log = Path(config.audit.dir) / "/".join(keeping.audit.epoch.origin.split("/")[-2:])
            yield Gateway(job, port, telemetry.view, simulator, log, keeping.audit)


async def _client(port: int, scene: Scene, begun: asyncio.Event) -> int:
    """One chat completion over a connection of its own; returns the status."""
    body = {"model": scene.route, "stream": scene.stream, "messages": [{"role": "user", "content": "hi"}]}
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-length: {len(data)}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(head.encode() + data)
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            begun.set()
            length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), None)
            if length is not None:
                await reader.readexactly(length)
            else:
                await _chunks(reader, scene.leave_after)
    finally:
        writer.close()
        with suppress(OSError):  # what the other end did to the connection meanwhile
            await writer.wait_closed()
    return int(lines[0].split()[1])


async def _chunks(reader: asyncio.StreamReader, leave_after: int | None) -> None:
    """A chunked body to its end, or so many chunks of it."""
    seen = 0
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
        seen += 1
        if seen == leave_after:
            return
    await reader.readline()
