"""The list of panels says what the dashboard's JSON says."""

from __future__ import annotations

from typing import Any

from dashboards.listing import inserted, listed, metrics

DASHBOARD: dict[str, Any] = {
    "title": "Some things",
    "panels": [
        {"type": "text", "title": "About", "description": "A text."},
        {"type": "stat", "title": "One", "description": "A number.", "targets": [{"expr": 'sum (up{a=~"b|c"})'}]},
        {"type": "row", "title": "Row"},
        {
            "type": "table",
            "title": "Two",
            "description": "Rows.",
            "targets": [{"query": "{ a = 1 }"}, {"tags": "a=1"}],
        },
    ],
}

LIST = """\
### Some things: at a glance

| panel | shows | made of | asks |
|---|---|---|---|
| One | A number. | spans | `sum (up{a=~"b\\|c"})` |

### Some things: row

| panel | shows | made of | asks |
|---|---|---|---|
| Two | Rows. | spans | `{ a = 1 }`<br>`a=1` |"""


def test_each_row_is_a_table_of_its_panels() -> None:
    """Texts are left out; a bar in a query does not end its cell."""
    assert listed(DASHBOARD) == LIST


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    """The rest of the file is people's."""
    text = "Before\n<!-- panels -->\nold\n<!-- /panels -->\nafter"
    assert inserted(text, [DASHBOARD]) == f"Before\n<!-- panels -->\n{LIST}\n<!-- /panels -->\nafter"
    assert inserted(text, [DASHBOARD, DASHBOARD]).count(LIST) == 2


def test_metrics_have_the_names_that_the_gateway_gives_them() -> None:
    """Each once; those of the Collector have their own."""
    asked = (
        "sum by (tracegate_fallback_to) (rate(tracegate_fallbacks_total[1m])) + "
        'sum (tracegate_fallbacks_total) + sum (rate(tracegate_gateway_overhead_seconds_bucket{job="x"}[1m])) + '
        "sum (otelcol_receiver_accepted_spans_total)"
    )
    assert metrics(asked) == [
        "tracegate.fallbacks",
        "tracegate.gateway.overhead",
        "otelcol_receiver_accepted_spans_total",
    ]
