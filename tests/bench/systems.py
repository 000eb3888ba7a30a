"""The systems under test, each in a process of its own: `python -m tests.bench.systems SYSTEM …`.

All are served alike, as `tracegate serve` serves: one worker, uvicorn with uvloop, httptools and our protocol. The bare
handler is what anybody writes with Starlette: it reads the body and answers the provider's bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.bench.child import until_stdin_ends
from tests.bench.work import PATH, SCRIPTS, work
from tracegate.build.telemetry import telemetry_of
from tracegate.clock import RandomIds, SystemClock
from tracegate.config.load import load
from tracegate.config.model import Config
from tracegate.server.assemble import assemble
from tracegate.server.serve import bind, serving, worker
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.simulator_log import Log

SYSTEMS = ("bare", "memory", "httpx")
HEADERS = {"x-request-id": "0199f3a1-7a5e-7c10-8f3e-2b1c5d7e9f00", "cache-control": "no-store", "x-bench": "bare"}
CREATED = 1_700_000_000  # of every answer, so that the exchange in memory plans each kind once
LOGGED = 1  # calls that the exchange in memory remembers: a provider costs the gateway no memory


async def bare() -> Starlette:
    """The yardstick: a Starlette handler that does nothing but answer."""
    whole, chunks = (await work(stream=False)).answer[0], (await work(stream=True)).answer

    async def handler(request: Request) -> Response:
        body = await request.body()
        if b'"stream": true' not in body:
            return Response(whole, media_type="application/json", headers=HEADERS)
        return StreamingResponse(streamed(), media_type="text/event-stream", headers=HEADERS)

    async def streamed() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return Starlette(routes=[Route(PATH, handler, methods=["POST"])])


def gateway(config: Config) -> ASGIApp:
    """The gateway over the exchange in memory, otherwise as `tracegate.server.serve.worker` makes it."""
    clock, ids = SystemClock(), RandomIds()
    telemetry = telemetry_of(config, clock, ids, os.environ)
    exchange = MemoryExchange(clock, SCRIPTS, log=Log(keep=LOGGED), created=CREATED)
    ways = dict.fromkeys(config.providers, exchange)
    return assemble(config, telemetry.view, active=telemetry.active, clock=clock, ids=ids, exchanges=ways).app


async def main(system: str, file: str) -> None:
    """Serve until the input ends."""
    config = load(file, os.environ)
    app: ASGIApp
    match system:
        case "bare":
            app = await bare()
        case "memory":
            app = gateway(config)
        case _:
            app = worker(config)
    gc.collect()
    gc.freeze()  # as `worker` does
    sock = bind(config.listen)
    async with serving(app, sock, config):
        sys.stdout.write(json.dumps({"port": sock.getsockname()[1]}) + "\n")
        sys.stdout.flush()
        await until_stdin_ends()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("file")
    parser.add_argument("--core", type=int)
    given = parser.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given.system, given.file))
