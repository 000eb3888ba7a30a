"""Breaks what the alerts are for, each for real and at a gateway of its own, and sees its panel and its alert move.

Before, every gateway has exported its zeros: panels show 0 (or nothing, where nothing can be counted yet) and no alert
of that gateway fires. Afterwards the panel must show exactly what was done, and exactly the alerts that belong to it
must fire: all others stay silent, so each is the silent case of its neighbours.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from dashboards.check.asked import MS, ask
from dashboards.check.collector import lose, lost
from dashboards.check.compared import Line, differences, shown
from dashboards.check.counted import Labels, shares
from dashboards.check.expected import Expected
from dashboards.check.forgetful import forgetful, swallowing
from dashboards.check.load import CLOCK, Gateway, gateway
from dashboards.check.rules import firing, named, until
from dashboards.check.scenes import Scene
from dashboards.check.sink import GAPS, all_there, reconciled
from dashboards.check.targets import Target, dashboards, targets
from dashboards.check.truth import Request
from dashboards.check.variables import Window
from tracegate.audit.disk import Disk
from tracegate.stack.readers import found
from tracegate.stack.stack import Stack
from tracegate.testing.otlp.decode import decode_logs
from tracegate.testing.simulator import Simulator


class Full(Disk):
    """A disk that has room until it has none."""

    full = False

    def write(self, file: int, raw: bytes) -> int:
        """See `Disk.write`."""
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(file, raw)


ALL = ".*"
WINDOW_MS = 60_000
"""Everything that a violation's gateway ever did lies in it."""

JUDGED_S = 2.5
"""Both groups of rules are looked at every second."""

