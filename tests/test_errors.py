"""The error tree."""

from __future__ import annotations

import pytest

from tracegate.errors import Broken, Failed, NothingTried, Refused, Skip, TimedOut, Unreachable
from tracegate.facts import Limit


@pytest.mark.parametrize(
    ("failure", "error_type"),
    [
        (Refused("rate_limit", None, "", status=429), "429"),
        (Refused("rate_limit", "http_protocol_error", "", status=200), "http_protocol_error"),
        (Unreachable("dns_error", ""), "dns_error"),
        (Broken("http_response_incomplete", "", status=200), "http_response_incomplete"),
        (Failed("residency", None, ""), "residency"),
    ],
)
def test_error_type_is_the_status_else_the_token_else_the_class(failure: Failed, error_type: str) -> None:
    """A status of 2xx says nothing of an error (ruling 7)."""
    assert failure.error_type == error_type


@pytest.mark.parametrize(
    ("limit", "token"),
    [
        ("connect", "connection_timeout"),
        ("write", "connection_write_timeout"),
        ("attempt", "connection_read_timeout"),
        ("first_token", "connection_read_timeout"),
        ("idle", "connection_read_timeout"),
        ("deadline", "http_response_timeout"),
    ],
)
def test_the_limit_that_fired_names_the_token(limit: Limit, token: str) -> None:
    """Ruling 9."""
    failure = TimedOut(limit, "slow")
    assert (failure.class_, failure.token, failure.limit) == ("timeout", token, limit)


def test_nothing_tried_says_who_was_skipped_and_why() -> None:
    """For the operator's log."""
    assert str(NothingTried([Skip("a", "cooldown"), Skip("b", "disabled")])) == (
        "no candidate could be tried: a (cooldown), b (disabled)"
    )
