"""Asks the real stores what a panel asks, with its variables filled in.

Prometheus is asked as Grafana asks it. Jaeger is asked by the search that Grafana's Jaeger data source makes. Tempo is
not among the stores: a TraceQL query is read here, in the one form that the dashboards use, and its span filter and
columns are looked up in the spans that Jaeger has. So its names and values are proved, its syntax is not.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.check.counted import Labels
from dashboards.check.expected import Expected
from dashboards.check.targets import Target
from dashboards.check.variables import Value, Window, filled, rendered
from tracegate.stack.stack import Stack

Rows = Mapping[Labels, float]

_TRACEQL = re.compile(r"\{ span\.([\w.]+) = (\w+) \} \| select\(([^)]*)\) with \(most_recent=true\)")
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
MS = 1_000_000


class NotAskedError(Exception):
    """A query can't be asked here; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a store said.

    Args:
        query: As it was asked.
        rows: What is compared: a number for each label set.
        legends: Names of the series, as Grafana shows them.
    """

    query: str
    rows: Rows
    legends: Sequence[str] = ()


async def ask(
    stack: Stack,
    target: Target,
    expected: Expected,
    values: Mapping[str, Value],
    window: Window,
    services: Sequence[str],
) -> Answer:
    """What the stores say to a target.

    Args:
        stack: The stores.
        target: The query.
        expected: Says what of the answer is compared.
        values: The dashboard's variables.
        window: Of time.
        services: All that have traces: TraceQL looks at each.

    Raises:
        NotAskedError: Its data source is none that is known here.
    """
    chosen = {**values, **window.variables()}
    if target.source == "prometheus":
        if listed := _LABEL_VALUES.fullmatch(target.text):
            query = f"group by ({listed[2]}) ({filled(listed[1], chosen)})"
            return Answer(query, _points(await stack.prometheus.query(query, at_ns=window.end * MS)))
        return await _prometheus(stack, target, expected, filled(target.text, chosen), window)
    if target.source == "jaeger" and target.more.get("queryType") == "search":
        service, tags = filled(target.more["service"], chosen), filled(target.text, chosen)
        pairs = dict(pair.split("=", 1) for pair in tags.split())
        rows = await _spans(stack, [service], pairs, list(_COLUMNS), int(target.more["limit"]))
        return Answer(f"service={service} {tags}", rows)
    if target.source == "tempo" and (parts := _TRACEQL.fullmatch(target.text)):
        columns = [name.strip().removeprefix("span.") for name in parts[3].split(",")]
        rows = await _spans(stack, services, {parts[1]: parts[2]}, columns, int(target.more["limit"]))
        return Answer(target.text, rows)
    raise NotAskedError(f"the check does not know how to ask `{target.source}` for `{target.text}`")


_COLUMNS = (
    *("tracegate.route.name", "tracegate.fallback.from", "tracegate.fallback.to", "tracegate.fallback.reason"),
    *("tracegate.served_by.provider", "tracegate.served_by.model", "tracegate.served_by.region"),
    *("tracegate.attempts.count", "tracegate.outcome"),
)
"""What is compared of the spans behind a table that has no columns of its own."""


async def _prometheus(stack: Stack, target: Target, expected: Expected, query: str, window: Window) -> Answer:
    if target.instant:
        vector = await stack.prometheus.query(query, at_ns=window.end * MS)
        names = [rendered(target.legend, series["metric"]) for series in vector]
        return Answer(query, _points(vector), names)
    steps = -(-(window.end - window.start) // window.interval)
    start = window.end if expected.found == "last" else window.end - steps * window.interval
    matrix = await stack.prometheus.query_range(query, start * MS, window.end * MS, step_s=window.interval / 1000)
    names = [rendered(target.legend, series["metric"]) for series in matrix]
    rows: dict[Labels, float] = {}
    for series in matrix:
        values = [float(value) for _, value in series["values"]]
        labels = frozenset(series["metric"].items())
        if expected.found == "levels":
            rows[labels | {("level", "highest")}] = max(values)
            rows[labels | {("level", "last")}] = values[-1]
        else:
            rows[labels] = sum(values) if expected.found == "sum" else values[-1]
    return Answer(query, _numbers(rows), names)


def _points(vector: Sequence[Mapping[str, Any]]) -> Rows:
    return _numbers({frozenset(series["metric"].items()): float(series["value"][1]) for series in vector})


def _numbers(rows: Rows) -> Rows:
    """Without what is no number: a quantile of nothing, of which a graph shows nothing."""
    return {labels: value for labels, value in rows.items() if value == value}


async def _spans(
    stack: Stack, services: Sequence[str], tags: Mapping[str, str], columns: Sequence[str], limit: int
) -> Rows:
    """Rows of the columns, of the spans that have the tags, and how often each comes."""
    found: Counter[Labels] = Counter()
    for service in services:
        for spans in (await stack.jaeger.search(service, tags, limit=limit)).values():
            for span in spans:
                said = {tag["key"]: _text(tag["value"]) for tag in span["tags"]}
                if all(said.get(name) == value for name, value in tags.items()):
                    found[frozenset((name, said[name]) for name in columns if name in said)] += 1
    return dict(found)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


async def exemplars(stack: Stack, query: str, window: Window) -> tuple[int, list[str]]:
    """How many exemplars a query has in the window, and the trace ids of those whose trace Jaeger does not have."""
    told = await stack.prometheus.exemplars(query, window.start * MS, window.end * MS)
    ids: dict[str, int] = defaultdict(int)
    for series in told:
        for one in series["exemplars"]:
            ids[one["labels"]["trace_id"]] += 1
    return sum(ids.values()), [id for id in ids if not await stack.jaeger.trace(id)]
