"""Own prices as they are written."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.config.reading import PROVIDERS, configured, problems
from tracegate.config.model import FREE, Price

TARGET = "  a: {provider: openai, model: m, price: %s}"


def test_a_price_has_rates() -> None:
    """Digit for digit, with unit, date and source."""
    price = (
        "{input: 2.50, output: '10', cache_read: 1.25, cache_write: 3, reasoning: 0.1, per: 1K, from: 2026-09-01, "
        "source: contract 42}"
    )
    (read,) = configured(PROVIDERS + TARGET % price).targets["a"].prices
    assert read == Price(
        Decimal("2.50"),
        Decimal(10),
        Decimal("1.25"),
        Decimal(3),
        Decimal("0.1"),
        1000,
        date(2026, 9, 1),
        "contract 42",
    )
    assert str(read.input) == "2.50"


def test_a_list_is_a_history_and_free_is_known() -> None:
    """Free is 0, which is not unknown."""
    history = configured(PROVIDERS + TARGET % "[{input: 1}, {output: 2, from: 2026-09-01}]").targets["a"].prices
    assert [price.since for price in history] == [None, date(2026, 9, 1)]
    assert configured(PROVIDERS + TARGET % "free").targets["a"].prices == (FREE,)


def test_overrides_are_by_provider_and_model() -> None:
    """The provider is the id in this file; a star at the end of a model matches."""
    config = configured(PROVIDERS + "prices: {currency: EUR, overrides: {openai/gpt-5.5: {input: 1}, 'local/*': free}}")
    assert config.prices.currency == "EUR"
    assert config.prices.overrides == {"openai/gpt-5.5": (Price(Decimal(1)),), "local/*": (FREE,)}
    assert configured(PROVIDERS + "prices: {currency: EUR}").prices.overrides == {}


@pytest.mark.parametrize(
    ("price", "why"),
    [
        (
            "7",
            "11:42  targets.a.price: `7` is not a price | write `{input: 2.50, output: 10}`,",
        ),
        ("[]", "11:35  targets.a.price: an empty list | write"),
        ("[7]", "11:43  targets.a.price[0]: `7` is not a price | write"),
        ("{per: 1M}", "11:35  targets.a.price: neither `input` nor `output` | write"),
        ("{input: -1}", "11:50  targets.a.price.input: `-1` is not an amount | write a number from 0."),
        ("{inptu: 1}", "11:43  targets.a.price.inptu: unknown key `inptu` | did you mean `input`?"),
        ("[{input: 1}, {input: 2}]", "11:35  targets.a.price: two prices of one date | give each a"),
    ],
)
def test_what_is_no_price_is_refused(price: str, why: str) -> None:
    """At its place."""
    found = problems(PROVIDERS.rstrip() + "\n\n" + TARGET % price)
    assert [line.startswith(why) for line in found] == [True], found


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        ("{overrides: 7}", "1:21  prices.overrides: `7` is not a map | write `provider/"),
        (
            "{overrides: {gpt: free}}",
            "1:22  prices.overrides.gpt: `gpt` is not `provider/model` | write",
        ),
        ("{overrides: {openai/: free}}", "1:22  prices.overrides.openai/: `openai/` is not `provider/model` |"),
        (
            "{overrides: {'openai/*-x': free}}",
            "1:22  prices.overrides.openai/*-x: `openai/*-x` is not",
        ),
        (
            "{overrides: {opnai/m: free}}",
            "1:22  prices.overrides.opnai/m: unknown provider `opnai` | did you mean `openai`? Providers:",
        ),
        (
            "{currency: euro}",
            "1:20  prices.currency: `euro` is not a currency | write its ISO 4217",
        ),
        ("{feed: {}}", "1:10  prices.feed: `feed` is not in this version | take it out."),
    ],
)
def test_what_is_no_override_is_refused(prices: str, why: str) -> None:
    """At its place."""
    found = problems(f"prices: {prices}\n{PROVIDERS}")
    assert [line.startswith(why) for line in found] == [True], found
