"""The gateway without a network behind it: `python -m tests.bench.in_memory FILE`.

It is made as `tracegate.server.serve.worker` makes it, but for the exchange, which is the test kit's. What it costs is
what the gateway costs by itself, and the little that the kit takes for an answer.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys

import uvloop

from tests.bench.work import CREATED, KINDS, step
from tracegate.build.telemetry import telemetry_of
from tracegate.clock import RandomIds, SystemClock
from tracegate.config.load import load
from tracegate.server.assemble import assemble
from tracegate.server.serve import bind, serving
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.simulator_log import Log

LOGGED = 1  # calls that the exchange remembers: a provider costs the gateway no memory


async def main(file: str) -> None:
    """Serve until SIGTERM."""
    config = load(file, os.environ)
    clock, ids = SystemClock(), RandomIds()
    telemetry = telemetry_of(config, clock, ids, os.environ)
    scripts = {f"{kind}/*": step(how) for kind, how in KINDS.items()}
    exchange = MemoryExchange(clock, scripts, log=Log(keep=LOGGED), created=CREATED)
    ways = dict.fromkeys(config.providers, exchange)
    made = assemble(config, telemetry.view, active=telemetry.active, clock=clock, ids=ids, exchanges=ways)
    gc.collect()
    gc.freeze()  # as `worker` does
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with serving(made.app, bind(config.listen), config):
        await ended.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
