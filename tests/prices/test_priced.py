"""What one attempt cost: nothing, an amount, or unknown and why."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tracegate.errors import Broken, Failed, Refused, TimedOut, Unreachable
from tracegate.facts import INITIAL, Attempt, Cost, Outcome, Target, Usage
from tracegate.prices.history import history_of, midnight
from tracegate.prices.price import FREE, Price
from tracegate.prices.priced import KEPT, REFUSALS, Find, Known, Priced

TARGET = Target("a", "openai", "openai", "gpt")
PRICE = Price(Decimal(2), Decimal(8), Decimal(1))


def _find(*prices: Price) -> Find:
    known = Known("gpt-2026", history_of(prices), "USD", "d1")
    return lambda served, tier: known


PRICED = Priced(_find(PRICE), "USD", 0)
FREE_OF_COST = Priced(_find(FREE), "USD", 0)
UNPRICED = Priced(lambda served, tier: None, "USD", 0)


def _attempt(
    outcome: Outcome = "ok",
    *,
    usage: Usage | None = None,
    status: int | None = 200,
    error: Failed | None = None,
    model: str | None = "gpt-2026",
) -> Attempt:
    attempt = Attempt(TARGET, 0, INITIAL, 0, False)
    attempt.outcome = outcome
    attempt.status = status
    attempt.error = error
    attempt.answer.usage = usage
    attempt.answer.model = model
    return attempt


def test_an_answer_costs_its_usage_times_the_price() -> None:
    """With its parts, whose price it was, and the digest of the table."""
    cost = PRICED(_attempt(usage=Usage(1000, 100, cache_read=400)))
    assert cost == Cost(2400, "USD", "local", None, 1200, 800, 400, None, "gpt-2026", "d1")


def test_the_provider_s_own_figure_wins_even_when_it_is_zero() -> None:
    """An explicit zero is a figure; it is never replaced by an estimate."""
    assert PRICED(_attempt(usage=Usage(1000, 100, cost_micros=77))) == Cost(77, "USD", "provider")
    assert PRICED(_attempt(usage=Usage(1000, 100, cost_micros=0))) == Cost(0, "USD", "provider")
    assert UNPRICED(_attempt(usage=Usage(cost_micros=5))) == Cost(5, "USD", "provider")


def test_no_price_is_unknown_and_never_zero() -> None:
    """With and without usage."""
    assert UNPRICED(_attempt(usage=Usage(1, 1))) == Cost(None, unknown="no_price")
    assert UNPRICED(_attempt()) == Cost(None, unknown="no_price")


def test_no_usage_is_unknown_and_never_zero() -> None:
    """None at all, only half of it, or one that contradicts itself."""
    for usage in (None, Usage(5), Usage(1, 1, cache_read=2)):
        assert PRICED(_attempt(usage=usage)) == Cost(None, unknown="no_usage")


def test_a_price_without_the_side_that_was_used_is_no_price() -> None:
    """Output tokens without a rate for output."""
    priced = Priced(_find(Price(input=Decimal(1))), "USD", 0)
    assert priced(_attempt(usage=Usage(1, 1))) == Cost(None, unknown="no_price")


def test_free_is_known_whatever_is_reported() -> None:
    """Free means 0, which is known: without usage, broken or cancelled too."""
    free = Cost(0, "USD", "local", model="gpt-2026", digest="d1")
    assert FREE_OF_COST(_attempt()) == free
    assert FREE_OF_COST(_attempt("error", error=Broken("http_response_incomplete", "cut", status=200))) == free
    assert FREE_OF_COST(_attempt("cancelled")) == free
    assert FREE_OF_COST(_attempt(usage=Usage(5, 5))).micros == 0


def test_the_price_is_that_of_the_attempt_s_moment() -> None:
    """The offset turns its monotonic start into UTC; before the first price there is none."""
    priced = Priced(
        _find(Price(Decimal(2), Decimal(8), since=date(2026, 9, 1))), "USD", midnight(date(2026, 9, 1)) - 10
    )
    attempt = _attempt(usage=Usage(1, 0))
    attempt.start = 9
    assert priced(attempt) == Cost(None, unknown="no_price")
    attempt.start = 10
    assert priced(attempt).micros == 2


@pytest.mark.parametrize("status", sorted(REFUSALS))
@pytest.mark.parametrize("outcome", ["error", "cancelled"])
def test_a_refusal_costs_nothing(status: int, outcome: Outcome) -> None:
    """Nothing can have been generated, whether or not a price is known."""
    attempt = _attempt(outcome, status=status, error=Refused("rate_limit", None, "no", status=status))
    for priced in (PRICED, UNPRICED, FREE_OF_COST):
        assert priced(attempt) == Cost(0, "USD", "inferred")


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("connection_refused", "refused"),
        Unreachable("dns_error", "no such host"),
        Unreachable("dns_timeout", "no answer"),
        Unreachable("tls_certificate_error", "expired"),
        Unreachable("tls_protocol_error", "no TLS"),
        Unreachable("tls_alert_received", "alert"),
        Unreachable("destination_ip_unroutable", "no route"),
        Failed("overloaded", "connection_limit_reached", "our own pool is full"),
        TimedOut("connect", "too slow"),
    ],
)
def test_what_never_reached_the_provider_costs_nothing(error: Failed) -> None:
    """Refused, unresolved, not encrypted, not connected in time, or not sent at all."""
    assert PRICED(_attempt("error", status=None, error=error)) == Cost(0, "USD", "inferred")


@pytest.mark.parametrize("status", [400, 408, 409, 422, 500, 502, 504])
def test_other_statuses_are_unknown(status: int) -> None:
    """Some providers bill them, 400 and 408 included."""
    attempt = _attempt("error", status=status, error=Refused("invalid_request", None, "no", status=status))
    assert PRICED(attempt) == Cost(None, unknown="broken")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, Broken("http_response_incomplete", "cut", status=200)),
        (200, Refused("rate_limit", "http_protocol_error", "an error in a 200", status=200)),
        (None, Unreachable("connection_terminated", "closed before its headers")),
        (None, TimedOut("attempt", "too slow")),
        (None, TimedOut("write", "not taken")),
        (200, TimedOut("connect", "a token that does not fit a status")),
        (None, Failed("server_error", None, "without a token")),
        (None, None),
    ],
)
def test_what_may_have_generated_is_unknown(status: int | None, error: Failed | None) -> None:
    """Refusals count as refusals only on the wire; running usage of a broken answer is no report."""
    attempt = _attempt("error", status=status, error=error, usage=Usage(5, 5))
    assert PRICED(attempt) == Cost(None, unknown="broken")


def test_a_cancelled_attempt_is_unknown() -> None:
    """Whatever had arrived."""
    assert PRICED(_attempt("cancelled", usage=Usage(5, 5))) == Cost(None, unknown="cancelled")
    assert PRICED(_attempt("cancelled", status=None)) == Cost(None, unknown="cancelled")


def test_a_provider_may_bill_other_statuses() -> None:
    """One that bills a 429, and no 400."""
    priced = Priced(_find(PRICE), "EUR", 0, frozenset({400}))
    assert priced(_attempt("error", status=429)) == Cost(None, unknown="broken")
    assert priced(_attempt("error", status=400)) == Cost(0, "EUR", "inferred")


def test_a_price_is_looked_up_once_for_each_served_model_and_tier() -> None:
    """And a provider that invents names does not fill the memory."""
    asked: list[tuple[str | None, str | None]] = []
    known = Known("m", history_of([PRICE]), "USD", "d1")

    def find(served: str | None, tier: str | None) -> Known:
        asked.append((served, tier))
        return known

    priced = Priced(find, "USD", 0)
    for _ in range(3):
        for number in range(KEPT + 5):
            priced(_attempt(usage=Usage(1, 1), model=f"m{number}"))
    assert len(asked) == KEPT + 3 * 5
    attempt = _attempt(usage=Usage(1, 1), model=None)
    attempt.answer.service_tier = "flex"
    assert priced(attempt).micros == 10
    assert asked[-1] == (None, "flex")
