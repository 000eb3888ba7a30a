"""The two ways to a simulated provider: straight to it, and through a gateway that stands before it.

Both are real servers on real sockets, in a thread with a loop of its own, so that clients of every kind can be run
from a plain test. The gateway runs as `serve` runs it; its view only collects. Each request makes one attempt: what
retries do beyond that is no difference between the two ways but a setting.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvloop

from tests.agreement.house import loaded
from tracegate.clock import RandomIds, SystemClock
from tracegate.dialects.rows import ROWS
from tracegate.record import Recorder
from tracegate.server.assemble import assemble
from tracegate.server.serve import bind, serving
from tracegate.testing.audit import MemoryLog
from tracegate.testing.collected import Collected
from tracegate.testing.script_text import Scripted
from tracegate.testing.simulator import Simulator
from tracegate.testing.simulator_log import Entry
from tracegate.testing.wire_flavour import FLAVOURS

CLIENT_KEY = "sk-client-0123456789abcdef"
PROVIDER_KEY = "sk-provider-0123456789abcdef"
MODEL = "simulated-4-2026-08-07"
CREATED = 1_795_359_164
ONCE = 60  # targets that one case each may spoil: a provider that says when to come back is left alone until then
LIMIT = "100ms"
BODY = 100_000
WITHIN_S = 5.0

CONFIG = """
gateway: {{name: tracegate-test, node: node-1}}
listen: 127.0.0.1:0
limits: {{body: {body}B}}
retry: 0
keys: {{app: {{key: "{client_key}"}}}}
providers:
{providers}
  alone: {{row: openai, base_url: "{openai}", key: {key}, pool: {{idle: 1ms}}}}
targets:
  impatient:
    provider: openai
    model: {model}-impatient
    timeouts: {{attempt: {limit}, first_token: {limit}, idle: {limit}}}
  deadline: {{provider: openai, model: {model}-deadline}}
routes:
{routes}
  alias-openai-deadline: {{target: deadline, deadline: {limit}}}
"""


@dataclass(frozen=True)
class Way:
    """One way, as a client is configured for it; nothing else differs between the two."""

    base_url: str
    model: str

    @property
    def through(self) -> bool:
        """Whether the gateway stands in it."""
        return self.model.startswith("alias-")


class Counted:
    """An ASGI application that tells how many of its requests are under way."""

    def __init__(self, app: Any, changed: threading.Condition) -> None:
        self.open = 0
        self._app = app
        self._changed = changed

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self.open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.open -= 1
            with self._changed:
                self._changed.notify_all()


class Ways:
    """A simulator and a gateway before it; used from another thread than theirs.

    Args:
        sim: The simulator.
        origin: Of the gateway.
        view: What the gateway recorded.
        counted: The gateway's application.
        changed: Notified when a request of the gateway is over.
        loop: Of both servers.
    """

    def __init__(
        self,
        sim: Simulator,
        origin: str,
        view: Collected,
        counted: Counted,
        changed: threading.Condition,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.sim = sim
        self.origin = origin
        self._view = view
        self._counted = counted
        self._changed = changed
        self.loop = loop
        self._once = iter(range(ONCE))

    def play(self, script: Scripted, provider: str = "openai", *, target: str = "") -> tuple[Way, Way]:
        """Let a provider's model follow a script; returns the way straight to it, and the one through the gateway.

        Args:
            script: What it does.
            provider: A row of `wire_flavour`.
            target: `once` takes a target that no other case uses; `alone` one whose provider gets a new connection
                for each request, as a client does that makes one; `impatient` and `deadline` those with short limits.
        """
        if target == "once":
            target = f"once-{next(self._once)}"
        mark = f"-{target}" if target else ""
        self._within(lambda: self.sim.script({f"{provider}/{MODEL}{mark}": script}))
        direct = Way(self.sim.url(provider), MODEL + mark)
        return direct, Way(f"{self.origin}/v1", f"alias-{provider}{mark}")

    def begin(self) -> None:
        """Forget what was, so that the next request finds the same provider as the last one did."""
        self._within(self.sim.rewind)
        self._view.requests.clear()

    def calls(self, *, over: bool = False) -> list[Entry]:
        """The calls that the provider saw since `begin`, once the gateway has done with them.

        Args:
            over: Wait too until there is one, and the provider has done with all.
        """
        if over:
            self._wait(self.sim.until(lambda log: log and all(entry.over for entry in log), WITHIN_S))
        with self._changed:
            assert self._changed.wait_for(lambda: self._counted.open == 0, WITHIN_S), "a request never ended"
        return list(self.sim.log)

    def recorded(self) -> list[Recorder]:
        """The gateway's records of the requests since `begin`."""
        return list(self._view.requests)

    def _within(self, fn: Callable[[], object]) -> None:
        async def run() -> None:
            fn()

        self._wait(run())

    def _wait(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(2 * WITHIN_S)


@contextmanager
def ways() -> Iterator[Ways]:
    """Both servers, as long as the context lasts."""
    started: Future[tuple[Ways, asyncio.Event]] = Future()
    thread = threading.Thread(target=_run, args=(started,), name="ways")
    thread.start()
    both, stop = started.result(4 * WITHIN_S)
    try:
        yield both
    finally:
        both.loop.call_soon_threadsafe(stop.set)
        thread.join(4 * WITHIN_S)


def _run(started: Future[tuple[Ways, asyncio.Event]]) -> None:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(started))
    except BaseException as exc:
        if started.done():
            raise
        started.set_exception(exc)


async def _serve(started: Future[tuple[Ways, asyncio.Event]]) -> None:
    stop = asyncio.Event()
    async with Simulator(created=CREATED) as sim:
        config = loaded(_config(sim))
        view, changed = Collected(), threading.Condition()
        clock, ids = SystemClock(), RandomIds()
        log = MemoryLog(clock, ids)
        counted = Counted(assemble(config, view, clock=clock, ids=ids, audit=log.audit).app, changed)
        with bind(config.listen) as sock:
            origin = f"http://127.0.0.1:{sock.getsockname()[1]}"
            async with serving(counted, sock, config):
                loop = asyncio.get_running_loop()
                started.set_result((Ways(sim, origin, view, counted, changed, loop), stop))
                await stop.wait()
        await log.close()
        assert log.faults() == []


def _config(sim: Simulator) -> str:
    """A provider of each flavour, with a route each that is an alias of the one model."""
    rows = {name: f"row: {name}" if name in ROWS else "dialect: openai" for name in FLAVOURS}
    providers = [f'{name}: {{{row}, base_url: "{sim.url(name)}", key: {PROVIDER_KEY}}}' for name, row in rows.items()]
    routes = [f"alias-{name}: {{target: {name}/{MODEL}}}" for name in FLAVOURS]
    routes += [f"alias-openai-once-{at}: {{target: openai/{MODEL}-once-{at}}}" for at in range(ONCE)]
    routes += [f"alias-openai-alone: {{target: alone/{MODEL}-alone}}", "alias-openai-impatient: {target: impatient}"]
    return CONFIG.format(
        client_key=CLIENT_KEY,
        key=PROVIDER_KEY,
        providers="\n".join(f"  {line}" for line in providers),
        routes="\n".join(f"  {line}" for line in routes),
        openai=sim.url("openai"),
        model=MODEL,
        limit=LIMIT,
        body=BODY,
    )
