"""Serving over sockets with uvicorn: uvloop, httptools, our limits; one process or several workers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from tracegate.build.exchanges import exchanges
from tracegate.build.plugins import instrument_of
from tracegate.build.telemetry import telemetry_of
from tracegate.clock import RandomIds, SystemClock
from tracegate.config.load import load
from tracegate.config.model import Config, Listen
from tracegate.server.assemble import assemble
from tracegate.server.protocol import LimitedProtocol

CONFIG_VARIABLE = "TRACEGATE_CONFIG"
"""Tells worker processes which file to read; empty for the environment's providers."""

BACKLOG = 2048
DRAIN_S = 30  # a stop waits this long for open requests, then cancels them


def bind(listen: Listen) -> socket.socket:
    """A listening socket; raises `OSError` when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    sock = socket.socket(family=family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((listen.host, listen.port))
    except OSError:
        sock.close()
        raise
    sock.set_inheritable(True)
    return sock


def serve(config: Config, sock: socket.socket, workers: int = 1) -> None:
    """Serve until a signal stops it."""
    os.environ[CONFIG_VARIABLE] = config.file or ""
    settings = _settings(config, app="tracegate.server.serve:worker", factory=True, workers=workers)
    if workers == 1:
        uvicorn.Server(settings).run(sockets=[sock])
    else:
        Multiprocess(settings, sockets=[sock]).run()


def worker() -> Starlette:
    """The application of one worker process: it reads the configuration that `serve` named."""
    config = load(os.environ.get(CONFIG_VARIABLE) or None, os.environ)
    clock, ids = SystemClock(), RandomIds()
    view = telemetry_of(config, clock, ids, os.environ).view
    ways = exchanges(config, clock, instrument_of(view))
    return assemble(config, view, clock=clock, ids=ids, exchanges=ways).app


@asynccontextmanager
async def serving(app: Any, sock: socket.socket, config: Config) -> AsyncIterator[None]:
    """Serve an application inside the running loop, for tests and the demo."""
    server = _Quiet(_settings(config, app=app))
    task = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:
        if task.done():
            await task
            raise RuntimeError("the server stopped before it started")
        await asyncio.sleep(0.001)
    try:
        yield
    finally:
        server.should_exit = True
        await task


class _Quiet(uvicorn.Server):
    """A server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _settings(config: Config, **kwargs: Any) -> uvicorn.Config:
    tls = config.listen.tls
    return uvicorn.Config(
        http=LimitedProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=max(1, config.limits.keep_alive_ns // 1_000_000_000),
        timeout_graceful_shutdown=DRAIN_S,
        ssl_certfile=None if tls is None else tls.cert,
        ssl_keyfile=None if tls is None else tls.key,
        **kwargs,
    )
