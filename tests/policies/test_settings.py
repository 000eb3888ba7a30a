"""The settings of the built-in policies."""

from __future__ import annotations

from typing import get_args

from tracegate.facts import ErrorClass
from tracegate.policies.settings import FALLBACK_WHEN, RETRYABLE, Retry


def test_two_retries_is_the_default() -> None:
    """Section 7 of the configuration's reference."""
    assert Retry() == Retry(2, RETRYABLE, 250 * 10**6, 8 * 10**9, 5 * 10**9)


def test_five_classes_can_be_better_the_second_time() -> None:
    """Ruling 38: a silent target is left, and the same request would be refused again."""
    assert frozenset({"rate_limit", "overloaded", "server_error", "connection", "broken_answer"}) == RETRYABLE


def test_the_next_candidate_is_asked_on_every_class_but_one() -> None:
    """Ruling 38: nobody else is asked what a filter refused."""
    assert frozenset(get_args(ErrorClass)) - FALLBACK_WHEN == {"content_filter"}
