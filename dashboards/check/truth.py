"""What happened, as the providers logged it and the clients saw it: calls to providers, and requests of clients.

Only the simulator's log, the scripts it played, the configuration and the client's own clock are read here. What a
gateway is to make of it stands in DESIGN's rulings 6, 7, 8, 19 and 52, which are written out below once more: this is
the second opinion, so it shares no code with the gateway.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from dashboards.check.scenes import PROVIDERS, TARGETS, Scene, Target
from tracegate.testing.script import Step
from tracegate.testing.script_text import read_script
from tracegate.testing.simulator_log import Entry

CLASSES = {429: "rate_limit", 500: "server_error", 503: "overloaded"}
FREE = (429, 503)
"""Statuses of those above after which nothing can have been generated, so that the cost is known: 0."""

SLACK_S = 0.02
LEFT_S = 0.1
"""How far two clocks' readings of one moment may be apart, and how long it may take until somebody notices that he was
left: all share one loop, which may be late."""


Tokens = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Span:
    """What is known of a duration in seconds: it lies between two."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a provider.

    Args:
        target: Who was called.
        kind: initial, retry or fallback.
        led: The call that led to this one, where it is a fallback.
        outcome: ok, error or cancelled.
        error_type, error_class: As the views name what went wrong.
        committed: Whether an answer came from it, whatever became of that.
        model: The served model as the provider said it, `unknown` where it said none.
        region, evidence: Where it was, and how that is known.
        conflict: Whether the provider names another region than the configuration.
        tokens: Input, output, read from cache, written to it, reasoning; `None` where none were reported.
        micros: Cost in millionths, `None` where it is not known.
        unknown: Why it is not.
        duration, first: Of the whole call, and to the first event of a stream.
    """

    target: Target
    kind: str
    led: Call | None
    outcome: str
    error_type: str | None
    error_class: str | None
    committed: bool
    model: str
    region: str
    evidence: str
    conflict: bool
    tokens: Tokens | None
    micros: int | None
    unknown: str | None
    duration: Span
    first: Span | None

    @property
    def provider(self) -> str:
        """`gen_ai.provider.name`."""
        return PROVIDERS[self.target.place].name


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a client.

    Args:
        job: The gateway that got it.
        route: As it counts: `none` where the client named nothing that exists.
        outcome: ok, error or cancelled.
        calls: The calls it caused, in their order.
        duration: From the first byte to the last.
        overhead: What of it was neither a provider's nor a wait.
        late: Whether it ended after the second export, so that `rate()` sees it.
        held: Whether it was open when that came.
    """

    job: str
    route: str
    outcome: str
    calls: tuple[Call, ...]
    duration: Span
    overhead: Span
    late: bool
    held: bool

    @property
    def fell_back(self) -> bool:
        """Whether another target was asked because one had failed."""
        return any(call.kind == "fallback" for call in self.calls)

    @property
    def spans(self) -> int:
        """How many spans its trace has: one for the request, one for its route, one for each call."""
        return 1 + (self.route != "none") + len(self.calls)


def request(
    job: str, scene: Scene, entries: Sequence[Entry], status: int, took: float, *, late: bool, held: bool = False
) -> Request:
    """What a client's request was.

    Args:
        job: The gateway.
        scene: What was asked.
        entries: The calls that the providers logged meanwhile, all over.
        status: What the client got.
        took: Seconds by the client's clock.
        late, held: See `Request`.
    """
    calls: list[Call] = []
    for entry in entries:
        calls.append(_call(entry, calls[-1] if calls else None, took, left=scene.leave_after is not None))
    upstream = sum(call.duration.least for call in calls)
    most = took + (LEFT_S if scene.leave_after is not None else 0)  # the gateway notices that the client is gone
    route = scene.route if calls else "none"
    return Request(
        job,
        route,
        _outcome(scene, calls, status),
        tuple(calls),
        Span(upstream, most),
        Span(0, max(most - upstream, 0)),
        late,
        held,
    )


