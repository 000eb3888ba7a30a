"""A gateway in a process of its own, with a ticker on its loop: `python -m tests.agreement.gateway_process FILE`.

It prints its port, serves until its standard input ends, and then prints when each tick was due and when it came.
"""

from __future__ import annotations

import asyncio
import os
import sys

import uvloop

from tests.agreement.ticked import tell, tell_ticks
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


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
