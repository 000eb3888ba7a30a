"""Serving over sockets with uvicorn: uvloop, httptools, our limits; one process or several workers.

Every worker gets the configuration that was loaded once, so that they can't differ, whatever happens to the file.
Stopping: no new connections, open requests may end, telemetry is flushed. Source: uvicorn 0.54, `server.py` and
`supervisors/multiprocess.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, NoReturn

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from tracegate.build.exchanges import exchanges
from tracegate.build.plugins import instrument_of
from tracegate.build.telemetry import Telemetry, telemetry_of
from tracegate.clock import Clock, Ids, RandomIds, SystemClock
from tracegate.config.model import Config, Listen
from tracegate.errors import ConfigError
from tracegate.server.assemble import assemble
from tracegate.server.logs import LOGGING
from tracegate.server.protocol import LimitedProtocol

if TYPE_CHECKING:
    from tracegate.build.audit import Keeping

BACKLOG = 2048
STOPS = frozenset((signal.SIGINT, signal.SIGTERM))
HEALTH_S = 10  # a worker that does not answer for so long is replaced; loading all modules takes its time too
IN_USE = 4  # exit status where another process has the audit log
DRAIN_S = 25
"""A stop waits this long for open requests. Kubernetes kills after 30 s: telemetry needs what is left of them."""


def bind(listen: Listen) -> socket.socket:
    """A socket that listens, so that clients wait from now on; raises `OSError` when the address can't be had."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    sock = socket.socket(family=family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((listen.host, listen.port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.set_inheritable(True)
    return sock


def serve(config: Config, sock: socket.socket, workers: int = 1, ready: Callable[[], None] = lambda: None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status: 0, or why nothing could be started.

    1 is a fault of the configuration or the machine, 4 an audit log that another process has open.

    Args:
        config: The configuration.
        sock: Listens already.
        workers: Processes.
        ready: Called once, when clients are served and signals stop gracefully.

    Raises:
        ConfigError: The certificate of `listen.tls` can't be used.
    """
    _check_certificate(config.listen)
    settings = _settings(
        config, app=partial(worker, config, workers), factory=True, workers=workers, log_config=LOGGING
    )
    if workers > 1:
        supervisor = Workers(settings, sockets=[sock])  # takes the signals over
        ready()
        supervisor.run()
        return 1 if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes) else 0
    try:
        Server(settings, ready).run(sockets=[sock])
    except SystemExit as exc:  # its reason was told
        return IN_USE if exc.code == IN_USE else 1
    return 0


def worker(config: Config, workers: int = 1) -> ASGIApp:
    """The application of one of several worker processes.

    It ends the process when it can't be built: with uvicorn's status, so that its supervisor does not try again, or 4.
    """
    clock, ids = SystemClock(), RandomIds()
    try:
        telemetry = telemetry_of(config, clock, ids, os.environ)
        ways = exchanges(config, clock, instrument_of(telemetry.view))
        keeping = None if config.audit.mode == "off" else _keeping(config, clock, ids, workers, telemetry)
        made = assemble(
            config,
            telemetry.view,
            active=telemetry.active,
            keep=telemetry.keep,
            clock=clock,
            ids=ids,
            exchanges=ways,
            audit=None if keeping is None else keeping.audit,
            beside=keeping,
        )
    except ConfigError as exc:
        _end(str(exc), STARTUP_FAILURE)
    if keeping is not None:
        telemetry.audited.watch(keeping.audit)
    # What is made at the start stays. Its 65,000 objects made every full collection a pause of 16 ms, measured on the
    # machine of two cores; frozen they are never looked at again. The thresholds stay Python's own: with fourteen times
    # the first one a traced request takes 0.5 % fewer instructions, counted by valgrind, and garbage stays longer.
    gc.collect()
    gc.freeze()
    return made.app


def _keeping(config: Config, clock: Clock, ids: Ids, workers: int, telemetry: Telemetry) -> Keeping | None:
    """The audit log, which has a room of its own to load: a third of all modules, and what signs."""
    from tracegate.audit.opening import InUse, StartRefused
    from tracegate.build.audit import keeping_of

    try:
        return keeping_of(
            config, clock, ids, workers=workers, dropped=telemetry.losses.spans, resource=telemetry.resource
        )
    except StartRefused as exc:
        _end(str(exc), STARTUP_FAILURE)
    except InUse as exc:
        _end(str(exc), IN_USE)
    except OSError as exc:
        _end(
            f"audit.dir: the audit log in `{config.audit.dir}` can't be written: {exc.strerror or exc}\n"
            "    make room there, choose another place, or write `audit: {mode: off}`.",
            STARTUP_FAILURE,
        )


def _end(why: str, status: int) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    sys.exit(status)


@asynccontextmanager
async def serving(app: Any, sock: socket.socket, config: Config) -> AsyncIterator[None]:
    """Serve an application inside the running loop, for tests and the demo; signals and logging are left alone."""
    started = asyncio.Event()
    server = _Quiet(_settings(config, app=app, log_config=None), started.set)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    task.add_done_callback(lambda _: started.set())
    await started.wait()
    try:
        if not task.done():
            yield
    finally:
        server.should_exit = True
        await task  # raises what stopped it


class Server(uvicorn.Server):
    """uvicorn's server, which tells when it serves, and after a signal ends well.

    Args:
        config: uvicorn's.
        ready: Called when clients are served.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start; signals are taken by then."""
        await super().startup(sockets=sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop gracefully on a signal, and forget it: uvicorn would raise it again, and end with its status."""
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()


class Workers(Multiprocess):
    """uvicorn's supervisor of worker processes; Ctrl-C, which reaches all of them at once, stops it quietly."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.should_exit = _Stop(self.signal_queue)

    def init_processes(self) -> None:
        """Start the workers; they leave Ctrl-C to us, for they inherit that it is blocked.

        One that comes meanwhile waits until all are started; ignoring it instead would lose it.
        """
        resource_tracker.ensure_running()  # else it is started with the first worker, and takes our block away
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().init_processes()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died; that one has died is seen at once, not when its answer is overdue."""
        for process in self.processes:
            process.child_conn.close()  # the worker has its own; as long as we have it too, its end is not noticed
        super().keep_subprocess_alive()


class _Stop(threading.Event):
    """Whether the supervisor is to stop. A signal counts before it is looked at.

    Else a supervisor that just waits for a worker to answer would take one that stops for one that died.
    """

    def __init__(self, signals: list[int]) -> None:
        super().__init__()
        self._signals = signals

    def is_set(self) -> bool:
        return super().is_set() or bool(STOPS & {*self._signals})


class _Quiet(Server):
    """A server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _check_certificate(listen: Listen) -> None:
    """uvicorn would say it with a traceback, and every worker again."""
    if listen.tls is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(listen.tls.cert, listen.tls.key)
    except OSError as exc:  # ssl.SSLError is one
        why = exc.strerror or exc
        raise ConfigError(f"listen.tls: `{listen.tls.cert}` with `{listen.tls.key}` can't be used: {why}") from exc


def _settings(config: Config, **kwargs: Any) -> uvicorn.Config:
    tls = config.listen.tls
    return uvicorn.Config(
        http=LimitedProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_worker_healthcheck=HEALTH_S,
        ssl_certfile=None if tls is None else tls.cert,
        ssl_keyfile=None if tls is None else tls.key,
        **kwargs,
    )
