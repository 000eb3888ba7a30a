"""Which rate holds at a moment: rates dated by the day they begin, or bound to hours of the day.

Moments are UTC nanoseconds, as arguments: nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction

from tracegate.prices.price import Price
from tracegate.prices.rate import Amounts, Rate

DAY_NS = 86_400_000_000_000
MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """A rate and when it holds.

    Args:
        rate: What tokens cost.
        since: Holds from this moment on; `None`: always.
        hours: Holds between two minutes of the day (UTC), over midnight where the first is the greater.
    """

    rate: Rate
    since: int | None = None
    hours: tuple[int, int] | None = None

    def holds(self, wall: int) -> bool:
        """Whether it holds at a moment."""
        if self.since is not None and wall < self.since:
            return False
        if self.hours is None:
            return True
        begin, end = self.hours
        minute = wall % DAY_NS // MINUTE_NS
        return begin <= minute < end if begin <= end else minute >= begin or minute < end


class History:
    """Rates of one model, of which the last that holds counts."""

    __slots__ = ("_always", "_rows")

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = tuple(reversed(rows))
        only = rows[0] if len(rows) == 1 else None
        self._always = only.rate if only is not None and only.since is None and only.hours is None else None

    def at(self, wall: int) -> Rate | None:
        """The rate at a moment, `None` before the first."""
        if self._always is not None:
            return self._always
        return next((row.rate for row in self._rows if row.holds(wall)), None)


def history_of(prices: Sequence[Price]) -> History:
    """The history of a person's prices, in any order: the newest that is not in the future counts."""
    dated = sorted(prices, key=lambda price: price.since or date.min)
    return History([Row(Rate(_amounts(p)), None if p.since is None else midnight(p.since)) for p in dated])


def midnight(day: date) -> int:
    """UTC nanoseconds of the beginning of a day."""
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1_000_000_000


def _amounts(price: Price) -> Amounts:
    def exact(amount: Decimal | None) -> Fraction | None:
        return None if amount is None else Fraction(amount) * 1_000_000 / price.per

    return Amounts(
        exact(price.input),
        exact(price.output),
        exact(price.cache_read),
        exact(price.cache_write),
        exact(price.reasoning),
    )
