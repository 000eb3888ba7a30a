"""The built-in price data: what lists say a model costs, and how large its context window is.

Made by `python -m tracegate.prices.make` and committed as `table.json`; this module only reads it, provider by
provider, when one is first asked for. Everything in it is USD per million tokens.
Source: the data set named in the table's `source`.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from fractions import Fraction
from functools import cached_property
from importlib.resources import files

import msgspec

from tracegate.prices.history import History, Row, midnight
from tracegate.prices.rate import Amounts, Rate

PROVIDERS = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
"""Names of `gen_ai.provider.name` whose providers the data set calls otherwise."""

_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class AmountsText(msgspec.Struct, frozen=True, omit_defaults=True):
    """Amounts as decimal texts; see `rate.Amounts`."""

    input: str | None = None
    output: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    reasoning: str | None = None
    request: str = "0"
    modalities: dict[str, str] | None = None

    def read(self) -> Amounts:
        """The numbers."""
        return Amounts(
            _number(self.input),
            _number(self.output),
            _number(self.cache_read),
            _number(self.cache_write),
            _number(self.reasoning),
            Fraction(self.request),
            {suffix: Fraction(text) for suffix, text in (self.modalities or {}).items()},
        )


class RowText(AmountsText, frozen=True, omit_defaults=True):
    """A dated row; see `history.Row`. `above` are the amounts beyond a number of input tokens."""

    since: str | None = None
    hours: tuple[int, int] | None = None
    above: list[tuple[int, AmountsText]] = []

    def row(self) -> Row:
        """The row with its numbers."""
        since = None if self.since is None else midnight(date.fromisoformat(self.since))
        return Row(Rate(self.read(), [(start, text.read()) for start, text in self.above]), since, self.hours)


class Model(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """One model of a provider.

    Args:
        id: Its name in the data set.
        names: Texts that mean it, in lower case.
        like: Patterns that mean it: `^` a beginning, `$` an end, `*` a part, `/` a regular expression; a list: all.
        context: Tokens of its context window.
        rates: What it costs; empty: no price by token.
        tiers: What it costs in a service tier other than the standard one.
    """

    id: str
    names: list[str] = []
    like: list[str | list[str]] = []
    context: int | None = None
    rates: list[RowText] = []
    tiers: dict[str, list[RowText]] = {}

    @cached_property
    def history(self) -> History | None:
        """Its price in the standard tier."""
        return History([row.row() for row in self.rates]) if self.rates else None

    def tier(self, name: str) -> History | None:
        """Its price in a service tier, `None` where none is listed."""
        rows = self.tiers.get(name)
        return History([row.row() for row in rows]) if rows else None


class Listing(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """One provider's models, in the order in which they are asked; `others` lists providers whose models it sells."""

    models: list[Model]
    others: list[str] = []

    def find(self, text: str) -> Model | None:
        """The first model that a text in lower case means."""
        names, patterns = self._index
        at = names.get(text, len(self.models))
        for place, like in patterns:
            if place >= at:
                break
            if _alike(like, text):
                return self.models[place]
        return self.models[at] if at < len(self.models) else None

    @cached_property
    def _index(self) -> tuple[dict[str, int], list[tuple[int, str | list[str]]]]:
        names: dict[str, int] = {}
        patterns: list[tuple[int, str | list[str]]] = []
        for place, model in enumerate(self.models):
            for name in model.names:
                names.setdefault(name, place)
            patterns += [(place, like) for like in model.like]
        return names, patterns


class Contents(msgspec.Struct, frozen=True):
    """The file as a whole; each provider stays undecoded until it is asked for."""

    source: str
    providers: dict[str, msgspec.Raw]


class Table:
    """Price data.

    Args:
        raw: The bytes of `table.json`.
    """

    def __init__(self, raw: bytes) -> None:
        contents = msgspec.json.decode(raw, type=Contents)
        self.digest = hashlib.sha256(raw).hexdigest()
        self.source = contents.source
        self._raw = contents.providers
        self._listings: dict[str, Listing] = {}

    def find(self, provider_name: str, model: str) -> Model | None:
        """The model that a provider means by a text; `provider_name` is the value of `gen_ai.provider.name`.

        A compact date (`-20251211`) also means the long form (`-2025-12-11`).
        """
        listing = self._listing(PROVIDERS.get(provider_name, provider_name))
        if listing is None:
            return None
        text = model.lower()
        found = self._in(listing, text)
        if found is None and (long := _COMPACT_DATE.sub(r"-\1-\2-\3", text)) != text:
            found = self._in(listing, long)
        return found

    def _in(self, listing: Listing, text: str) -> Model | None:
        found = listing.find(text)
        for name in listing.others:
            if found is not None:
                break
            other = self._listing(name)
            found = None if other is None else other.find(text)
        return found

    def _listing(self, name: str) -> Listing | None:
        known = self._listings.get(name)
        if known is None and name in self._raw:
            known = self._listings[name] = msgspec.json.decode(self._raw[name], type=Listing)
        return known


def load_table() -> Table:
    """The table that ships with the package, read anew; keep it."""
    return Table(files("tracegate.prices").joinpath("table.json").read_bytes())


def _number(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _alike(like: str | list[str], text: str) -> bool:
    if isinstance(like, list):
        return all(_alike(part, text) for part in like)
    kind, what = like[0], like[1:]
    if kind == "^":
        return text.startswith(what)
    if kind == "$":
        return text.endswith(what)
    return what in text if kind == "*" else re.search(what, text) is not None
