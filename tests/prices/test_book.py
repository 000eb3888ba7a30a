"""Whose price counts: the target's own, an override's, or the table's; of the served model or of the requested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from tests.work import functions_entered
from tracegate.clock import SystemClock
from tracegate.facts import INITIAL, Attempt, Cost, Target, Usage
from tracegate.prices.book import Prices, digest_of
from tracegate.prices.history import midnight
from tracegate.prices.price import FREE, Price
from tracegate.prices.table import Table, load_table

TABLE = Table(
    b'{"source":"test 1","providers":{"openai":{"models":['
    b'{"id":"gpt","names":["gpt","gpt-2026"],"context":1000,"rates":[{"input":"1","output":"1"}],'
    b'"tiers":{"flex":[{"input":"0.5","output":"0.5"}]}},'
    b'{"id":"mini","names":["mini"],"rates":[{"input":"3","output":"3"}]},'
    b'{"id":"hours","names":["hours"],"context":7}]}}}'
)
USAGE = Usage(1_000_000, 0)


class FrozenClock(SystemClock):
    """Monotonic time begins on the first of September 2026."""

    now = staticmethod(lambda: 0)
    wall = staticmethod(lambda: midnight(date(2026, 9, 1)))


def _cost(
    prices: Prices,
    model: str = "gpt",
    served: str | None = None,
    *,
    provider: str = "openai-eu",
    tier: str | None = None,
    own: Sequence[Price] = (),
) -> Cost:
    target = Target("t", provider, "openai", model)
    attempt = Attempt(target, 0, INITIAL, 0, False)
    attempt.outcome = "ok"
    attempt.answer.model = served
    attempt.answer.service_tier = tier
    attempt.answer.usage = USAGE
    return prices.bind(target, FrozenClock(), own)(attempt)


def _flat(amount: int, *, since: date | None = None) -> Price:
    return Price(Decimal(amount), Decimal(amount), since=since)


def _prices(overrides: Mapping[str, Sequence[Price]] | None = None, currency: str = "USD") -> Prices:
    return Prices(TABLE, overrides, currency)


def test_the_served_model_s_price_counts() -> None:
    """Not the requested one's; the record says which, and the table's digest."""
    cost = _cost(_prices(), "gpt", "mini")
    assert (cost.micros, cost.model, cost.currency, cost.digest) == (3_000_000, "mini", "USD", TABLE.digest)
    assert _cost(_prices(), "mini", "gpt-2026").micros == 1_000_000


def test_the_requested_model_s_price_counts_where_the_served_one_is_not_listed() -> None:
    """Or not named, or listed without a price by token."""
    for served in ("gpt-secret", None, "gpt", "hours"):
        cost = _cost(_prices(), "gpt", served)
        assert (cost.micros, cost.model) == (1_000_000, "gpt")


def test_a_model_that_nobody_lists_has_no_price() -> None:
    """Unknown, not 0."""
    assert _cost(_prices(), "nope", "neither") == Cost(None, unknown="no_price")
    assert _cost(_prices(), "hours").unknown == "no_price"


def test_an_override_wins_over_the_table_for_both_names() -> None:
    """Also an override of the requested model over the table's price of the served one."""
    prices = _prices({"openai-eu/gpt": [_flat(7)]})
    assert _cost(prices, "gpt", "gpt-2026").micros == 7_000_000
    assert _cost(prices, "gpt", "gpt-2026").model == "gpt"
    assert _cost(prices, "gpt", None).micros == 7_000_000
    assert _cost(prices, "mini", "gpt").micros == 7_000_000
    assert _cost(prices, "gpt", provider="other").micros == 1_000_000


def test_a_star_matches_any_rest_and_the_longest_match_wins() -> None:
    """An exact name wins over every pattern."""
    prices = _prices({"openai-eu/*": [_flat(5)], "openai-eu/gpt-*": [_flat(6)], "openai-eu/gpt-2026": [_flat(8)]})
    served = {"gpt-2026": 8, "gpt-2027": 6, "mini": 5, "nope": 5}
    assert {name: _cost(prices, "x", name).micros for name in served} == {
        name: amount * 1_000_000 for name, amount in served.items()
    }
    assert _cost(prices, "x", "gpt-2027").model == "gpt-2027"


