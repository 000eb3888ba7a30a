"""The shared check over sockets: a gateway, providers and clients in a process each, and times that are bounded.

Ruling 44 allows 5 ms beside the greatest lag that a ticker saw. One ticks on the gateway's loop, one on the providers',
which stamp what is compared; one in this process sees when the machine itself stood still. The greatest counts, not
their sum. The gateway gives way to the others (`GIVES_WAY`): it is measured, they measure it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.agreement.cases import CASES, CONFIG, Case
from tests.agreement.check import Times, agree, agree_in_sum, of_request
from tests.agreement.check_leaf import agree_leaf, agree_leaves_in_sum, proved
from tests.agreement.client import Answer
from tests.agreement.socket_client import ask
from tests.agreement.ticked import Lags, ticked
from tracegate.config.model import Renderer
from tracegate.testing.audit import Stored
from tracegate.testing.lag import LagTicker
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.otlp.signals import Span
from tracegate.testing.process import SimulatorProcess
from tracegate.testing.receiver import Receiver
from tracegate.testing.receiving import listen
from tracegate.testing.simulator_log import Entry
from tracegate.testing.tree import span_tree

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.untraced]

MIXED = 50
WARM = 10
APART_S = 0.015
"""Requests begin so far apart: the stock transport takes some 3 ms of CPU for each, and a queue for the processor is
not what is measured. All the same they are open at once, for each provider lets them wait for `SLOW`."""

SLOW = "+wait=900ms"

LATER = {
    f"OTEL_{signal}_{name}": value
    for signal in ("BSP", "BLRP")
    for name, value in (("SCHEDULE_DELAY", "60000"), ("MAX_EXPORT_BATCH_SIZE", "2000"))
}
"""The SDK's threads export at the end: while they do, they hold the interpreter, and no ticker sees for how long."""

PATIENT = [case for case in CASES if ":" not in case.first and "silence" not in case.first and case.first_token == "1s"]
"""Cases that may be asked more than once, and whose limits leave time for `SLOW`."""


@dataclass
class Run:
    """One run of many requests at once."""

    cases: Sequence[Case]
    answers: list[Answer]
    receiver: Receiver
    entries: list[Entry]
    log: Stored
    lags: Lags


def config_of(cases: Sequence[Case], origin: str, otlp: str, renderer: Renderer, log: Path) -> str:
    """Every case as routes and targets of its own, in one configuration."""
    head, _, rest = CONFIG.partition("targets:\n")
    targets, _, routes = rest.partition("routes:\n")
    parts: list[str] = []
    for text, section in ((targets, "targets:\n"), (routes, "routes:\n")):
        parts.append(section)
        for number, case in enumerate(cases):
            filled = text.format(**vars(case))
            for name in ("first", "second", "third"):
                filled = filled.replace(f"  {name}: ", f"  {name}{number}: ").replace(f"{name},", f"{name}{number},")
                filled = filled.replace(f"{name}]", f"{name}{number}]")
            parts.append(filled.replace("  chat:", f"  chat{number}:"))
        if section == "targets:\n":
            parts.append("  warm: {provider: a, model: sim-ok+words=2}\n")  # a model that is never made to wait
    if renderer == "direct":  # so that each case runs over either transport, at no cost
        head = head.replace("transport: httpx", "transport: fast")
    export = f"telemetry: {{otlp: {otlp}, renderer: {renderer}, metrics_every: 1h}}\nlisten: 127.0.0.1:0\n"
    export += f"audit: {{dir: {log}}}\n"
    return head.format(origin=origin, key="sk-planted-key-0123456789") + "".join(parts) + export


