"""A trace as a picture shows who, where, how long, for how much, and what went wrong."""

from __future__ import annotations

import pytest

from tracegate.telemetry.model import SpanKind, SpanView, StatusCode, Value
from tracegate.testing.picture import duration, hop_rows, money, picture


def span(name: str, number: int, parent: int, ms: float, said: dict[str, Value], kind: SpanKind = "client") -> SpanView:
    """A span that lasts some milliseconds."""
    status: StatusCode = "error" if "error.type" in said else "unset"
    above = parent.to_bytes(8, "big") if parent else b""
    return SpanView(
        name, kind, b"t" * 16, number.to_bytes(8, "big"), above, number, number + int(ms * 1e6), said, status
    )


FIRST: dict[str, Value] = {
    "tracegate.hop.kind": "attempt",
    "tracegate.attempt.kind": "initial",
    "tracegate.outcome": "error",
    "gen_ai.provider.name": "azure.ai.openai",
    "tracegate.target.region": "eastus2",
    "tracegate.cost.micros": 0,
    "error.type": "429",
    "tracegate.error.class": "rate_limit",
}
SECOND: dict[str, Value] = {
    "tracegate.attempt.kind": "retry",
    "tracegate.attempt.backoff_ms": 800,
    "tracegate.outcome": "ok",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.response.model": "claude-y-2",
    "tracegate.cost.micros": 4200,
    "tracegate.cost.currency": "EUR",
}
SPANS = [
    span("POST /v1", 1, 0, 1842, {"tracegate.outcome": "ok", "tracegate.total.cost_micros": 4200}, "server"),
    span("route default", 2, 1, 1841, {"tracegate.outcome": "ok", "tracegate.total.cost_micros": 4200}, "internal"),
    span("chat gpt-x", 3, 2, 12.5, FIRST),
    span("POST", 4, 3, 12, {"error.type": "timeout"}),
    span("chat claude-y", 5, 2, 827, SECOND),
    span("route aside", 6, 1, 0.1, {"tracegate.outcome": "cancelled", "tracegate.outcome_reason": "superseded"}),
]


def test_a_picture_has_one_line_per_hop() -> None:
    """Columns are aligned, branches drawn, the currency of a total is that of its parts."""
    assert (
        picture(SPANS)
        == """\
POST /v1                                                                       1.84 s   0.0042 EUR
├─ route default                                                               1.84 s   0.0042 EUR
│  ├─ chat gpt-x     initial             azure.ai.openai              eastus2  12.5 ms  0 EUR       429 rate_limit
│  │  └─ POST                                                                  12.0 ms              timeout
│  └─ chat claude-y  retry after 800 ms  anthropic        claude-y-2           827 ms   0.0042 EUR
└─ route aside                                                                 0.10 ms              cancelled superseded
"""
    )


def test_rows_can_be_laid_out_by_others() -> None:
    """Each cell is by itself, with a state to colour by."""
    rows = hop_rows(SPANS)
    assert [row.state for row in rows] == ["ok", "ok", "error", "error", "ok", "cancelled"]
    assert [row.branch for row in rows] == ["", "├─ ", "│  ├─ ", "│  │  └─ ", "│  └─ ", "└─ "]
    assert (rows[4].name, rows[4].provider, rows[4].model, rows[4].region) == (
        "chat claude-y",
        "anthropic",
        "claude-y-2",
        "",
    )


def test_an_error_without_a_class_says_its_reason_once() -> None:
    """A route's reason is not repeated where it equals the type."""
    said: dict[str, Value] = {
        "tracegate.outcome": "error",
        "error.type": "timeout",
        "tracegate.outcome_reason": "timeout",
    }
    assert [row.error for row in hop_rows([span("route a", 1, 0, 1, said)])] == ["timeout"]


def test_nothing_gives_an_empty_picture() -> None:
    """No spans, no lines."""
    assert picture([]) == ""


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0.00 ms"), (843_000, "0.84 ms"), (9_996_000, "10.0 ms"), (99_960_000, "100 ms"), (999_600_000, "1.00 s")],
)
def test_durations_have_three_digits(ns: int, text: str) -> None:
    """Rounding never gives a fourth."""
    assert duration(ns) == text


@pytest.mark.parametrize(
    ("micros", "currency", "text"),
    [(0, "USD", "$0"), (4200, "USD", "$0.0042"), (1, "USD", "$0.000001"), (12_500_000, "EUR", "12.5 EUR")],
)
def test_money_is_exact(micros: int, currency: str, text: str) -> None:
    """No rounding, no zeros at the end."""
    assert money(micros, currency) == text