Rows = Mapping[Labels, float]


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that is broken.

    Args:
        name: What, for the table; also of its gateway.
        scenes: What is asked of the gateway to break it.
        panel: Title of the panel that must move.
        moved: What the panel must show afterwards, made from what was asked.
        alerts: The alerts that must fire.
        before: What the panel shows before.
        environ: What its gateway is told besides; `{…}` are addresses.
        ship: Where it ships its audit log, the same.
        full: The disk of that log, which is full from when its gateway is asked.
    """

    name: str
    scenes: Sequence[Scene]
    panel: str
    moved: Callable[[str, Sequence[Request]], Rows]
    alerts: frozenset[str]
    before: Callable[[str], Rows] = lambda job: {}
    environ: Mapping[str, str] = field(default_factory=dict)
    ship: str = "none"
    full: Full | None = None


def _zero(job: str) -> Rows:
    return {frozenset({("job", job)}): 0}


def _spans(job: str, requests: Sequence[Request]) -> Rows:
    return {frozenset({("job", job)}): sum(request.spans for request in requests)}


def _of_calls(counts: Callable[[Request], float]) -> Callable[[str, Sequence[Request]], Rows]:
    return lambda job, requests: {frozenset(): sum(map(counts, requests))}


def _conflicts(job: str, requests: Sequence[Request]) -> Rows:
    return {frozenset({("job", job)}): sum(call.conflict for request in requests for call in request.calls)}


def _refused(job: str, requests: Sequence[Request]) -> Rows:
    return {frozenset({("job", job)}): sum(request.outcome == "error" and not request.calls for request in requests)}


def _share(job: str, requests: Sequence[Request]) -> Rows:
    return shares(call for request in requests for call in request.calls)


def _repeated(job: str, requests: Sequence[Request]) -> Rows:
    return {frozenset({("tracegate_telemetry_signal", "traces")}): sum(request.spans for request in requests)}


VIOLATIONS = (
    Violation(
        "traces go where nobody takes them",
        [Scene("good", 2)],
        "Telemetry lost",
        _spans,
        frozenset({"TracegateTelemetryLost"}),
        before=_zero,
        environ={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{prometheus}/nowhere"},
    ),
    Violation(
        "a provider answers from another region",
        [Scene("elsewhere", 2), Scene("good")],
        "Region conflicts",
        _conflicts,
        frozenset({"TracegateRegionConflict"}),
        before=_zero,
    ),
    Violation(
        "a model without a price",
        [Scene("of-unlisted", 3), Scene("good")],
        "Unpriced answers",
        _of_calls(lambda request: sum(call.unknown == "no_price" for call in request.calls)),
        frozenset({"TracegateUnpricedCalls"}),
        before=lambda job: {frozenset(): 0},
    ),
    Violation(
        "a provider fails",
        [Scene("of-sick", 8), Scene("good", 14)],
        "Share of attempts that fail",
        _share,
        frozenset({"TracegateProviderErrors"}),
    ),
    Violation(
        # Three of seventeen calls to its provider fail, which is less than a fifth.
        "a target is left for the next",
        [Scene("overloaded", 3), Scene("cheap", 17)],
        "Fallbacks",
        _of_calls(lambda request: sum(call.led is not None for call in request.calls)),
        frozenset({"TracegateFallbacks"}),
        before=lambda job: {frozenset(): 0},
    ),
    Violation(
        "a receiver goes without an answer",
        [Scene("good", 2)],
        "Telemetry sent again",
        _repeated,
        frozenset(),
        environ={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{forgetful}/v1/traces"},
    ),
    Violation(
        "the disk of the audit log is full",
        [Scene("good", 3)],
        "Answers without a record",
        _refused,
        frozenset({"TracegateAuditNotWritable"}),
        before=_zero,
        full=Full(),
    ),
)

LOST = Violation(
    "a sink loses leaves that it acknowledged",
    [Scene("good", 2)],
    "Gaps",
    lambda job, requests: {},
    frozenset({"TracegateAuditGap"}),
    ship="{swallowing}",
)
"""What it must show is known when it has lost them."""

UNKNOWN = "TracegateTelemetryUnknown"


async def broken(stack: Stack, simulator: Simulator) -> list[Line]:
    """Break each, and say in a line of the table what moved."""
    panels = {target.panel: target for one in dashboards() for target in targets(one)}
    made: list[Line] = []
    async with (
        AsyncExitStack() as open_,
        forgetful(stack.otlp_http) as forgets,
        swallowing(stack.otlp_audit) as (swallows, swallowed),
    ):
        addresses = {"prometheus": stack.prometheus.url, "forgetful": forgets, "swallowing": swallows}
        running: list[tuple[Violation, Gateway]] = []
        for number, violation in enumerate((*VIOLATIONS, LOST)):
            environ = {name: value.format(**addresses) for name, value in violation.environ.items()}
            environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = stack.otlp_http
            ship = violation.ship.format(**addresses)
            made_of = gateway(f"check-broken-{number}", simulator, environ, ship=ship, disk=violation.full)
            running.append((violation, await open_.enter_async_context(made_of)))
        await asyncio.gather(*(one.export() for _, one in running))
        jobs = [one.job for _, one in running]
        await _judged(stack, jobs)
        before = [await _looked(stack, panels[violation.panel], one.job) for violation, one in running]
        quiet = [await firing(stack, job=one.job) for _, one in running]
        given_up = await lose(stack)
        for violation, one in running:
            if violation.full is not None:
                violation.full.full = True
            await one.play(violation.scenes)
            await one.export()
        lost_leaves = sum(len(decode_logs(body)) for body in swallowed)
        await all_there(stack, running[-1][1], but=lost_leaves)
        await reconciled(stack, running[-1][1], GAPS)
        running[-1] = (replace(LOST, moved=lambda job, _: {frozenset({("job", job)}): lost_leaves}), running[-1][1])
        for violation, one in running:
            await until(stack, set(violation.alerts), job=one.job)
        await _judged(stack, jobs)  # once more, with all that may still come
        for (violation, one), was, fired in zip(running, before, quiet, strict=True):
            made.append(await _line(stack, panels[violation.panel], violation, one, was, fired))
            if violation.full is not None:
                violation.full.full = False  # so that its log can be closed
        made.append(await lost(stack, given_up))
    return made


async def _judged(stack: Stack, jobs: Sequence[str]) -> None:
    """Wait until rules and alerts were looked at, some times, with what was exported."""
    since = CLOCK.wall() // MS
    times = f'timestamp(job_where:tracegate_telemetry_errors:increase10m{{job=~"{"|".join(jobs)}"}})'
    query = f"count(count by (job) ({times} > {since / 1000 + JUDGED_S}))"
    await found(
        lambda: stack.prometheus.query(query), lambda seen: bool(seen) and seen[0]["value"][1] == str(len(jobs))
    )


async def _looked(stack: Stack, target: Target, job: str) -> Rows:
    """What a panel shows of a gateway now."""
    now = CLOCK.wall() // MS
    # One interval: the last point of a graph has everything.
    window, expected = Window(now - WINDOW_MS, now, WINDOW_MS, WINDOW_MS), Expected({}, "last")
    return (await ask(stack, target, expected, {"job": [job], "provider": ALL}, window, ())).rows


async def _line(
    stack: Stack, target: Target, violation: Violation, one: Gateway, before: Rows, fired: set[str]
) -> Line:
    after, fires = await _looked(stack, target, one.job), await firing(stack, job=one.job)
    moved = violation.moved(one.job, one.requests)
    wrong = []
    if differences(Expected(violation.before(one.job), "last"), before):
        wrong.append(f"before: expected {shown(violation.before(one.job))}, found {shown(before)}")
    if differences(Expected(moved, "last"), after) or not any(moved.values()):
        wrong.append(f"after: expected {shown(moved)}, found {shown(after)}")
    if fired:
        wrong.append(f"before: {', '.join(sorted(fired))} fired")
    if fires != violation.alerts:
        wrong.append(f"after: expected {named(violation.alerts)}, fired {named(fires)}")
    return Line(
        (),
        target.panel,
        target.ref,
        violation.name,
        len(after),
        f"{shown(violation.before(one.job))} → {shown(moved)}\n{named(violation.alerts)}",
        f"{shown(before)} → {shown(after)}\n{named(fires)}",
        wrong,
    )


async def silent(stack: Stack) -> set[str]:
    """Before any gateway has come: what fires then. No data is no zero."""
    return await until(stack, {UNKNOWN})


async def heard(stack: Stack, before: set[str]) -> Line:
    """After gateways have come: what fired before, and what of it fires now."""
    after = await firing(stack) & {UNKNOWN}
    wrong = [] if (before, after) == ({UNKNOWN}, set()) else ["an alert must fire until a gateway comes, and then end"]
    expected, seen = f"{UNKNOWN} → nothing fires", f"{named(before)} → {named(after)}"
    return Line((), "(no panel)", "", "no gateway, then some", 0, expected, seen, wrong)
