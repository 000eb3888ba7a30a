"""Makes `table.json` from the pinned data set: `python -m tracegate.prices.make`.

A command of the maintainers: it is the only module that imports `genai_prices`, which a user never installs. Prices
are only rewritten here, never by hand; a test holds the committed file to what this makes.
What has no price by token (audio by the hour, pages, searches) is left out, and so is a price that depends on
something an answer does not say (batch, longer-lived cache entries).
Source: https://github.com/pydantic/genai-prices.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import msgspec
from genai_prices import types
from genai_prices.data import providers

from tracegate.prices.table import AmountsText, Listing, Model, RowText

FILE = Path(__file__).with_name("table.json")

RATES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "reasoning": "output_reasoning_mtok",
}
MODALITIES = {
    f"{kind}.{ours}": theirs.format(kind)
    for kind in ("audio", "image", "video")
    for ours, theirs in (
        ("input_tokens", "input_{}_mtok"),
        ("output_tokens", "output_{}_mtok"),
        ("cache_read.input_tokens", "cache_{}_read_mtok"),
    )
}
REQUEST = "requests_kcount"

Amount = Decimal | types.TieredPrices


def render(known: Iterable[types.Provider] = providers) -> bytes:
    """The file, one model a line so that a difference can be read."""
    lines = [f'{{"source":"genai-prices {version("genai-prices")}","providers":{{']
    listings = [(provider.id, _listing(provider)) for provider in known]
    for at, (name, listing) in enumerate(listings):
        others = msgspec.json.encode(listing.others).decode()
        lines.append(f'"{name}":{{"others":{others},"models":[')
        lines += _with_commas(msgspec.json.encode(model).decode() for model in listing.models)
        lines.append("]}" + ("," if at + 1 < len(listings) else ""))
    return "\n".join([*lines, "}}", ""]).encode()


def main() -> None:
    """Write the file."""
    FILE.write_bytes(render())


def _with_commas(lines: Iterable[str]) -> list[str]:
    text = list(lines)
    return [line + ("," if at + 1 < len(text) else "") for at, line in enumerate(text)]


def _listing(provider: types.Provider) -> Listing:
    return Listing([_model(model) for model in provider.models], provider.fallback_model_providers or [])


def _model(model: types.ModelInfo) -> Model:
    names, like = _matches(model.match)
    rates = model.prices if isinstance(model.prices, list) else [types.ConditionalPrice(prices=model.prices)]
    return Model(
        id=model.id,
        names=names,
        like=like,
        context=model.context_window,
        rates=[row for rate in rates if (row := _row(rate.prices, rate.constraint)) is not None],
        tiers=_tiers(model),
    )


# --- which names mean a model ---


def _matches(clause: types.MatchLogic) -> tuple[list[str], list[str | list[str]]]:
    names: list[str] = []
    like: list[str | list[str]] = []
    for part in clause.or_ if isinstance(clause, types.ClauseOr) else [clause]:
        match part:
            case types.ClauseEquals():
                names.append(part.equals.lower())
            case types.ClauseAnd():
                like.append([_pattern(both) for both in part.and_])
            case _:
                like.append(_pattern(part))
    return names, like


def _pattern(clause: types.MatchLogic) -> str:
    match clause:
        case types.ClauseStartsWith():
            return "^" + clause.starts_with.lower()
        case types.ClauseEndsWith():
            return "$" + clause.ends_with.lower()
        case types.ClauseContains():
            return "*" + clause.contains.lower()
        case types.ClauseRegex():
            return "/" + re.compile(clause.regex).pattern
    raise ValueError(f"no pattern for {clause!r}; teach `table` and this module the new kind of clause")


# --- what it costs ---


def _tiers(model: types.ModelInfo) -> dict[str, list[RowText]]:
    """The whole rates of each service tier at every day on which the standard rate or the tier's own changes."""
    variants = [v for v in model.price_variants or () if v.when.keys() == {"service_tier"}]
    constraints = [v.constraint for v in variants]
    if isinstance(model.prices, list):
        constraints += [rate.constraint for rate in model.prices]
    days = {c.start_date for c in constraints if isinstance(c, types.StartDateConstraint)}
    tiers: dict[str, list[RowText]] = {}
    for name in dict.fromkeys(v.when["service_tier"] for v in variants if v.prices.__dict__):
        rows: list[RowText] = []
        for day in (None, *sorted(days)):
            moment = datetime.combine(day or date(1970, 1, 1), time(), UTC)
            here = model.get_prices(moment, {"service_tier": name})
            if not rows and here == model.get_prices(moment):
                continue  # the tier has no price yet
            row = _row(here, None if day is None else types.StartDateConstraint(day))
            if row is not None:
                rows.append(row)
        tiers[name] = rows
    return tiers


def _row(
    prices: types.ModelPrice, constraint: types.StartDateConstraint | types.TimeOfDateConstraint | None
) -> RowText | None:
    amounts: dict[str, Amount] = {key: value for key, value in prices.__dict__.items() if value is not None}
    if not amounts.keys() & {"input_mtok", "output_mtok"}:
        return None
    starts = sorted({t.start for a in amounts.values() if isinstance(a, types.TieredPrices) for t in a.tiers})
    base = _amounts(amounts, 0)
    return RowText(
        **msgspec.structs.asdict(base),
        since=constraint.start_date.isoformat() if isinstance(constraint, types.StartDateConstraint) else None,
        hours=_hours(constraint) if isinstance(constraint, types.TimeOfDateConstraint) else None,
        above=[(start, _amounts(amounts, start + 1)) for start in starts],
    )


def _amounts(amounts: dict[str, Amount], tokens: int) -> AmountsText:
    """The amounts for a request of so many input tokens."""

    def text(key: str) -> str | None:
        amount = amounts.get(key)
        if isinstance(amount, types.TieredPrices):
            amount = next((t.price for t in reversed(amount.tiers) if tokens > t.start), amount.base)
        return None if amount is None else format(amount.normalize(), "f")

    fee = text(REQUEST)
    modalities = {ours: found for ours, theirs in MODALITIES.items() if (found := text(theirs)) is not None}
    return AmountsText(
        **{ours: text(theirs) for ours, theirs in RATES.items()},
        request="0" if fee is None else format((Decimal(fee) * 1000).normalize(), "f"),
        modalities=modalities or None,
    )


def _hours(constraint: types.TimeOfDateConstraint) -> tuple[int, int]:
    return _minute(constraint.start_time), _minute(constraint.end_time)


def _minute(at: time) -> int:
    utc = at if at.tzinfo is None else datetime.combine(date(1970, 1, 1), at).astimezone(UTC).timetz()
    return utc.hour * 60 + utc.minute


# Tested through `main`: running it as a command would write over the committed file.
if __name__ == "__main__":  # pragma: no cover
    main()