def _outcome(scene: Scene, calls: Sequence[Call], status: int) -> str:
    if scene.leave_after is not None:
        return "cancelled"
    return "ok" if status == 200 and calls and calls[-1].outcome == "ok" else "error"


def _call(entry: Entry, before: Call | None, took: float, *, left: bool) -> Call:
    target = next(one for one in TARGETS if (one.place, one.model) == (entry.provider, entry.model))
    (step,) = read_script(entry.step).steps
    outcome, error_type, error_class = _result(entry, left=left)
    kind = "initial" if before is None else "retry" if before.target == target else "fallback"
    committed = entry.status == 200
    tokens = _tokens(step) if outcome == "ok" and step.usage != "never" else None
    micros, unknown = _cost(target, entry, outcome, tokens)
    region, evidence, conflict = _region(target, step if committed else Step())
    ended = max(at for at in (entry.last_sent, entry.hung_up, entry.ended) if at is not None)
    slack = SLACK_S if entry.hung_up is None else LEFT_S
    least = max((ended - (entry.began or ended)) / 1e9 - slack, 0)
    first = None
    if committed and json.loads(entry.body).get("stream") and entry.first_body is not None:
        # The first event is the one with the role: it comes with the body.
        first = Span(max((entry.first_body - (entry.began or 0)) / 1e9 - SLACK_S, 0), took)
    return Call(
        target,
        kind,
        before if kind == "fallback" else None,
        outcome,
        error_type,
        error_class,
        committed,
        _model(step, entry) if committed else "unknown",
        region,
        evidence,
        conflict,
        tokens,
        micros,
        unknown,
        Span(least, took + (LEFT_S if left else 0)),
        first,
    )


def _result(entry: Entry, *, left: bool) -> tuple[str, str | None, str | None]:
    """Outcome, `error.type` and class: rulings 6, 7 and 9."""
    if entry.status is None:  # it was silent until the gateway gave up
        return "error", "connection_read_timeout", "timeout"
    if entry.status != 200:
        return "error", str(entry.status), CLASSES[entry.status]
    if entry.closed is not None:
        return "error", "http_response_incomplete", "broken_answer"
    return ("cancelled" if left else "ok"), None, None


def _model(step: Step, entry: Entry) -> str:
    return (entry.model if step.served is None else step.served) or "unknown"


def _region(target: Target, step: Step) -> tuple[str, str, bool]:
    """Ruling 2: what a provider asserts is stronger than what is configured. Ruling 3: lower case, no blanks."""
    configured = PROVIDERS[target.place].region
    asserted = step.region.lower().replace(" ", "") if step.region else None
    if asserted is not None:
        return asserted, "asserted", configured is not None and configured != asserted
    return (configured, "configured", False) if configured else ("unknown", "unknown", False)


def _tokens(step: Step) -> Tokens:
    if step.body is not None:
        said = json.loads(step.body)["usage"]
        details = said["prompt_tokens_details"]
        cached, written = details["cached_tokens"], details["cache_write_tokens"]
        return said["prompt_tokens"], said["completion_tokens"], cached, written, 0
    read, made, cached, thought = step.prompt_tokens, step.completion_tokens, step.cached_tokens, step.reasoning_tokens
    return read or 0, made or 0, cached or 0, 0, thought or 0


def _cost(target: Target, entry: Entry, outcome: str, tokens: Tokens | None) -> tuple[int | None, str | None]:
    """Millionths of the currency unit, or why they are unknown: rulings 19, 43 and 52."""
    if outcome != "ok":
        if entry.status in FREE:
            return 0, None
        return None, "cancelled" if outcome == "cancelled" else "broken"
    if tokens is None:
        return None, "no_usage"
    if target.price is None:
        return None, "no_price"
    paid = tokens[0] * target.price[0] + tokens[1] * target.price[1]  # of a million tokens, so these are millionths
    return int(Decimal(paid).quantize(Decimal(1), ROUND_HALF_EVEN)), None
