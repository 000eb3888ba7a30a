"""Every query of every panel, with every choice of variables, against what happened.

`increase()` and `rate()` estimate what was between their samples, so a number can only be compared where it is known
which samples there are. Gateways export three times: at their start, when every series that must exist does so at 0;
after half of the load; and after the other half. The window of the dashboard holds all three, and ends at the last, so
totals and counts are those of the whole load. `$__rate_interval` holds the last two and nothing before, so rates and
percentiles are those of the second half. `$__interval` is half of the time between those two: a graph has several
points, whose sum must be the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dashboards.check.asked import MS, Answer, NotAskedError, ask, exemplars
from dashboards.check.compared import Line, differences, shown
from dashboards.check.expected import Expected, Truth, expectations
from dashboards.check.load import CLOCK, Gateway, gateway
from dashboards.check.scenes import BESIDE, LOAD, PROVIDERS, Scene
from dashboards.check.targets import Target, dashboards, targets, variables
from dashboards.check.truth import Request
from dashboards.check.variables import UnknownVariableError, Value, Window
from tracegate.stack.readers import found
from tracegate.stack.stack import Stack
from tracegate.testing.simulator import Simulator

LOOKED_AT, BESIDES = "check-main", "check-beside"
HELD = Scene("abandoned", stream=True, leave_after=60)
"""Open while the second export comes: 60 events of 20 ms."""

BEFORE_MS = 1000
"""The window begins so long before the first export."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen in a dashboard.

    Args:
        name: For the table.
        jobs: Chosen gateways; all without any.
        providers: Chosen providers; all without any.
    """

    name: str
    jobs: Sequence[str] = ()
    providers: Sequence[str] = ()


CHOICES = (
    Choice("all"),
    Choice("one gateway", [LOOKED_AT]),
    Choice("two providers", [LOOKED_AT, BESIDES], ["mistral_ai", "groq"]),
    Choice("one of each", [BESIDES], ["openai"]),
)


@dataclass(frozen=True, slots=True)
class Played:
    """A load that was played.

    Args:
        requests: All requests of all gateways.
        window: That holds them.
        scraped: When Prometheus had scraped all that the Collector counted of them, in UTC milliseconds.
    """

    requests: Sequence[Request]
    window: Window
    scraped: int


async def played(stack: Stack, simulator: Simulator) -> Played:
    """Play the load on two gateways, and wait until the stores have it."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.otlp_http}
    async with gateway(LOOKED_AT, simulator, environ) as main, gateway(BESIDES, simulator, environ) as beside:
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
        third = await _exported(stack, main, beside)
        requests = [*main.requests, *beside.requests]
    window = Window(min(first) - BEFORE_MS, max(third), (min(third) - max(second)) // 2, max(third) - min(second) + 1)
    return Played(requests, window, await _scraped(stack, sum(request.spans for request in requests)))


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


async def lines(stack: Stack, of: Played) -> list[Line]:
    """A line for every query of every dashboard and every choice that makes a difference."""
    made = []
    for dashboard in dashboards():
        names, every = variables(dashboard), list(targets(dashboard))
        for choice in CHOICES:
            values = _values(names, choice)
            for target in every:
                if choice is CHOICES[0] or _chooses(target):
                    made.append(await _line(stack, target, choice, values, of))
        asked = {target.name for target in every}
        made += [_unasked(dashboard["uid"], name) for name in expectations(_truth(of, CHOICES[0])) if name not in asked]
    return made


def _truth(of: Played, choice: Choice) -> Truth:
    jobs = choice.jobs or [LOOKED_AT, BESIDES]
    providers = choice.providers or [provider.name for provider in PROVIDERS.values()]
    return Truth(jobs, providers, [request for request in of.requests if request.job in jobs], of.requests)


def _chooses(target: Target) -> bool:
    """Whether a choice of gateways or providers changes what is asked."""
    return any(name in f"{target.text} {target.more.get('service')}" for name in ("job", "provider", "service"))


def _values(names: Mapping[str, Mapping[str, object]], choice: Choice) -> dict[str, Value]:
    """The variables of a dashboard, as a choice sets them."""
    chosen = {"job": choice.jobs, "provider": choice.providers, "service": _service(choice)}
    made: dict[str, Value] = {}
    for name, variable in names.items():
        value = chosen.get(name)
        # "All" is its own text, put in as it stands.
        made[name] = value or str(variable.get("allValue") or variable["query"])
    return made


def _service(choice: Choice) -> str:
    return choice.jobs[-1] if choice.jobs else LOOKED_AT


def _wanted(target: Target, choice: Choice, of: Played) -> Expected | None:
    """What a target must find. Traces are of all gateways in Tempo, of one service in Jaeger."""
    if target.source == "tempo":
        return expectations(_truth(of, CHOICES[0])).get(target.name)
    if target.source == "jaeger":
        choice = replace(choice, jobs=[_service(choice)])
    return expectations(_truth(of, choice)).get(target.name)


async def _line(stack: Stack, target: Target, choice: Choice, values: Mapping[str, Value], of: Played) -> Line:
    wanted = _wanted(target, choice, of)
    if wanted is None:
        return _line_of(target, choice, None, None, ["nothing is expected of it: the check must be told what is right"])
    window = replace(of.window, start=of.window.start, end=of.scraped) if wanted.later else of.window
    try:
        answer = await ask(stack, target, wanted, values, window, [LOOKED_AT, BESIDES])
    except (NotAskedError, UnknownVariableError) as exc:
        return _line_of(target, choice, wanted, None, [str(exc)])
    wrong = []
    if apart := differences(wanted, answer.rows):
        wrong.append(
            f"expected {shown(wanted.rows, apart, 20)}\nfound {shown(answer.rows, apart, 20)}\nasked {answer.query}"
        )
    if any(not name.strip(" ·→") for name in answer.legends) and "{{" in target.legend:
        wrong.append(f"the legend `{target.legend}` is empty for a series")
    if len(set(answer.legends)) != len(answer.legends) and "{{" in target.legend:
        wrong.append(f"the legend `{target.legend}` names two series alike")
    if target.exemplars and answer.rows:
        count, lost = await exemplars(stack, answer.query, window)
        if not count or lost:
            wrong.append(f"{count} exemplars, of which these lead to no trace: {lost}")
    return _line_of(target, choice, wanted, answer, wrong)


def _line_of(
    target: Target, choice: Choice, wanted: Expected | None, answer: Answer | None, wrong: Sequence[str]
) -> Line:
    rows = answer.rows if answer else {}
    first = differences(wanted, rows) if wanted and answer else []
    return Line(
        target.dashboard,
        target.panel,
        target.ref,
        choice.name,
        len(rows),
        shown(wanted.rows, first) if wanted else "?",
        shown(rows, first) if answer else "?",
        wrong,
    )


def _unasked(dashboard: str, name: tuple[str, str]) -> Line:
    return Line(dashboard, *name, "", 0, "?", "?", ["something is expected of it, but the dashboard does not ask it"])
