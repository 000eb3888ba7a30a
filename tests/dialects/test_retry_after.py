"""Every way in which providers say when to come back."""

from __future__ import annotations

import pytest

from tracegate.dialects.retry_after import retry_after_ns, should_retry
from tracegate.wire.headers import by_name

S = 1_000_000_000
NOW = 784_111_777  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7 * S),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "1.5"}, 1_500_000_000),
        ({"retry-after": "0.123456789123"}, 123_456_789),
        ({"retry-after-ms": "250"}, 250_000_000),
        ({"retry-after-ms": "0.5"}, 500_000),
        ({"retry-after-ms": "250", "retry-after": "7"}, 250_000_000),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7 * S),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, 10 * S),
        ({"retry-after": "Sunday, 06-Nov-94 08:49:47 GMT"}, 10 * S),
        ({"retry-after": "Sun Nov  6 08:49:47 1994"}, 10 * S),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:27 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "NaN"}, None),
        ({"retry-after": "99999999999999999999"}, 999_999_999 * S),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 999_999_999 * S),
        ({"retry-after": "Sun, 06 Nov 99999 08:49:47 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 1900 00:00:00 GMT"}, 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_read_in_both_forms(status: int, headers: dict[str, str], expected: int | None) -> None:
    """Milliseconds first, then seconds or a date; nonsense says nothing."""
    assert expected == retry_after_ns(status, headers, NOW)


def test_the_first_of_two_fields_counts() -> None:
    """As for every header field here."""
    assert 1 * S == retry_after_ns(503, by_name((("retry-after", "1"), ("retry-after", "2"))), NOW)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}, 20_000_000),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0.5s"}, 360_500_000_000),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1d2h"}, 26 * 3600 * S),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "10"}, 10 * S),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW * 10 + 7)}, (NOW * 9 + 7) * S),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW * 10 + 7}250"}, (NOW * 9 + 7) * S + S // 4),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "tomorrow"}, None),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "20ms"}, None),
        ({"x-ratelimit-reset-requests": "20ms"}, None),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "2s",
            },
            2 * S,
        ),
        ({"retry-after": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}, 1 * S),
    ],
)
def test_the_reset_of_a_limit_that_was_hit_stands_in(headers: dict[str, str], expected: int | None) -> None:
    """Only where the rest is 0, the longest of them; `Retry-After` goes first."""
    assert expected == retry_after_ns(429, headers, NOW)


def test_resets_say_nothing_about_other_failures() -> None:
    """A server error is not over when a rate limit is."""
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}

    assert retry_after_ns(503, headers, NOW) is None


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("False ", False), ("maybe", None), ("", None), (None, None)]
)
def test_should_retry_is_read(value: str | None, expected: bool | None) -> None:
    """Only what it clearly says."""
    headers = {"x": "y"} if value is None else {"x": "y", "x-should-retry": value}

    assert should_retry(headers) is expected
