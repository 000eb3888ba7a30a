"""The load that the panels are held against, and when Prometheus got what was counted of it.

`increase()` and `rate()` estimate what was between their samples, so a number can only be compared where it is known
which samples there are. Gateways export three times: at their start, when every series that must exist does so at 0;
after half of the load; and after the other half. The window of the dashboard holds all three, and ends at the last, so
totals and counts are those of the whole load. `$__rate_interval` holds the last two and nothing before, so rates and
percentiles are those of the second half. `$__interval` is half of the time between those two: a graph has several
points, whose sum must be the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from dashboards.check.asked import MS
from dashboards.check.custody import Custody
from dashboards.check.load import CLOCK, Gateway, gateway
from dashboards.check.scenes import BESIDE, LOAD, Scene
from dashboards.check.sink import SOUND, all_there, reconciled
from dashboards.check.truth import Request
from dashboards.check.variables import Window
from tracegate.stack.readers import found
from tracegate.stack.stack import Stack
from tracegate.testing.simulator import Simulator

LOOKED_AT, BESIDES = "check-main", "check-beside"
HELD = Scene("abandoned", stream=True, leave_after=60)
"""Open while the second export comes: 60 events of 20 ms."""

BEFORE_MS = 1000
"""The window begins so long before the first export."""


@dataclass(frozen=True, slots=True)
class Played:
    """A load that was played.

    Args:
        requests: All requests of all gateways.
        window: That holds them.
        scraped: When Prometheus had scraped all that the Collector counted of them, in UTC milliseconds.
        custody: What stands in the audit logs of the gateways.
    """

    requests: Sequence[Request]
    window: Window
    scraped: int
    custody: Custody = field(default_factory=Custody)


async def played(stack: Stack, simulator: Simulator) -> Played:
    """Play the load on two gateways, and wait until the stores have it."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.otlp_http}
    ship = stack.otlp_audit
    async with (
        gateway(LOOKED_AT, simulator, environ, ship=ship) as main,
        gateway(BESIDES, simulator, environ, ship=ship) as beside,
    ):
        first = await _exported(stack, main, beside)
        await main.play(LOAD)
        await beside.play(BESIDE)
        begun = asyncio.Event()
        held = asyncio.create_task(main.ask(HELD, begun))
        await begun.wait()
        second = await _exported(stack, main, beside)
        main.late = beside.late = True
        await held
        await main.play(LOAD)
        await beside.play(BESIDE)
        await main.audited()
        await asyncio.gather(*(_at_the_sink(stack, one) for one in (main, beside)))
        third = await _exported(stack, main, beside)
        requests = [*main.requests, *beside.requests]
        logs = [(one.job, one.before, one.after) for one in (main, beside)]
    window = Window(min(first) - BEFORE_MS, max(third), (min(third) - max(second)) // 2, max(third) - min(second) + 1)
    custody = Custody(requests, {job: log for job, log, _ in logs}, {job: log for job, _, log in logs})
    return Played(requests, window, await _scraped(stack, sum(request.spans for request in requests)), custody)


async def _at_the_sink(stack: Stack, one: Gateway) -> None:
    """All of its log is where it is shipped to, and was found there."""
    await all_there(stack, one)
    await reconciled(stack, one, SOUND)


async def _exported(stack: Stack, *gateways: Gateway) -> list[int]:
    """Export what each gateway has, and wait until Prometheus has it; returns the times of the samples."""
    before = CLOCK.wall() // MS
    await asyncio.gather(*(one.export() for one in gateways))

    async def times() -> list[int]:
        jobs = "|".join(one.job for one in gateways)
        query = f'max by (job) (timestamp(tracegate_telemetry_errors_total{{job=~"{jobs}"}}))'
        return [round(float(series["value"][1]) * 1000) for series in await stack.prometheus.query(query)]

    return await found(times, lambda seen: len(seen) == len(gateways) and min(seen) >= before)


async def _scraped(stack: Stack, spans: int) -> int:
    """Wait until Prometheus knows that the Collector took and sent all spans; returns when that was scraped."""
    accepted, sent = "otelcol_receiver_accepted_spans_total", "otelcol_exporter_sent_spans_total"
    query = f"timestamp({accepted} == {spans} and on (instance) {sent} == {spans})"
    told = await found(lambda: stack.prometheus.query(query))
    return round(float(told[0]["value"][1]) * 1000)
