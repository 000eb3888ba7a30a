"""Every query of every panel, with every choice of variables, held against what happened.

The same query of two dashboards is asked once. Because a check that is always content proves nothing, it also asks
some that were spoilt on purpose, and is wrong itself where it does not find them wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dashboards.check import custody
from dashboards.check.asked import Answer, NotAskedError, ask, exemplars
from dashboards.check.compared import Line, differences, shown
from dashboards.check.expected import Expected, Truth, expectations
from dashboards.check.played import BESIDES, LOOKED_AT, Played
from dashboards.check.scenes import PROVIDERS
from dashboards.check.targets import Target, dashboards, targets, variables
from dashboards.check.variables import UnknownVariableError, Value, used
from tracegate.stack.stack import Stack

CUSTODY = "tracegate-chain-of-custody"
AT_ONCE = 8
"""Queries that are asked at the same time."""


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


SPOILT = (
    # What `increase()` makes of a counter that appears with its first event.
    ("Fallbacks", 'sum(increase(tracegate_fallbacks_total{job=~"$job"}[$__range]))'),
    # A name that nobody emits.
    ("Answers", 'sum(tracegate_response_served_total{job=~"$job"})'),
    # A choice that is not asked for.
    ("Unpriced answers", 'sum(tracegate_cost_unknown_total{tracegate_cost_unknown_reason="no_price"})'),
    # Calls that failed and cost nothing are not unpriced.
    ("Unpriced answers", 'sum(tracegate_cost_unknown_total{job=~"$job"})'),
    # Another unit.
    ("Known cost", 'sum by (tracegate_cost_currency) (tracegate_cost_micros_total{job=~"$job"})'),
    # Another share.
    (
        "Duration of requests",
        "histogram_quantile(0.99, sum by (le) (rate(tracegate_request_duration_seconds_bucket[1h])))",
    ),
    # What `increase()` makes of records.
    ("Records", 'sum by (job) (increase(tracegate_audit_records_total{job=~"$job"}[$__range]))'),
    # A head that was not signed yet.
    ("Heads", 'max by (job, tracegate_audit_log) (tracegate_audit_leaves{job=~"$job"}) + 1'),
    # Gaps that nobody looked for.
    ("Gaps", 'sum by (job) (tracegate_audit_missing{job=~"$job"}) or vector(0)'),
    # A zero that is none: the metric is missing.
    ("Telemetry lost", 'sum by (job) (tracegate_telemetry_lost_total{job=~"$job"}) or vector(0)'),
)
"""Queries that must be found wrong, each in the place of a panel's own."""


async def lines(stack: Stack, of: Played) -> list[Line]:
    """A line for every query and every choice that makes a difference to it, and one for each spoilt query."""
    work: dict[tuple[object, ...], tuple[Target, Choice, Mapping[str, Value], list[str]]] = {}
    made: list[Line] = []
    for dashboard in dashboards():
        names, every = variables(dashboard), list(targets(dashboard))
        for choice in CHOICES:
            values = _values(names, choice)
            for target in every:
                if choice is CHOICES[0] or _chooses(target):
                    key = (*target.name, choice.name, target.source, target.text, target.legend, target.instant)
                    work.setdefault(key, (target, choice, values, []))[3].append(target.dashboard)
        asked = {target.name for target in every}
        made += [_unasked(dashboard["uid"], name) for name in _expected(dashboard["uid"], of) if name not in asked]
    free = asyncio.Semaphore(AT_ONCE)

    async def one(target: Target, choice: Choice, values: Mapping[str, Value], of_dashboards: Sequence[str]) -> Line:
        async with free:
            return replace(await _line(stack, target, choice, values, of), dashboards=tuple(of_dashboards))

    made += await asyncio.gather(*(one(*each) for each in work.values()))
    own = {target.name: (target, variables(one)) for one in dashboards() for target in targets(one)}
    for panel, text in SPOILT:
        target, names = own[panel, "A"]
        spoilt = replace(target, text=text, exemplars=False)
        made.append(_caught(await _line(stack, spoilt, CHOICES[1], _values(names, CHOICES[1]), of)))
    return made


def _expected(dashboard: str, of: Played) -> Sequence[tuple[str, str]]:
    """What something is expected of, in a dashboard."""
    if dashboard == CUSTODY:
        return list(custody.expectations(of.custody))
    return list(expectations(_truth(of, CHOICES[0])))


def _caught(line: Line) -> Line:
    """The line of a spoilt query: right when it was found wrong."""
    wrong = [] if line.wrong else ["a spoilt query was found right: the check can't be trusted"]
    return replace(line, dashboards=(), choice="spoilt on purpose", expected=f"not {line.found}", wrong=wrong)


def _truth(of: Played, choice: Choice) -> Truth:
    jobs = choice.jobs or [LOOKED_AT, BESIDES]
    providers = choice.providers or [provider.name for provider in PROVIDERS.values()]
    return Truth(jobs, providers, [request for request in of.requests if request.job in jobs], of.requests)


def _chooses(target: Target) -> bool:
    """Whether a choice of gateways or providers changes what is asked."""
    return bool(used(f"{target.text} {target.more.get('service')}") & {"job", "provider", "service"})


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
    if target.dashboard == CUSTODY:
        known = custody.expectations(of.custody.of(choice.jobs or [LOOKED_AT, BESIDES]))
        return known.get(target.name) or expectations(_truth(of, choice)).get(target.name)
    if target.source == "tempo":
        return expectations(_truth(of, CHOICES[0])).get(target.name)
    if target.source == "jaeger":
        choice = replace(choice, jobs=[_service(choice)])
    return expectations(_truth(of, choice)).get(target.name)


async def _line(stack: Stack, target: Target, choice: Choice, values: Mapping[str, Value], of: Played) -> Line:
    wanted = _wanted(target, choice, of)
    if wanted is None:
        return _line_of(target, choice, None, None, ["nothing is expected of it: the check must be told what is right"])
    window = replace(of.window, end=of.scraped) if wanted.later else of.window
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
        (target.dashboard,),
        target.panel,
        target.ref,
        choice.name,
        len(rows),
        shown(wanted.rows, first) if wanted else "?",
        shown(rows, first) if answer else "?",
        wrong,
    )


def _unasked(dashboard: str, name: tuple[str, str]) -> Line:
    return Line(
        (dashboard,), *name, "", 0, "?", "?", ["something is expected of it, but the dashboard does not ask it"]
    )
