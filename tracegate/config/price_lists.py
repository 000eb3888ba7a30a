"""Own prices as they are written: at a target, or as overrides by `provider/model`."""

from __future__ import annotations

from tracegate.config import schema
from tracegate.config.draft import Draft
from tracegate.config.model import FREE, Price, Prices
from tracegate.config.nearest import did_you_mean, listed
from tracegate.config.problems import Path
from tracegate.config.validate import validate
from tracegate.config.values import shown

_FIX = "write `{input: 2.50, output: 10}`, a list of such prices, or `free`."


def history(draft: Draft, path: Path) -> tuple[Price, ...]:
    """The price, the list of prices, or `free` at a path; nothing where none is written, or where it is wrong."""
    node = draft.root.get(path)
    if node is None:
        return ()
    if node.value == "free":
        return (FREE,)
    if isinstance(node.value, list):
        found = [_price(draft, (*path, index)) for index in range(len(node.value))]
        if not found:
            draft.wrong(path, "an empty list", _FIX)
        dates = [price.since for price in found if price is not None]
        if len(set(dates)) < len(dates):
            draft.wrong(path, "two prices of one date", "give each a `from` of its own; one may go without.")
        return tuple(price for price in found if price is not None)
    price = _price(draft, path)
    return () if price is None else (price,)


def _price(draft: Draft, path: Path) -> Price | None:
    node = draft.root.get(path)
    if node is not None and not isinstance(node.value, dict):
        draft.wrong(path, f"{shown(node.plain())} is not a price", _FIX)
        return None
    written = validate(draft, path, schema.Price)
    if written is None:
        return None
    if written.input is None and written.output is None:
        draft.wrong(path, "neither `input` nor `output`", _FIX)
        return None
    return Price(
        input=written.input,
        output=written.output,
        cache_read=written.cache_read,
        cache_write=written.cache_write,
        reasoning=written.reasoning,
        per=written.per,
        since=written.since,
        source=written.source,
    )


def prices(draft: Draft, providers: list[str]) -> Prices:
    """The section `prices`; `providers` are the ids that an override may name."""
    written = validate(draft, ("prices",), schema.Prices) or schema.Prices()
    node = draft.root.get(("prices", "overrides"))
    if node is None:
        return Prices(written.currency)
    if not isinstance(node.value, dict):
        draft.wrong(("prices", "overrides"), f"{shown(node.plain())} is not a map", "write `provider/model: price`.")
        return Prices(written.currency)
    overrides: dict[str, tuple[Price, ...]] = {}
    for name in node.value:
        path: Path = ("prices", "overrides", name)
        provider, slash, model = name.partition("/")
        if not slash or not model or "*" in model[:-1]:
            fix = "write `provider/model`; a `*` at the end of the model matches any rest."
            draft.wrong(path, f"`{name}` is not `provider/model`", fix, key=True)
        elif provider not in providers:
            fix = f"{did_you_mean(provider, providers)}Providers: {listed(sorted(providers))}."
            draft.wrong(path, f"unknown provider `{provider}`", fix, key=True)
        overrides[name] = history(draft, path)
    return Prices(written.currency, overrides)
