"""How long a provider asks to wait, and whether it wants to be asked again.

Sources: RFC 9110, section 10.2.3 (`Retry-After`, both forms); `retry-after-ms` and `x-should-retry` as OpenAI's clients
read them; the reset headers of OpenAI (https://platform.openai.com/docs/guides/rate-limits), Azure and OpenRouter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime

_SECOND = 1_000_000_000
_LONGEST = 999_999_999  # seconds, 31 years: nobody comes back then, and it fits in 64 bits of nanoseconds
_NUMBER = re.compile(r"\s*(\d{1,20})(?:\.(\d{1,9})\d*)?\s*")
_TIME = re.compile(r"\s*(\d{10})(\d{3})?\s*")  # UNIX time in seconds or milliseconds
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")  # 6m0s, 7.66s, 20ms
_SAID = {"true": True, "false": False}
_UNITS = {"ms": 1_000_000, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND, "d": 86400 * _SECOND}

# A limit whose rest is 0 was hit; its reset says when it is free again. The reset without a rest is OpenRouter's.
_RESETS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
)
_WAITS = frozenset({"retry-after-ms", "retry-after", *(rest for rest, _ in _RESETS)})  # most refusals have none


def retry_after_ns(status: int, fields: Mapping[str, str], wall_s: int) -> int | None:
    """The wait that a provider asked for, in nanoseconds, or `None`.

    Args:
        status: HTTP status; resets of rate limits are looked at for 429 only.
        fields: Of the answer's head, the first of each name.
        wall_s: UTC seconds, to resolve dates.
    """
    if _WAITS.isdisjoint(fields):
        return None
    if (text := fields.get("retry-after-ms")) is not None and (wait := _number(text)) is not None:
        return wait // 1000
    if (text := fields.get("retry-after")) is not None:
        wait = _number(text)
        if wait is None:
            wait = _until(text, wall_s)
        if wait is not None:
            return wait
    if status != 429:
        return None
    longest = None
    for rest, reset in _RESETS:
        left = fields.get(rest)
        if left is not None and left.strip() == "0":
            wait = _reset(fields.get(reset, ""), wall_s)
            if wait is not None and (longest is None or wait > longest):
                longest = wait
    return longest


def should_retry(fields: Mapping[str, str]) -> bool | None:
    """What `x-should-retry` says, if it says something."""
    said = fields.get("x-should-retry")
    return None if said is None else _SAID.get(said.strip().lower())


def _number(text: str) -> int | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return min(int(match[1]), _LONGEST) * _SECOND + int((match[2] or "").ljust(9, "0"))


def _until(text: str, wall_s: int) -> int | None:
    """The wait until a date in any of the three forms of RFC 9110, section 5.6.7; all of them are UTC."""
    try:
        at = parsedate_to_datetime(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return min(max(0, int(at.timestamp()) - wall_s), _LONGEST) * _SECOND
    except (ValueError, OverflowError):
        return None


def _reset(text: str, wall_s: int) -> int | None:
    """The wait until a reset: in seconds, as a span such as `6m0s`, or until a UNIX time."""
    if (time := _TIME.fullmatch(text)) is not None:
        return max(0, (int(time[1]) - wall_s) * _SECOND + int(time[2] or 0) * 1_000_000)
    if (wait := _number(text)) is not None:
        return wait
    spans = _SPAN.findall(text)
    return int(sum(Decimal(number) * _UNITS[unit] for number, unit in spans)) if spans else None
