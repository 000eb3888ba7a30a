"""Bare items of RFC 9651, as text: tokens, strings and decimals, or nothing where a value does not fit.

What does not fit is not sent and never bent: no text of a provider reaches a header unless it passed through here.
Not a serializer of whole fields: those are short enough to be written where they are used.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST = 1024
"""Characters of a string; RFC 9651, section 3.3.3, asks no parser to take more."""

_THOUSANDTHS = [repr(count / 1000)[1:] for count in range(1000)]
"""What stands behind the whole part: `.0`, `.001`, … `.999`."""

_is_token = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*").fullmatch


@lru_cache(maxsize=256)
def token(text: str) -> str | None:
    """The text as a token (section 3.3.4), or `None`.

    >>> token("azure.ai.openai"), token("http/1.1"), token("4o"), token("a b")
    ('azure.ai.openai', 'http/1.1', None, None)
    """
    return text if len(text) <= LONGEST and _is_token(text) else None


def string(text: str) -> str | None:
    """The text as a quoted string (section 3.3.3), or `None` where it is not printable ASCII, empty or too long.

    >>> print(string('a "b"'), string("ü"))
    "a \\"b\\"" None
    """
    if not text or len(text) > LONGEST or not text.isascii() or not text.isprintable():
        return None
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def token_or_string(text: str) -> str | None:
    """The text as a token, else as a string, or `None`."""
    return token(text) or string(text)


def milliseconds(ns: int) -> str:
    """A duration as a decimal of milliseconds (section 3.3.2), to the microsecond, rounded down as `microseconds` is.

    >>> milliseconds(812_300_000), milliseconds(2_000_000_000), milliseconds(1_499)
    ('812.3', '2000.0', '0.001')
    """
    whole, thousandths = divmod(ns // 1000, 1000)
    return f"{whole}{_THOUSANDTHS[thousandths]}"
