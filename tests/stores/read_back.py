"""What stores have of the cases that were played: found as somebody would who has an answer in hand.

From `traceresponse`, or the client's own request id, to the trace in Jaeger; from its resource to the numbers in
Prometheus and the log events in VictoriaLogs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.agreement.client import Answer
from tests.stores import stored_logs, stored_metrics
from tests.stores.played import CLOCK, Played, Run
from tests.stores.stored_metrics import INSTANCE, KeptExemplar
from tracegate.stack.readers import found
from tracegate.stack.stack import Stack
from tracegate.testing.otlp import jaeger
from tracegate.testing.otlp.signals import LogRecord, Point, Span

SERVICE = "tracegate"
S = 1_000_000_000


@dataclass(frozen=True)
class Kept:
    """What the stores have of one case; metrics and log events as the shared check reads them.

    Args:
        trace: Its id in hex.
        searched: Ids of the traces that were found, by the attribute and value that were searched for.
        spans: Of Jaeger.
        points: Of Prometheus.
        exemplars: Of Prometheus.
        logs: Of VictoriaLogs.
    """

    trace: str
    searched: Mapping[tuple[str, str], Sequence[str]]
    spans: Sequence[Span]
    points: Sequence[Point]
    exemplars: Sequence[KeptExemplar]
    logs: Sequence[LogRecord]

    def series(self, metric: str) -> Sequence[Point]:
        """See `Told.series`."""
        return [point for point in self.points if point.metric == metric]

    def total(self, metric: str) -> int | float | None:
        """See `Told.total`."""
        values = [point.value if point.count is None else point.count for point in self.series(metric)]
        return sum(value for value in values if value is not None) if values else None


async def read_back(stack: Stack, run: Run) -> list[Kept]:
    """What the stores have of each case, in the order of the cases; raises `NotFound` when some of it is missing."""
    traces = await asyncio.gather(*(_trace(stack, one) for one in run.played))
    instances = [_instance(spans) for _, _, spans in traces]
    points = await points_of(stack, instances)
    exemplars = await exemplars_of(stack, instances)
    logs = await logs_of(stack, instances, sum(len(one.sent.logs) for one in run.played))
    return [
        Kept(
            trace,
            searched,
            spans,
            [point for point in points if point.origin.resource[INSTANCE] == instance],
            [one for one in exemplars if one.instance == instance],
            [log for log in logs if log.attributes[INSTANCE] == instance],
        )
        for (trace, searched, spans), instance in zip(traces, instances, strict=True)
    ]


async def _trace(stack: Stack, played: Played) -> tuple[str, Mapping[tuple[str, str], Sequence[str]], Sequence[Span]]:
    """One trace: its id, what found it, its spans."""
    said = played.answer.header("traceresponse")
    if said is None:
        wanted = {"tracegate.client.request_id": played.id}
        (trace,) = await found(lambda: stack.jaeger.search(SERVICE, wanted))
    else:
        trace = said.split("-")[1]
    spans = await spans_of(stack, trace, len(played.sent.spans))
    searched = {one: list(await stack.jaeger.search(SERVICE, dict([one]))) for one in _searched_for(played)}
    return trace, searched, spans


def _searched_for(played: Played) -> list[tuple[str, str]]:
    """Attributes that somebody knows who has this answer."""
    known = [("tracegate.client.request_id", played.id)]
    if (request := played.answer.header("x-request-id")) is not None:
        known.append(("tracegate.request.id", request))
    if (response := _response(played.answer)) is not None:
        known.append(("gen_ai.response.id", response))
    return known


def _response(answer: Answer) -> str | None:
    """The `id` of an answer, whole or streamed."""
    for text in (*answer.events, answer.body.decode("utf-8", "replace")):
        try:
            told = json.loads(text)
        except ValueError:
            continue
        if isinstance(told, dict) and isinstance(told.get("id"), str):
            return str(told["id"])
    return None


def _instance(spans: Sequence[Span]) -> str:
    (instance,) = {str(span.origin.resource[INSTANCE]) for span in spans}
    return instance


async def spans_of(stack: Stack, trace: str, count: int) -> list[Span]:
    """A trace of at least so many spans, in Jaeger."""

    def complete(got: Sequence[stored_metrics.Json]) -> bool:
        return len(jaeger.spans_of(got)) >= count

    return jaeger.spans_of(await found(lambda: stack.jaeger.trace(trace), complete))


async def points_of(stack: Stack, instances: Sequence[str]) -> list[Point]:
    """The points of some gateways, in Prometheus; each exported them once, and whole."""
    query = _of(instances)

    def complete(vector: Sequence[stored_metrics.Json]) -> bool:
        return {one["metric"]["service_instance_id"] for one in vector} >= set(instances)

    return stored_metrics.points(await found(lambda: stack.prometheus.query(query), complete))


async def exemplars_of(stack: Stack, instances: Sequence[str]) -> list[KeptExemplar]:
    """Their exemplars. They were written with the points, so what is not there now never comes."""
    now = CLOCK.wall()
    return stored_metrics.exemplars(await stack.prometheus.exemplars(_of(instances), now - 600 * S, now))


def _of(instances: Sequence[str]) -> str:
    return f'{{service_instance_id=~"{"|".join(instances)}"}}'


async def logs_of(stack: Stack, instances: Sequence[str], count: int) -> list[LogRecord]:
    """At least so many log events of some gateways, in VictoriaLogs."""
    query = f"_time:1h service.instance.id:in({','.join(instances)})"
    return stored_logs.logs(await found(lambda: stack.victorialogs.query(query), lambda got: len(got) >= count))
