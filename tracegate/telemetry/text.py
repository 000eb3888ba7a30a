"""Text from outside, made fit for telemetry: bounded, and valid Unicode."""

from __future__ import annotations

LONGEST = 1024
"""Characters of one text from a client or a provider that are kept; ours, far above any id or model name."""


def fit(value: str) -> str:
    """The text, cut at `LONGEST`, with every lone surrogate replaced.

    >>> fit("caf\\u00e9 \\ud83d")
    'café \ufffd'
    """
    if len(value) > LONGEST:
        value = value[:LONGEST]
    return value if value.isascii() else legible(value)


def legible(value: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD: JSON may hold half a pair, UTF-8 can't."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value
