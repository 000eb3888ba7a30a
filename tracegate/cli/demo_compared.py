"""One request as each witness tells it, held against what its client was told. Pure: who reads what is `demo_stack`'s.

The witnesses: the trace in Jaeger, the providers' own log, the events in VictoriaLogs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tracegate.cli.demo_account import Account
from tracegate.cli.demo_client import Seen
from tracegate.cli.demo_scenes import Scene
from tracegate.cli.demo_stored import account, differences
from tracegate.facts import Target
from tracegate.record import Recorder
from tracegate.telemetry import names
from tracegate.telemetry.spans import spans
from tracegate.testing.otlp.signals import Span
from tracegate.testing.simulator_log import Entry

SEPARATOR = " · "
EVENTS = {
    names.EVENT_GEN_AI_CLIENT_OPERATION_EXCEPTION: "failed attempt",
    names.EVENT_TRACEGATE_ROUTE_FALLBACK: "fallback",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that was made.

    Args:
        scene: What was asked for.
        seen: What its client saw.
        told: What its client was told.
        trace: The id of its trace, as the client was told it.
        recorder: What the gateway recorded.
        calls: The providers' log of it.
    """

    scene: Scene
    seen: Seen
    told: Account
    trace: str
    recorder: Recorder
    calls: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Row:
    """What one witness says.

    Args:
        who: The witness.
        parts: What it says, in a few words each.
        wrong: How it differs from what the client was told; empty where it agrees.
    """

    who: str
    parts: Sequence[str]
    wrong: str = ""


def rows(
    asked: Asked, trace: Sequence[Span], events: Sequence[Mapping[str, str]], targets: Mapping[str, Target]
) -> list[Row]:
    """What each witness says of one request.

    Args:
        asked: The request.
        trace: Its spans, from Jaeger.
        events: Its events, from VictoriaLogs.
        targets: The gateway's, by id.
    """
    return [_jaeger(asked, trace), _providers(asked, targets), _events(asked, events)]


def _jaeger(asked: Asked, trace: Sequence[Span]) -> Row:
    if not any(span.kind == "server" for span in trace):
        return Row("Jaeger", ["no such trace" if not trace else "no SERVER span"], "the trace is not there")
    said = account(trace)
    wrong = [] if said == asked.told else [_unlike(said, asked.told)]
    return Row("Jaeger", list(said.parts()), "; ".join([*wrong, *differences(trace, spans(asked.recorder))][:3]))


def _unlike(said: Account, told: Account) -> str:
    """Which of the three it is; what it says stands in the row."""
    differ = (
        name
        for name, one, other in (
            ("attempts", said.tries, told.tries),
            ("served by", said.served, told.served),
            ("cost", said.cost, told.cost),
        )
        if one != other
    )
    return f"not what the client was told: {', '.join(differ)}"


def _providers(asked: Asked, targets: Mapping[str, Target]) -> Row:
    saw, wanted = [], []
    for call in asked.calls:
        saw.append((call.model, call.path, call.status))
    for one in asked.told.tries:
        target = targets[one.target]
        wanted.append((target.model, f"{target.path}/chat/completions", one.status))
    walked = " → ".join(_runs(asked.calls)) or "never asked"
    return Row("calls", [walked], "" if saw == wanted else "not the attempts that the client was told")


def _runs(calls: Sequence[Entry]) -> Iterator[str]:
    """Provider and statuses of calls for the same model that follow each other."""
    said, last = "", None
    for call in calls:
        status = "no answer" if call.status is None else str(call.status)
        if call.model == last:
            said += f" {status}"
        else:
            if said:
                yield said
            said, last = f"{call.provider} {status}", call.model
    if said:
        yield said


def _events(asked: Asked, events: Sequence[Mapping[str, str]]) -> Row:
    found = Counter(event.get("event_name", "without a name") for event in events)
    wanted = Counter(
        {
            names.EVENT_GEN_AI_CLIENT_OPERATION_EXCEPTION: sum(one.failed for one in asked.told.tries),
            names.EVENT_TRACEGATE_ROUTE_FALLBACK: sum(one.kind == "fallback" for one in asked.told.tries),
        }
    )
    said = [_counted(count, EVENTS.get(name, name)) for name, count in sorted(found.items())]
    due = [_counted(count, EVENTS[name]) for name, count in sorted(wanted.items()) if count]
    wrong = "" if +found == +wanted else f"due: {SEPARATOR.join(due) or 'none'}"
    return Row("logs", said or ["no event"], wrong)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
