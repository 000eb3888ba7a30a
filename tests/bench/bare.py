"""The yardstick: `python -m tests.bench.bare FILE`, a Starlette handler that reads the body and answers.

Served as `tracegate serve` serves: one worker, uvicorn with uvloop, httptools and our protocol, where the
configuration says. Its answer is the very bytes that the provider sends.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.bench.work import KINDS, PATH, answer
from tracegate.config.load import load
from tracegate.server.serve import bind, serving

HEADERS = {"x-request-id": "0199f3a1-7a5e-7c10-8f3e-2b1c5d7e9f00", "cache-control": "no-store", "x-bench": "bare"}
SMALL = 4_096  # bytes; requests up to here are answered with 1 KB, larger ones with 32


async def app() -> Starlette:
    """A handler that does nothing but answer."""
    small, large = (await answer(KINDS["unary"]))[0], (await answer(KINDS["large"]))[0]

    async def handler(request: Request) -> Response:
        body = await request.body()
        content = small if len(body) < SMALL else large
        return Response(content, media_type="application/json", headers=HEADERS)

    return Starlette(routes=[Route(PATH, handler, methods=["POST"])])


async def main(file: str) -> None:
    """Serve until SIGTERM."""
    config = load(file, os.environ)
    handler = await app()
    gc.collect()
    gc.freeze()  # as `tracegate.server.serve.worker` does
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with serving(handler, bind(config.listen), config):
        await ended.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
