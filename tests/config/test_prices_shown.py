"""What a target costs, as `explain` prints it."""

from __future__ import annotations

from datetime import date

import pytest

from tests.config.reading import configured
from tracegate.config.model import DEFAULT
from tracegate.config.prices_shown import price_of

TODAY = date(2026, 6, 1)
HEAD = "providers: {openai: {}, local: {row: vllm}}\n"


def shown(price: str = "", prices: str = "", target: str = "openai, model: gpt-4o") -> tuple[str, str]:
    """The price of a target, and the kind of its origin."""
    own = f", price: {price}" if price else ""
    config = configured(f"{HEAD}targets: {{t: {{provider: {target}{own}}}}}\n{prices}")
    text, origin = price_of(config, config.targets["t"], TODAY)
    return text, origin.kind


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("free", "free"),
        ("{input: 2.20, output: 9}", "2.20 in / 9.00 out USD per 1M"),
        ("{input: 0.075, per: 1K}", "0.075 in USD per 1K"),
        (
            "{input: 1, output: 2, cache_read: 3, cache_write: 4, reasoning: 5, per: 1}",
            "1.00 in / 2.00 out / 3.00 cache read / 4.00 cache write / 5.00 reasoning USD per token",
        ),
        ("[{input: 1}, {input: 2, from: 2026-05-01}, {input: 3, from: 2027-01-01}]", "2.00 in USD per 1M"),
        ("[{input: 3, from: 2027-01-01}]", "price unknown before its first date"),
    ],
)
def test_a_targets_own_price_wins(price: str, text: str) -> None:
    """Of a history the newest that is not in the future."""
    assert shown(price, "prices: {overrides: {'openai/*': free}}") == (text, "file")


def test_overrides_win_over_data() -> None:
    """The exact one, else the longest that matches."""
    prices = (
        "prices: {currency: EUR, overrides: "
        "{'openai/*': {input: 1}, 'openai/gpt*': {input: 2}, 'openai/gpt-4o': {input: 3}, 'local/*': free}}"
    )
    assert shown(prices=prices) == ("3.00 in EUR per 1M", "file")
    assert shown(prices=prices, target="openai, model: gpt-4o-mini") == ("2.00 in EUR per 1M", "file")
    assert shown(prices=prices, target="openai, model: o3") == ("1.00 in EUR per 1M", "file")
    assert shown(prices=prices, target="local, model: llama") == ("free", "file")


def test_data_knows_the_rest() -> None:
    """In dollars, whatever the currency of the file is."""
    assert shown(prices="prices: {currency: EUR}") == ("2.50 in / 10.00 out USD per 1M", "data")


def test_what_nobody_knows_is_unknown() -> None:
    """Never 0."""
    assert shown(target="local, model: my-own-model") == ("price unknown", DEFAULT.kind)
