"""The reading of queries by which they are judged: each rule finds what breaks it."""

from __future__ import annotations

import pytest
from promql_parser import parse

from dashboards.query import counts, total
from tests.dashboards.promql import groups, labels, naked, selectors
from tests.dashboards.shown import filled


@pytest.mark.parametrize(
    ("promql", "found"),
    [
        ("sum by (a) (x)", {"a"}),
        ("sum (x)", set()),
        ("sum without (a) (x)", None),
        ("x", None),
        ("1 - sum by (a) (x)", {"a"}),
        ("(sum by (a) (x)) / sum (y)", {"a"}),
        ("histogram_quantile(0.9, sum by (le, a) (rate(x[1m])))", {"a"}),
        ("histogram_quantile(0.9, rate(x[1m]))", None),
    ],
)
def test_labels_of_a_result_are_known_or_all(promql: str, found: set[str] | None) -> None:
    """`None` are all that the series have."""
    assert labels(parse(promql)) == found


def test_an_aggregation_has_all_selectors_below_it() -> None:
    """Whatever stands between."""
    ((by, found),) = groups(parse("sum by (a) (rate(x[1m]) / y)"))
    assert (by, [selector.name for selector in found]) == ({"a"}, ["x", "y"])
    assert [selector.name for selector in selectors(parse("max_over_time((-x)[1h:1m]) + 1"))] == ["x"]


@pytest.mark.parametrize(
    ("promql", "found"),
    [
        ("x", ["x"]),
        ("sum(x) / sum(rate(y[1m]))", ["x"]),
        ("increase(x[1m])", []),
        ("group by (job) (x)", []),
        ("rate(x[1m]) and on (job) y", []),
        ("x unless y", ["x"]),
        ("last_over_time(x[1m])", ["x"]),
        ("x - x offset 1m", ["x", "x"]),
        ("x - (last_over_time(y[1h] offset 1m) or x * 0)", ["x", "y", "x"]),
        ("x - (last_over_time(x[1h]) or x * 0)", ["x", "x", "x"]),
        (filled(counts("x{a='b'}")), []),
        (filled(total("x")), []),
    ],
)
def test_a_counter_is_naked_outside_a_growth(promql: str, found: list[str]) -> None:
    """A growth is a rate, or the one difference that counts exactly."""
    assert list(naked(parse(promql))) == found
