"""The nearest known names to one that is unknown; for the errors of a file and for a 404 of the server."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from itertools import islice

_LOOKED_AT = 2_000  # names compared at most: a client can ask for anything, and the answer must stay cheap


def nearest(name: str, known: Iterable[str], n: int = 1, *, least: float = 0.6) -> list[str]:
    """Up to `n` known names that resemble `name`, nearest first; upper and lower case are alike.

    Args:
        name: What was asked for.
        known: What there is; the first 2,000 are looked at.
        n: At most.
        least: The ratio of `difflib` that counts as alike, 0 to 1.
    """
    folded: dict[str, str] = {}
    for other in islice(known, _LOOKED_AT):
        folded.setdefault(other.casefold(), other)
    return [folded[match] for match in get_close_matches(name[:256].casefold(), folded, n, least)]


def ranked(name: str, known: Iterable[str]) -> list[str]:
    """Every known name, those that resemble `name` first."""
    wanted = name.casefold()
    return sorted(known, key=lambda other: (-SequenceMatcher(None, wanted, other.casefold()).ratio(), other))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``did you mean `x`? ``, with the blank behind it, or nothing."""
    found = nearest(name, known)
    return f"did you mean `{found[0]}`? " if found else ""


def listed(names: Iterable[str], most: int = 20) -> str:
    """Names for a sentence: `a, b, c`, cut with the number of those left out; `none` where there is none."""
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "") or "none"
