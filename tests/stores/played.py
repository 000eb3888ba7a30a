"""The cases of the shared check over sockets, all at once, each by a gateway of its own in this process.

A process of its own to Prometheus: each has its `service.instance.id`, so its numbers are those of one case. Gateways
and clients share one loop; the providers, whose stamps their times are held to, are a process of their own. A ticker
measures how late each is (ruling 44).
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from tests.agreement.cases import Case
from tests.agreement.client import Answer
from tests.agreement.house import loaded
from tests.agreement.socket_client import ask
from tests.agreement.ticked import Lags, ticked
from tests.stores.copied import Copied
from tracegate.build.telemetry import telemetry_of
from tracegate.clock import RandomIds, SystemClock
from tracegate.config.model import Config, Renderer
from tracegate.server.assemble import assemble
from tracegate.server.serve import bind, serving
from tracegate.testing.lag import LagTicker
from tracegate.testing.process import SimulatorProcess
from tracegate.testing.receiving import listen
from tracegate.testing.simulator_log import Entry

CLOCK, IDS = SystemClock(), RandomIds()

APART_S = 0.06
"""Requests begin so far apart: each opens the first connections of its gateway, and a queue for the processor is not
what is looked at."""

LATER = {f"OTEL_{signal}_SCHEDULE_DELAY": "60000" for signal in ("BSP", "BLRP")}
"""The SDK's threads export at the end: while they do, they hold the interpreter."""


@dataclass(frozen=True)
class Played:
    """One case that was asked.

    Args:
        case: Which.
        id: What the client sent as `X-Request-Id`.
        answer: What it got.
        sent: What the gateway exported.
    """

    case: Case
    id: str
    answer: Answer
    sent: Copied


@dataclass(frozen=True)
class Run:
    """All cases that were asked, what the providers logged, and how late the loops were."""

    played: Sequence[Played]
    entries: Sequence[Entry]
    lags: Lags


@asynccontextmanager
async def gateway(config: Config, environ: dict[str, str]) -> AsyncIterator[int]:
    """Serve a configuration in this process; gives its port. What it counted is exported at its end."""
    telemetry = telemetry_of(config, CLOCK, IDS, environ)
    made = assemble(config, telemetry.view, active=telemetry.active, keep=telemetry.keep, clock=CLOCK, ids=IDS)
    sock = bind(config.listen)
    async with serving(made.app, sock, config):
        yield sock.getsockname()[1]


async def play(cases: Sequence[Case], renderer: Renderer, collector: str) -> Run:
    """Ask all of them, and export through a copying receiver to the Collector at that address."""
    steps = asyncio.Barrier(len(cases) + 1)  # all serve before one asks, all are answered before one exports the rest
    seed = str(int(IDS.random() * 2**32))  # ids of answers are searched for, among those of other runs
    simulator, theirs = SimulatorProcess(), LagTicker()  # speaks to the one that is started here

    async def one(number: int, case: Case) -> Played:
        sent, id = Copied(collector), f"case-{number}-{IDS.trace().hex()}"
        body = {"model": "chat", "stream": case.stream, "messages": [{"role": "user", "content": "hi"}]}
        async with listen(sent) as listening:
            text = case.config(simulator.base_url.removesuffix("/v1"), "sk-planted-key-0123456789")
            text += f"telemetry: {{otlp: {listening.url}, renderer: {renderer}, metrics_every: 1h}}\n"
            config = loaded(text + "listen: 127.0.0.1:0\n")
            async with gateway(config, LATER if renderer == "sdk" else {}) as port:
                await steps.wait()
                await asyncio.sleep(number * APART_S)  # real time: what is looked at here has no other
                answer = await ask(
                    port, body, leave_ns=case.leave_ns, leave_after=case.leave_after, headers={"x-request-id": id}
                )
                await steps.wait()
        return Played(case, id, answer, sent)

    async with ticked("tests.agreement.provider_process", seed, ticker=theirs) as simulator.base_url:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(one(number, case)) for number, case in enumerate(cases)]
            await steps.wait()
            with _frozen():
                async with LagTicker() as ticker:
                    start = CLOCK.now()
                    await steps.wait()
                    end = CLOCK.now()
        entries = await asyncio.to_thread(simulator.log)
    return Run([task.result() for task in asked], entries, Lags((ticker, theirs), start, end))


@contextmanager
def _frozen() -> Iterator[None]:
    """Leave what was made out of collections of garbage, as `serve` does: so many gateways make each a long pause."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.collect()
        gc.freeze()  # what the whole run had set apart
