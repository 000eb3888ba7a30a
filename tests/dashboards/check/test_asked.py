"""Each data source is asked as Grafana asks it, and its answer becomes rows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from dashboards.check.asked import Answer, NotAskedError, ask, exemplars
from dashboards.check.expected import Expected, Found
from dashboards.check.targets import Target
from dashboards.check.variables import Window
from tests.dashboards.check.stores import Told

WINDOW = Window(10_000, 20_000, 4_000, 3_000)
MS = 1_000_000


def _ask(told: Told, target: Target, found: Found = "last") -> Answer:
    return asyncio.run(ask(told.stack, target, Expected({}, found), {"job": ["a", "b"]}, WINDOW, ["a", "b"]))


def _target(text: str, source: str = "prometheus", *, instant: bool = False, **more: Any) -> Target:
    return Target("d", "Panel", "A", source, text, instant, "{{l}}", False, more)


def _row(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def test_a_moment_is_asked_for_at_the_end_of_the_window() -> None:
    """And what is no number is no row: a graph shows nothing there."""
    told = Told([({"l": "x"}, ["3"]), ({"l": "y"}, ["NaN"])])
    answer = _ask(told, _target('x{job=~"$job"}[$__range]', instant=True))
    assert told.asked == [('x{job=~"(a|b)"}[10000ms]', 20_000 * MS)]
    assert (answer.rows, answer.legends) == ({_row(l="x"): 3}, ["x", "y"])


@pytest.mark.parametrize(
    ("found", "start", "rows"),
    [
        ("last", 20_000, {_row(l="x"): 5}),
        ("sum", 8_000, {_row(l="x"): 8}),  # three steps of four seconds hold the window
        ("levels", 8_000, {_row(l="x", level="highest"): 5, _row(l="x", level="last"): 5}),
    ],
)
def test_a_range_is_asked_for_in_steps(found: Found, start: int, rows: Mapping[Any, float]) -> None:
    """Each as long as `$__interval`."""
    told = Told([({"l": "x"}, ["1", "2", "5"])])
    assert _ask(told, _target("x[$__interval]"), found).rows == rows
    assert told.asked == [("x[4000ms]", start * MS, 20_000 * MS, 4.0)]


def test_a_variable_offers_the_values_of_a_label() -> None:
    """Of the series that it looks at."""
    told = Told([({"l": "x"}, ["1"])])
    assert _ask(told, _target('label_values(m{job=~"$job"}, l)')).rows == {_row(l="x"): 1}
    assert told.asked == [('group by (l) (m{job=~"(a|b)"})', 20_000 * MS)]


ROUTE = {"tracegate.fallback.used": True, "tracegate.route.name": "chat", "tracegate.attempts.count": 2, "other": 1}


def test_jaeger_is_searched_by_tags() -> None:
    """Rows are of the spans that have them, not of others in the same traces."""
    told = Told(spans={"a": [ROUTE, ROUTE, {"tracegate.fallback.used": False}, {}]})
    target = _target("tracegate.fallback.used=true", "jaeger", queryType="search", service="a", limit=50)
    row = frozenset({("tracegate.route.name", "chat"), ("tracegate.attempts.count", "2")})
    assert _ask(told, target).rows == {row: 2}
    assert told.asked == [("a", {"tracegate.fallback.used": "true"}, 50)]


def test_traceql_is_looked_up_in_jaeger() -> None:
    """In every service, with its own columns."""
    told = Told(spans={"a": [ROUTE], "b": [ROUTE]})
    text = (
        "{ span.tracegate.fallback.used = true } | select(span.tracegate.route.name, span.none) with (most_recent=true)"
    )
    assert _ask(told, _target(text, "tempo", limit=50)).rows == {frozenset({("tracegate.route.name", "chat")}): 2}
    assert [asked[0] for asked in told.asked] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "source", "more"),
    [
        ("{ }", "tempo", {}),
        ("x", "loki", {}),
        ("", "", {}),
        ("x", "jaeger", {"queryType": "traceID"}),
    ],
)
def test_what_can_not_be_asked_is_said(text: str, source: str, more: dict[str, Any]) -> None:
    """It is never passed over."""
    with pytest.raises(NotAskedError, match="does not know how to ask"):
        _ask(Told(), _target(text, source, **more))


def test_exemplars_lead_to_traces() -> None:
    """Those that lead to none are named."""
    told = Told(exemplars=["1", "1", "2"], traces=["1"])
    assert asyncio.run(exemplars(told.stack, "x", WINDOW)) == (3, ["2"])
