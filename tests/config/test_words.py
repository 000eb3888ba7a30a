"""Values as a person reads them."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegate.config import values
from tracegate.config.words import boolean, duration, error_classes, money, size
from tracegate.facts import ErrorClass
from tracegate.policies.settings import FALLBACK_WHEN, RETRYABLE

S = 10**9


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "none"),
        (0, "0s"),
        (1_500_000, "1.5ms"),
        (500 * 10**6, "500ms"),
        (S, "1s"),
        (60 * S, "60s"),
        (90 * S, "90s"),
        (120 * S, "2m"),
        (600 * S, "10m"),
        (3600 * S, "1h"),
        (5400 * S, "90m"),
        (7 * 86400 * S, "7d"),
    ],
)
def test_a_duration_is_short(ns: int | None, text: str) -> None:
    """In the unit that a person would choose."""
    assert duration(ns) == text


@given(st.integers(1, 10**15))
def test_a_duration_is_read_back(ns: int) -> None:
    """What is printed can be written."""
    assert values.duration(duration(ns)) == ns


@given(st.integers(1, 10**15))
def test_a_size_is_read_back(count: int) -> None:
    """What is printed can be written."""
    assert values.size(size(count)) == count


def test_a_size_is_short() -> None:
    """Powers of 1000 first."""
    assert [size(n) for n in (32_000_000, 64_000, 65_536, 1_500, 7)] == ["32MB", "64KB", "64KiB", "1500B", "7B"]


def test_money_has_two_places_or_more() -> None:
    """And loses no digit."""
    assert [money(Decimal(text)) for text in ("9", "2.20", "0.075", "1E+2")] == ["9.00", "2.20", "0.075", "100.00"]
    assert money(Decimal("NaN")) == "NaN"


def test_booleans_are_yaml() -> None:
    """`true` and `false`."""
    assert (boolean(True), boolean(False)) == ("true", "false")


def test_error_classes_take_the_fewest_words() -> None:
    """What is missing, where that is shorter."""
    assert error_classes(FALLBACK_WHEN) == "every error class but content_filter"
    assert error_classes(frozenset(get_args(ErrorClass))) == "every error class"
    assert error_classes(frozenset()) == "no error class"
    assert error_classes(RETRYABLE) == "broken_answer, connection, overloaded, rate_limit, server_error"
