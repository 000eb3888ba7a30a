"""Which rate holds when."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from tracegate.facts import Usage
from tracegate.prices.history import MINUTE_NS, History, Row, history_of, midnight
from tracegate.prices.price import FREE, Price
from tracegate.prices.rate import Amounts, Rate

SEPTEMBER = midnight(date(2026, 9, 1))


def _flat(amount: int) -> Rate:
    return Rate(Amounts(Fraction(amount), Fraction(amount)))


def _at(history: History, wall: int) -> int | None:
    rate = history.at(wall)
    if rate is None:
        return None
    charge = rate.charge(Usage(1_000_000, 0))
    assert not isinstance(charge, str)
    return charge[0]


def test_midnight_is_the_beginning_of_the_day_in_utc() -> None:
    """The first of September 2026."""
    assert midnight(date(2026, 9, 1)) == 1_788_220_800_000_000_000


def test_an_undated_price_always_holds() -> None:
    """In 1970 too."""
    assert _at(history_of([Price(Decimal(2), Decimal(0))]), 0) == 2_000_000


def test_the_newest_price_that_is_not_in_the_future_counts() -> None:
    """The order in the file does not matter; before the first dated one the undated holds."""
    history = history_of(
        [
            Price(Decimal(3), Decimal(0), since=date(2026, 9, 1)),
            Price(Decimal(1), Decimal(0)),
            Price(Decimal(2), Decimal(0), since=date(2026, 1, 1)),
        ]
    )
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 8, 31), date(2026, 9, 1), date(2030, 1, 1)]
    assert [_at(history, midnight(day)) for day in days] == [1_000_000, 2_000_000, 2_000_000, 3_000_000, 3_000_000]


def test_before_its_first_day_a_price_is_not_known() -> None:
    """One nanosecond before midnight there is no price yet."""
    history = history_of([Price(Decimal(3), Decimal(0), since=date(2026, 9, 1))])
    assert _at(history, SEPTEMBER - 1) is None
    assert _at(history, SEPTEMBER) == 3_000_000


@pytest.mark.parametrize(("per", "amount"), [(1_000_000, "2.5"), (1_000, "0.0025"), (1, "0.0000025")])
def test_a_price_may_be_written_per_million_per_thousand_or_per_token(per: int, amount: str) -> None:
    """All three mean the same."""
    assert _at(history_of([Price(Decimal(amount), Decimal(0), per=per)]), 0) == 2_500_000


def test_rates_that_are_not_written_stay_unknown() -> None:
    """Input without output; then output tokens have no price."""
    rate = history_of([Price(input=Decimal(1))]).at(0)
    assert rate is not None
    assert rate.charge(Usage(1, 1)) == "no_price"


def test_free_is_a_price() -> None:
    """Known, and 0."""
    rate = history_of([FREE]).at(0)
    assert rate is not None
    assert rate.free


def test_a_rate_can_hold_between_two_hours_of_the_day() -> None:
    """From 00:30 to 16:30 the second price, else the first."""
    history = History([Row(_flat(1)), Row(_flat(2), hours=(30, 990))])
    minutes = [0, 29, 30, 989, 990, 1439]
    assert [_at(history, SEPTEMBER + m * MINUTE_NS) for m in minutes] == [
        amount * 1_000_000 for amount in (1, 1, 2, 2, 1, 1)
    ]


def test_hours_may_go_over_midnight() -> None:
    """From 16:30 to 00:30."""
    history = History([Row(_flat(1)), Row(_flat(2), hours=(990, 30))])
    minutes = [0, 29, 30, 989, 990, 1439]
    assert [_at(history, SEPTEMBER + m * MINUTE_NS) for m in minutes] == [
        amount * 1_000_000 for amount in (2, 2, 1, 1, 2, 2)
    ]


def test_one_rate_that_is_bound_to_hours_holds_then_only() -> None:
    """Outside them nothing is known."""
    history = History([Row(_flat(2), hours=(0, 60))])
    assert _at(history, SEPTEMBER) == 2_000_000
    assert _at(history, SEPTEMBER + 60 * MINUTE_NS) is None