def test_the_target_s_own_price_wins_over_everything() -> None:
    """Whatever model was served; `free` is such a price."""
    prices = _prices({"openai-eu/*": [_flat(5)]})
    cost = _cost(prices, "gpt", "mini", own=[_flat(9)])
    assert (cost.micros, cost.model) == (9_000_000, "gpt")
    assert _cost(prices, own=[FREE]).micros == 0


def test_the_moment_of_the_attempt_chooses_from_a_history() -> None:
    """The clock is read once, when the price is bound."""
    history = [_flat(1, since=date(2026, 8, 1)), _flat(2, since=date(2026, 9, 1)), _flat(4, since=date(2026, 9, 2))]
    assert _cost(_prices(), own=history).micros == 2_000_000


def test_own_prices_have_the_configured_currency_and_the_table_is_in_dollars() -> None:
    """One fallback may mix them; each cost says which it is."""
    prices = _prices({"openai-eu/mini": [_flat(5)]}, "EUR")
    assert _cost(prices, "mini").currency == "EUR"
    assert _cost(prices, own=[_flat(1)]).currency == "EUR"
    assert _cost(prices, "gpt").currency == "USD"


def test_a_service_tier_has_its_own_price_or_none() -> None:
    """The ordinary ones are the standard price; a special one that is not listed is unknown."""
    micros = {tier: _cost(_prices(), tier=tier) for tier in ("default", "auto", "flex", "priority")}
    assert {tier: cost.micros for tier, cost in micros.items()} == {
        "default": 1_000_000,
        "auto": 1_000_000,
        "flex": 500_000,
        "priority": None,
    }
    assert micros["priority"].unknown == "no_price"
    assert _cost(_prices({"openai-eu/gpt": [_flat(7)]}), tier="priority").micros == 7_000_000


def test_digests_differ_with_anything_that_was_written() -> None:
    """The price, its source, its date, the currency, the name."""
    price = Price(Decimal(1), Decimal(2), source="contract 42", since=date(2026, 9, 1))
    digests = {
        digest_of([("a", [price])], "USD"),
        digest_of([("a", [price])], "EUR"),
        digest_of([("b", [price])], "USD"),
        digest_of([("a", [price, price])], "USD"),
        digest_of([("a", [Price(Decimal(1), Decimal(2), source="contract 42")])], "USD"),
        digest_of([("a", [Price(Decimal(1), Decimal(2), since=date(2026, 9, 1))])], "USD"),
        digest_of([("a", [Price(Decimal(1), Decimal(3), source="contract 42", since=date(2026, 9, 1))])], "USD"),
    }
    assert len(digests) == 7
    assert digest_of([("a", [price])], "USD") == digest_of([("a", [price])], "USD")
    assert all(len(digest) == 64 for digest in digests)


def test_an_override_s_digest_does_not_depend_on_the_order_of_the_file() -> None:
    """Two spellings of the same overrides are the same table."""
    one = _prices({"openai-eu/gpt": [_flat(7)], "openai-eu/mini": [_flat(8)]})
    two = _prices({"openai-eu/mini": [_flat(8)], "openai-eu/gpt": [_flat(7)]})
    assert _cost(one).digest == _cost(two).digest
    assert _cost(one).digest != TABLE.digest


def test_context_windows_come_from_the_table() -> None:
    """Unknown is None."""
    prices = Prices(load_table())
    assert prices.context_of("openai", "gpt-4o-2024-08-06") == 128_000
    assert prices.context_of("openai", "no-such-model") is None
    assert prices.context_of("my-gpu", "gpt-4o") is None


def test_a_cost_is_little_work() -> None:
    """About 3 µs; counted in functions, because tests share their machine."""
    target = Target("t", "openai", "openai", "gpt-4.1")
    attempt = Attempt(target, 0, INITIAL, 0, False)
    attempt.outcome = "ok"
    attempt.answer.model = "gpt-4.1-2025-04-14"
    attempt.answer.usage = Usage(812, 96, cache_read=512)
    priced = Prices(load_table()).bind(target, SystemClock())
    assert priced(attempt).micros == 300 * 2 + 256 + 96 * 8
    assert functions_entered(lambda: priced(attempt)) <= 11