async def run_once(cases: Sequence[Case], renderer: Renderer, file: Path) -> Run:
    """Ask for all of them at once."""
    log = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=file.parent))
    slow = {f"sim-{case.first}": case.first + SLOW for case in cases if len(cases) == MIXED}
    receiver, gateway, theirs, beside = Receiver(registry=Registry.ours()), LagTicker(), LagTicker(), LagTicker()
    simulator = SimulatorProcess()  # speaks to the one that is started here
    async with ticked("tests.agreement.provider_process", "0", ticker=theirs) as simulator.base_url:
        await asyncio.to_thread(simulator.script, slow)
        async with listen(receiver) as listening:
            text = config_of(cases, simulator.base_url.removesuffix("/v1"), listening.url, renderer, log)
            await asyncio.to_thread(file.write_text, text)
            env = LATER if renderer == "sdk" else {}
            async with ticked("tests.agreement.gateway_process", str(file), ticker=gateway, env=env) as told:
                port = int(told)
                for stream in (False, True) * WARM:  # imports, connections and caches are not what is measured
                    await ask(port, {"model": "warm", "stream": stream, "messages": []})
                await asyncio.to_thread(simulator.clear)
                async with beside:
                    start = time.monotonic_ns()
                    answers = await asyncio.gather(*(one(port, number, case) for number, case in enumerate(cases)))
                    end = time.monotonic_ns()
        entries = await asyncio.to_thread(simulator.log)
    return Run(cases, answers, receiver, entries, Stored(log), Lags((gateway, theirs, beside), start, end))


async def one(port: int, number: int, case: Case) -> Answer:
    """One case, begun a little after the one before it."""
    await asyncio.sleep(number * APART_S)  # real time: what is measured here has no other
    body = {"model": f"chat{number}", "stream": case.stream, "messages": [{"role": "user", "content": "hi"}]}
    return await ask(port, body, leave_ns=case.leave_ns, leave_after=case.leave_after)


def holds(run: Run) -> None:
    """Every request of a run."""
    run.receiver.check()
    offset = time.time_ns() - time.monotonic_ns()
    times = Times(offset, run.lags.within)
    spans, leaves = run.receiver.spans, run.log.leaves()
    for number, (case, answer) in enumerate(zip(run.cases, run.answers, strict=True)):
        mine = of_request(spans, answer) if answer.status is not None else _of_route(spans, f"chat{number}")
        assert case.tree == span_tree(mine).replace(f"route chat{number}", "route chat")
        assert answer.status == case.status
        called = {f"00-{span.trace.hex()}-{span.span.hex()}-01" for span in mine}
        agree(answer, mine, [entry for entry in run.entries if entry.header("traceparent") in called], times)
        agree_leaf(answer, mine, leaves)
        if answer.status is not None:
            assert proved(answer, run.log).verdict == ("incomplete" if answer.left else "verified")
    # A request whose idle connection had died is sent again as the same attempt, so a provider may see it twice.
    assert len({entry.header("traceparent") for entry in run.entries}) == sum(case.calls for case in run.cases)
    agree_in_sum(run.receiver, run.receiver.spans)
    agree_leaves_in_sum(run.receiver, leaves)
    assert run.log.faults() == []


def _of_route(spans: Sequence[Span], name: str) -> list[Span]:
    """The trace of a client that left before it got a head."""
    (route,) = [span for span in spans if span.attributes.get("tracegate.route.name") == name]
    return [span for span in spans if span.trace == route.trace]


@pytest.mark.parametrize("renderer", ["direct", "sdk"])
@pytest.mark.parametrize("cases", [CASES, (PATIENT * 3)[:MIXED]], ids=["every case", "50 mixed requests"])
def test_what_was_sent_is_what_the_providers_saw(cases: Sequence[Case], renderer: Renderer, tmp_path: Path) -> None:
    """At once, in real time; a run during which the machine was too busy to measure is repeated, at most twice."""
    with asyncio.Runner() as runner:
        file = tmp_path / "tracegate.yaml"
        run = runner.run(run_once(cases, renderer, file))
        for _ in range(2):
            if not run.lags.calm():
                run = runner.run(run_once(cases, renderer, file))
        holds(run)
