"""What arrived in the stores, read back by their own query interfaces; nothing is interpreted here.

Answers are JSON as the store gave it. All three stores take a moment until what they accepted can be found: `found`
asks again until it is.
Source: Jaeger's v3 and v1 HTTP interfaces at 1.62 (v3 has no search by attribute there), Prometheus' HTTP API, and
VictoriaLogs' LogsQL endpoints.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from tracegate.clock import Clock, SystemClock
from tracegate.stack.fetch import Answer, Unreached, ask
from tracegate.stack.parts import StackError

Json = Mapping[str, Any]
T = TypeVar("T")

_S = 1_000_000_000
_EVERY_NS = 50_000_000


class NotFound(StackError):
    """It did not arrive in time."""


async def found(
    read: Callable[[], Awaitable[T]],
    enough: Callable[[T], object] = bool,
    *,
    within_s: float = 15.0,
    clock: Clock | None = None,
) -> T:
    """Read until it is enough, by default until there is anything.

    A store that does not answer, as one that was just stopped, counts as not yet.

    Raises:
        NotFound: It was not enough within so many seconds; says what was read last.
    """
    time = clock or SystemClock()
    by = time.now() + int(within_s * _S)
    while True:
        last: object
        try:
            last = got = await read()
            if enough(got):
                return got
        except Unreached as exc:
            last = exc
        if time.now() >= by:
            raise NotFound(f"not there after {within_s:g} s; read last: {str(last)[:2000]}")
        await time.sleep_until(time.now() + _EVERY_NS)


class Jaeger:
    """Traces.

    Args:
        url: Where its HTTP interface is.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    async def trace(self, trace_id: str) -> Sequence[Json]:
        """A trace as OTLP: its `resourceSpans`, ids in hex, 64-bit integers as text; nothing when it is not there."""
        answer = await ask(f"{self.url}/api/v3/traces/{quote(trace_id)}")
        if answer.status == 404:
            return []
        told: Sequence[Json] = answer.json()["result"]["resourceSpans"]
        return told

    async def search(
        self, service: str, attributes: Mapping[str, str], *, limit: int = 100
    ) -> Mapping[str, Sequence[Json]]:
        """Spans by trace id, of traces that have a span with all those attributes, values as text.

        Spans are Jaeger's own form: `tags` of `key`, `type` and `value`, times in microseconds.
        """
        query = urlencode({"service": service, "tags": json.dumps(dict(attributes)), "limit": limit})
        told = (await ask(f"{self.url}/api/traces?{query}")).json()
        return {trace["traceID"]: trace["spans"] for trace in told["data"] or ()}

    async def services(self) -> Sequence[str]:
        """Names of the services that it has spans of."""
        told: Sequence[str] = (await ask(f"{self.url}/api/v3/services")).json()["services"] or []
        return told


class Prometheus:
    """Metrics.

    Args:
        url: Where its HTTP interface is.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    async def query(self, promql: str, *, at_ns: int | None = None) -> Sequence[Json]:
        """An instant vector: `metric` and `value`, a pair of seconds and text. `at_ns` is UTC, now by default."""
        told: Json = await self._data("query", query=promql, time=None if at_ns is None else _seconds(at_ns))
        found: Sequence[Json] = told["result"]
        return found

    async def query_range(self, promql: str, start_ns: int, end_ns: int, *, step_s: float) -> Sequence[Json]:
        """A range vector: `metric` and `values`; times are UTC."""
        times = {"start": _seconds(start_ns), "end": _seconds(end_ns), "step": f"{step_s:g}"}
        told: Json = await self._data("query_range", query=promql, **times)
        found: Sequence[Json] = told["result"]
        return found

    async def exemplars(self, promql: str, start_ns: int, end_ns: int) -> Sequence[Json]:
        """Exemplars by series: `seriesLabels` and `exemplars` of `labels`, `value` and `timestamp`; times are UTC."""
        told: Sequence[Json] = await self._data(
            "query_exemplars", query=promql, start=_seconds(start_ns), end=_seconds(end_ns)
        )
        return told

    async def alerts(self) -> Sequence[Json]:
        """The alerts that are pending or firing."""
        told: Json = await self._data("alerts")
        found: Sequence[Json] = told["alerts"]
        return found

    async def _data(self, call: str, **query: str | None) -> Any:
        given = urlencode({name: value for name, value in query.items() if value is not None})
        return (await ask(f"{self.url}/api/v1/{call}{'?' if given else ''}{given}")).json()["data"]


class VictoriaLogs:
    """Log records.

    Args:
        url: Where its HTTP interface is.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    async def query(self, logsql: str, *, limit: int = 1000) -> Sequence[Mapping[str, str]]:
        """The records that match, newest first or as the query sorts; every value is text, the body is `_msg`."""
        answer = await self._ask("query", query=logsql, limit=str(limit))
        return [json.loads(line) for line in answer.text().splitlines() if line]

    async def stats(self, logsql: str) -> Sequence[Json]:
        """A query that ends in `| stats …`, in the shape of `Prometheus.query`."""
        told: Sequence[Json] = (await self._ask("stats_query", query=logsql)).json()["data"]["result"]
        return told

    async def _ask(self, call: str, **form: str) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await ask(f"{self.url}/select/logsql/{call}", urlencode(form).encode(), kind)
        if answer.status != 200:
            raise StackError(f"{answer.url} answered {answer.status}: {answer.text().strip()[:500]}")
        return answer


def _seconds(ns: int) -> str:
    """Seconds with nine digits after the point, exactly."""
    return f"{ns // _S}.{ns % _S:09}"
