"""Makes the Collector lose something for real: Prometheus refuses it for good, so nobody tries again.

No gateway sends such a thing: differences instead of sums, which Prometheus can't store.
"""

from __future__ import annotations

import json

from dashboards.check.compared import Line
from dashboards.check.rules import firing, named, until
from tracegate.stack import fetch
from tracegate.stack.stack import Stack

ALERT = "TracegateCollectorLost"
_DELTA = {
    "name": "check.delta",
    "sum": {
        "aggregationTemporality": 1,  # DELTA
        "isMonotonic": True,
        "dataPoints": [{"asInt": "1", "timeUnixNano": "1700000000000000000"}],
    },
}


async def lose(stack: Stack) -> set[str]:
    """Send it, which the Collector accepts; returns the Collector's alerts that fired before."""
    before = await firing(stack, job="collector")
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [_DELTA]}]}]}
    sent = await fetch.ask(
        f"{stack.otlp_http}/v1/metrics", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    sent.json()
    return before


async def lost(stack: Stack, before: set[str]) -> Line:
    """The line of the table, once it was scraped.

    Args:
        stack: The stores.
        before: What `lose` returned.
    """
    after = await until(stack, {ALERT}, job="collector")
    wrong = [] if (before, after) == (set(), {ALERT}) else ["exactly this alert must fire, and only afterwards"]
    expected, seen = f"nothing fires → {ALERT}", f"{named(before)} → {named(after)}"
    return Line((), "(no panel)", "", "the Collector gives something up", 0, expected, seen, wrong)
