"""A gateway in a process of its own, with a ticker on its loop: `python -m tests.agreement.gateway_process FILE`.

It prints its port, serves until its standard input ends, and then prints when each tick was due and when it came.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import uvloop

from tracegate.build.audit import keeping_of
from tracegate.build.telemetry import telemetry_of
from tracegate.clock import RandomIds, SystemClock
from tracegate.config.load import load
from tracegate.server.assemble import assemble
from tracegate.server.serve import bind, serving
from tracegate.testing.audit import InlineLane, MemoryDisk
from tracegate.testing.lag import LagTicker

GIVES_WAY = 2
"""How much nicer than its neighbours the gateway runs: it is measured, they measure it."""


async def main(file: str) -> None:
    """Serve until standard input ends."""
    os.nice(GIVES_WAY)
    config = load(file, os.environ)
    clock, ids = SystemClock(), RandomIds()
    view = telemetry_of(config, clock, ids, os.environ).view
    # The disk of a test machine and a second thread are not what is measured: the log's work is the loop's here.
    keeping = keeping_of(config, clock, ids, disk=MemoryDisk(), lane=InlineLane())
    assert keeping is not None
    sock = bind(config.listen)
    app = assemble(config, view, clock=clock, ids=ids, audit=keeping.audit, beside=keeping).app
    async with serving(app, sock, config), LagTicker() as ticker:
        tell(str(sock.getsockname()[1]))
        await asyncio.to_thread(sys.stdin.read)
    tell_ticks(ticker)


@asynccontextmanager
async def ticked(module: str, *arguments: str, ticker: LagTicker, env: Mapping[str, str]) -> AsyncIterator[str]:
    """Run such a module with some more variables; gives its line, and afterwards `ticker` has what was measured."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env={**os.environ, **env},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield json.loads(await process.stdout.readline())
    finally:
        told, _ = await asyncio.wait_for(process.communicate(b""), 30)
    ticks = json.loads(told)
    ticker._due = [due for due, _ in ticks]
    ticker._seen = [seen for _, seen in ticks]


def tell(value: object) -> None:
    """Print a line of JSON, at once."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def tell_ticks(ticker: LagTicker) -> None:
    """Print when each tick was due and when it came."""
    tell(list(zip(ticker._due, ticker._seen, strict=False)))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
