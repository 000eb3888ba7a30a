"""The price book: what an attempt cost, by the prices of the configuration and of the built-in table.

`bind` makes the price function of one target once, when routes are built; the recorder calls it when an attempt
closes. Here is decided whose price counts; what an attempt then cost is `priced`'s to say.
Own prices hold in every service tier; the table's only in the standard one and those it lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial

from tracegate.clock import Clock
from tracegate.facts import Target
from tracegate.prices.history import History, history_of
from tracegate.prices.price import Price
from tracegate.prices.priced import REFUSALS, Known, Priced
from tracegate.prices.table import Table

PRICED_TIERS = frozenset({"batch", "fast", "flex", "priority", "scale"})
"""Service tiers with rates of their own: where the table lists none for the model, its price is unknown."""


class Prices:
    """The prices of one configuration.

    Args:
        table: The built-in data, in USD.
        overrides: Own prices by `provider/model`, provider being the configuration's id; a `*` at the end of a model
            matches any rest, the longest match wins.
        currency: ISO 4217, of everything that is not the table's.
    """

    def __init__(
        self, table: Table, overrides: Mapping[str, Sequence[Price]] | None = None, currency: str = "USD"
    ) -> None:
        self._table = table
        self._currency = currency
        own = {} if overrides is None else dict(overrides)
        digest = digest_of([(name, own[name]) for name in sorted(own)], currency)
        self._exact: dict[str, Known] = {}
        self._prefixes: list[tuple[str, Known]] = []
        for name in sorted(own, key=len, reverse=True):
            known = Known(name.partition("/")[2], history_of(own[name]), currency, digest)
            if name.endswith("*"):
                self._prefixes.append((name[:-1], known))
            else:
                self._exact[name] = known

    def bind(
        self, target: Target, clock: Clock, own: Sequence[Price] = (), *, refusals: frozenset[int] = REFUSALS
    ) -> Priced:
        """The price function of a target.

        Args:
            target: What is called.
            clock: Read once, here: an attempt's moment follows from its monotonic start.
            own: The target's own prices, a history; they win over everything.
            refusals: Statuses that this provider does not bill.
        """
        offset = clock.wall() - clock.now()
        if own:
            digest = digest_of([(target.id, own)], self._currency)
            known = Known(target.model, history_of(own), self._currency, digest)
            return Priced(lambda served, tier: known, self._currency, offset, refusals)
        return Priced(partial(self._find, target), self._currency, offset, refusals)

    def context_of(self, provider_name: str, model: str) -> int | None:
        """Tokens of a model's context window by the built-in table, `None` if it is not known.

        Args:
            provider_name: Value of `gen_ai.provider.name`.
            model: The requested model.
        """
        found = self._table.find(provider_name, model)
        return None if found is None else found.context

    def _find(self, target: Target, served: str | None, tier: str | None) -> Known | None:
        """The price of the served model, then of the requested one; overrides first for both."""
        models = (target.model,) if served is None or served == target.model else (served, target.model)
        for model in models:
            if (known := self._override(f"{target.provider}/{model}", model)) is not None:
                return known
        for model in models:
            found = self._table.find(target.provider_name, model)
            if found is None or found.history is None:
                continue
            history: History | None = found.history
            if tier is not None and tier in PRICED_TIERS:
                history = found.tier(tier)
            return None if history is None else Known(model, history, "USD", self._table.digest)
        return None

    def _override(self, name: str, model: str) -> Known | None:
        known = self._exact.get(name)
        if known is None:
            known = next((known for prefix, known in self._prefixes if name.startswith(prefix)), None)
            known = None if known is None else Known(model, known.history, known.currency, known.digest)
        return known


def digest_of(prices: Sequence[tuple[str, Sequence[Price]]], currency: str) -> str:
    """SHA-256 in hex of prices that are not the table's: of their text in a fixed form, one price a line."""
    lines = ["\t".join((name, currency, *_texts(price))) for name, history in prices for price in history]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _texts(price: Price) -> tuple[str, ...]:
    p = price
    fields = (p.input, p.output, p.cache_read, p.cache_write, p.reasoning, p.per, p.since, p.source)
    return tuple(str(field) for field in fields)
