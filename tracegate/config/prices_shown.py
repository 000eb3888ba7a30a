"""What a target costs, as `explain` prints it: its own price, an override, the built-in data, or unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tracegate.config.known import price_data
from tracegate.config.model import DEFAULT, FREE, Config, Origin, Price, TargetSettings
from tracegate.config.words import money

_PER = {1: "token", 1_000: "1K", 1_000_000: "1M"}


def price_of(config: Config, settings: TargetSettings, today: date) -> tuple[str, Origin]:
    """The price of a target's requested model as text, and where it comes from.

    Args:
        config: Has the overrides and the currency.
        settings: Of the target.
        today: UTC; the newest price that is not in the future counts.
    """
    target = settings.target
    if settings.prices:
        return _text(settings.prices, config.prices.currency, today), settings.origins["price"]
    override = _override(config, f"{target.provider}/{target.model}")
    if override:
        text = _text(override, config.prices.currency, today)
        return text, config.origins["prices.overrides"]
    found = price_data().find(target.provider_name, target.model)
    rates = (
        ()
        if found is None
        else tuple(
            Price(
                input=None if row.input is None else Decimal(row.input),
                output=None if row.output is None else Decimal(row.output),
                since=None if row.since is None else date.fromisoformat(row.since),
            )
            for row in found.rates
            if row.hours is None
        )
    )
    return (_text(rates, "USD", today), Origin("data")) if rates else ("price unknown", DEFAULT)


def _override(config: Config, name: str) -> tuple[Price, ...]:
    """The exact one, else the longest that ends with `*` and matches."""
    overrides = config.prices.overrides
    if name in overrides:
        return overrides[name]
    matching = [other for other in overrides if other.endswith("*") and name.startswith(other[:-1])]
    return overrides[max(matching, key=len)] if matching else ()


def _text(history: tuple[Price, ...], currency: str, today: date) -> str:
    if history == (FREE,):
        return "free"
    holding = [price for price in history if price.since is None or price.since <= today]
    if not holding:
        return "price unknown before its first date"
    price = max(holding, key=lambda one: one.since or date.min)
    rates = [
        f"{money(amount)} {name}"
        for name, amount in (
            ("in", price.input),
            ("out", price.output),
            ("cache read", price.cache_read),
            ("cache write", price.cache_write),
            ("reasoning", price.reasoning),
        )
        if amount is not None
    ]
    return f"{' / '.join(rates)} {currency} per {_PER[price.per]}"
