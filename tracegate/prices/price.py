"""A price as a person writes it: the one value that the configuration and the price book share.

Source: the configuration's section `prices`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """What `per` tokens cost, in the configuration's currency; `None` where no rate is given.

    `since` dates it: of a history the newest that is not in the future counts. `reasoning` is billed as output where
    it has no rate of its own, cached tokens as input.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    per: int = 1_000_000
    since: date | None = None
    source: str | None = None


FREE = Price(*(Decimal(0),) * 5, source="free")
