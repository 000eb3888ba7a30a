"""Values as a person reads them in `explain` and `check`: the way they are written in a file."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

from tracegate.facts import ErrorClass

_DURATIONS = (("d", 86400 * 10**9), ("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6))
_SIZES = (("GB", 10**9), ("MB", 10**6), ("KB", 10**3), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def duration(ns: int | None) -> str:
    """`30s`; the largest unit that gives a whole number, but `60s` and not `1m`."""
    if ns is None:
        return "none"
    for unit, length in _DURATIONS:
        count, rest = divmod(ns, length)
        if not rest and count and not (unit == "m" and count == 1):
            return f"{count}{unit}"
    return f"{Decimal(ns) / 10**6:f}ms" if ns else "0s"


def size(count: int) -> str:
    """`32MB`, or `64KiB` where no power of 1000 fits."""
    for unit, length in _SIZES:
        if count % length == 0:
            return f"{count // length}{unit}"
    return f"{count}B"


def money(amount: Decimal) -> str:
    """At least two places behind the point, and as many as there are."""
    exponent = amount.normalize().as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{amount:.{places}f}"


def boolean(value: bool) -> str:
    """`true` or `false`."""
    return "true" if value else "false"


def error_classes(classes: frozenset[ErrorClass]) -> str:
    """Which error classes, in the fewest words."""
    missing = sorted(set(get_args(ErrorClass)) - classes)
    if not missing:
        return "every error class"
    if not classes:
        return "no error class"
    if len(missing) < len(classes):
        return f"every error class but {', '.join(missing)}"
    return ", ".join(sorted(classes))
