"""The settings of the built-in policies, as plain values: what `config` resolves and the policies read.

No policy and no parsing is here. Defaults are those of the configuration's section 7 and of ruling 38.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from tracegate.facts import ErrorClass

RETRYABLE: frozenset[ErrorClass] = frozenset(
    {"rate_limit", "overloaded", "server_error", "connection", "broken_answer"}
)
"""The only classes that are ever retried at the same target (ruling 38)."""

FALLBACK_WHEN: frozenset[ErrorClass] = frozenset(get_args(ErrorClass)) - {"content_filter"}
"""The classes after which the next candidate is asked, unless a route says otherwise (ruling 38)."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Retries at one target; times are in nanoseconds.

    Args:
        times: Retries after the first try, 0 to 10, per target and request.
        when: The classes that are retried, a subset of `RETRYABLE`.
        base_ns: The n-th retry waits at random between 0 and min(`cap_ns`, `base_ns` * 2^n), n = 0 for the first.
        cap_ns: The longest back-off.
        max_wait_ns: A provider's `Retry-After` is waited for up to this; a longer one sends us to the next candidate.
    """

    times: int = 2
    when: frozenset[ErrorClass] = RETRYABLE
    base_ns: int = 250_000_000
    cap_ns: int = 8_000_000_000
    max_wait_ns: int = 5_000_000_000


@dataclass(frozen=True, slots=True)
class Asking:
    """When the next candidate is asked.

    Args:
        when: Error classes after which it is; empty is never.
    """

    when: frozenset[ErrorClass] = FALLBACK_WHEN
