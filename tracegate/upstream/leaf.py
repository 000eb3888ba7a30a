"""What one upstream hop is made of, resolved once, when the tree is built."""

from __future__ import annotations

from dataclasses import dataclass

from tracegate.dialects.dialect import Dialect
from tracegate.facts import Target, Timeouts
from tracegate.redact import Redactor
from tracegate.upstream.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Leaf:
    """The parts and settings of one target's hop.

    Args:
        target: What is called.
        dialect: Its wire format.
        exchange: The way to its origin.
        timeouts: Its limits, in nanoseconds.
        redactor: Knows every configured secret.
        credentials: Header fields with the key, empty for none.
        via: Our `Via` member for the provider, `None` to send none.
        answer_limit: Bytes of a unary answer, or of one event.
        skip_malformed: Whether malformed events are skipped and counted (ruling 33).
    """

    target: Target
    dialect: Dialect
    exchange: Exchange
    timeouts: Timeouts
    redactor: Redactor
    credentials: tuple[tuple[str, str], ...] = ()
    via: str | None = None
    answer_limit: int = 64_000_000
    skip_malformed: bool = False
