"""What the stores are asked, and what of their answers is handed on. The answers are those of the real stores."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.stack.answering import answering
from tracegate.stack.fetch import Unreached
from tracegate.stack.parts import StackError
from tracegate.stack.readers import Jaeger, NotFound, Prometheus, VictoriaLogs, found
from tracegate.testing import FakeClock, run

TRACE = "0af7651916cd43dd8448eb211c80319c"
S = 1_000_000_000


def test_a_trace_is_its_resource_spans() -> None:
    """By id, from the interface that newer versions of Jaeger have too."""
    with answering({f"/api/v3/traces/{TRACE}": (200, '{"result": {"resourceSpans": [{"a": 1}]}}')}) as server:
        assert asyncio.run(Jaeger(server.url).trace(TRACE)) == [{"a": 1}]


def test_a_trace_that_is_not_there_has_no_spans() -> None:
    """A 404 is an answer; a 500 is none."""
    with answering({"/api/v3/traces/a": (404, "{}"), "/api/v3/traces/b": (500, "broken")}) as server:
        assert asyncio.run(Jaeger(server.url).trace("a")) == []
        with pytest.raises(StackError, match="answered 500: broken"):
            asyncio.run(Jaeger(server.url).trace("b"))


def test_spans_are_searched_by_attribute() -> None:
    """All of them are in one parameter, as JSON."""
    told = {"data": [{"traceID": "a", "spans": [{"spanID": "1"}]}]}
    with answering({"/api/traces": (200, json.dumps(told))}) as server:
        got = asyncio.run(Jaeger(server.url).search("tracegate", {"gen_ai.response.id": "x&y"}, limit=7))
    assert got == {"a": [{"spanID": "1"}]}
    assert server.queries == [{"service": "tracegate", "tags": '{"gen_ai.response.id": "x&y"}', "limit": "7"}]


def test_nothing_found_is_null_in_jaeger() -> None:
    """And an empty answer here."""
    with answering({"/api/traces": (200, '{"data": null}'), "/api/v3/services": (200, '{"services": null}')}) as server:
        assert asyncio.run(Jaeger(server.url).search("s", {})) == {}
        assert asyncio.run(Jaeger(server.url).services()) == []


def test_services_are_named() -> None:
    """Those that it has spans of."""
    with answering({"/api/v3/services": (200, '{"services": ["tracegate"]}')}) as server:
        assert asyncio.run(Jaeger(server.url).services()) == ["tracegate"]


def test_metrics_are_asked_with_exact_times() -> None:
    """Nanoseconds are not lost in a float."""
    vector = '{"data": {"result": [{"value": [1, "2"]}]}}'
    exemplars = '{"data": [{"exemplars": []}]}'
    answers = {
        "/api/v1/query": (200, vector),
        "/api/v1/query_range": (200, vector),
        "/api/v1/query_exemplars": (200, exemplars),
        "/api/v1/alerts": (200, '{"data": {"alerts": [{"state": "firing"}]}}'),
    }
    at = 1_767_225_600_000_000_001

    async def main(prometheus: Prometheus) -> None:
        assert await prometheus.query("up") == [{"value": [1, "2"]}]
        assert await prometheus.query("up", at_ns=at) == [{"value": [1, "2"]}]
        assert await prometheus.query_range("up", at, at + S, step_s=0.5) == [{"value": [1, "2"]}]
        assert await prometheus.exemplars("up", at, at + S) == [{"exemplars": []}]
        assert await prometheus.alerts() == [{"state": "firing"}]

    with answering(answers) as server:
        asyncio.run(main(Prometheus(server.url)))
    times = {"start": "1767225600.000000001", "end": "1767225601.000000001"}
    assert server.queries == [
        {"query": "up"},
        {"query": "up", "time": "1767225600.000000001"},
        {"query": "up", **times, "step": "0.5"},
        {"query": "up", **times},
        {},
    ]
    assert server.lines[-1] == "GET /api/v1/alerts"


def test_log_records_are_lines_of_json() -> None:
    """Counts come in the shape of Prometheus."""
    answers = {
        "/select/logsql/query": (200, '{"_msg": "a"}\n{"_msg": "b"}\n'),
        "/select/logsql/stats_query": (200, '{"data": {"result": [{"value": 1}]}}'),
    }
    with answering(answers) as server:
        assert asyncio.run(VictoriaLogs(server.url).query("trace_id:a", limit=2)) == [{"_msg": "a"}, {"_msg": "b"}]
        assert asyncio.run(VictoriaLogs(server.url).stats("* | stats count() n")) == [{"value": 1}]
    assert server.queries == [{"query": "trace_id:a", "limit": "2"}, {"query": "* | stats count() n"}]


def test_a_query_that_is_wrong_is_told() -> None:
    """With what the store says about it."""
    answers = {"/select/logsql/query": (400, "cannot parse query")}
    with answering(answers) as server, pytest.raises(StackError, match="answered 400: cannot parse query"):
        asyncio.run(VictoriaLogs(server.url).query("|"))


def test_reading_goes_on_until_it_is_enough() -> None:
    """A store that is away counts as not yet."""
    clock = FakeClock()
    answers: list[list[int]] = [[], [1], [1, 2]]

    async def read() -> list[int]:
        if clock.now() < 1_000 * S // 900:
            raise Unreached("away")
        return answers.pop(0)

    async def main() -> None:
        assert await found(read, lambda got: len(got) == 2, clock=clock) == [1, 2]

    run(main, clock=clock)
    assert answers == []


def test_reading_ends_when_it_does_not_come() -> None:
    """In virtual time; the text says what was read last."""
    clock = FakeClock()

    async def nothing() -> list[int]:
        return []

    async def main() -> None:
        with pytest.raises(NotFound, match=r"not there after 3 s; read last: \[\]"):
            await found(nothing, within_s=3, clock=clock)

    run(main, clock=clock)
