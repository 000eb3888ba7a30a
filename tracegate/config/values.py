"""How a single value is read: durations, sizes, money, numbers, ids. Pure; nothing here knows of keys or files.

Each function takes a value of the document and returns what it means, or raises `Wrong` with what is allowed.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation

from tracegate.config.document import Substituted
from tracegate.config.problems import Wrong

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS_NS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(B|KB|MB|GB|KiB|MiB|GiB)")
_UNITS_B = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REGION = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LONGEST_SHOWN = 60


def shown(value: object) -> str:
    """A value as an error may show it: as it was written, never what a variable holds."""
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, Substituted):
        text = value.raw
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = "null" if value is None else str(value)
    return f"`{text[:_LONGEST_SHOWN]}{'…' if len(text) > _LONGEST_SHOWN else ''}`"


def text(value: object) -> str:
    """Text that is not empty and has no control characters."""
    if not isinstance(value, str):
        quoted = "" if isinstance(value, dict | list) else f': "{shown(value)[1:-1]}"'
        raise Wrong(f"{shown(value)} is not text", f"write it in quotes{quoted}.")
    if not value.strip() or not value.isprintable():
        raise Wrong("empty, or with characters that can't be printed", "write a word, or take the key out.")
    return str(value)


def boolean(value: object) -> bool:
    """`true` or `false`, also out of a variable."""
    if isinstance(value, Substituted) and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool):
        raise Wrong(f"{shown(value)} is not a boolean", "write `true` or `false`.")
    return value


def integer(value: object, least: int, most: int | None = None) -> int:
    """A whole number within bounds, also out of a variable."""
    if isinstance(value, Substituted) and value.isascii() and value.isdigit() and len(value) < 20:
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise Wrong(f"{shown(value)} is not a whole number", f"write {_bounds(least, most)}.")
    if number < least or (most is not None and number > most):
        raise Wrong(f"{shown(value)} is out of range", f"write {_bounds(least, most)}.")
    return number


def _bounds(least: int, most: int | None) -> str:
    return f"a number from {least}" + ("" if most is None else f" to {most}")


def duration(value: object, *, zero: bool = False, none: bool = False) -> int:
    """A duration in nanoseconds.

    Args:
        value: Of the document.
        zero: `0s` has a meaning here.
        none: `none` is allowed too: said in the error; the caller reads it.
    """
    also = ", or `none` for no limit" if none else ""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        raise Wrong(f"{shown(value)} has no unit", f"write `{value}s` (or ms, m, h).")
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        unit = " has no unit" if isinstance(value, str) and _NUMBER.fullmatch(value) else " is not a duration"
        raise Wrong(f"{shown(value)}{unit}", f"write a number with a unit: `250ms`, `30s`, `2m`, `1h`, `7d`{also}.")
    ns = Decimal(match[1]) * _UNITS_NS[match[2]]
    if ns != ns.to_integral_value() or ns > 2**62:
        raise Wrong(f"{shown(value)} is out of range", "write at least `1ms` and at most 100 years.")
    if not ns and not zero:
        raise Wrong(f"{shown(value)} is no limit", f"write a duration above zero{also}.")
    return int(ns)


def size(value: object) -> int:
    """A size in bytes, above zero."""
    units = "KB, MB, GB; KiB, MiB, GiB for powers of 1024"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        raise Wrong(f"{shown(value)} has no unit", f"write `{value}MB` (or {units}).")
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        unit = " has no unit" if isinstance(value, str) and _NUMBER.fullmatch(value) else " is not a size"
        raise Wrong(f"{shown(value)}{unit}", f"write a number with a unit: {units}.")
    number = int(Decimal(match[1]) * _UNITS_B[match[2]])
    if not number:
        raise Wrong(f"{shown(value)} is no limit", "write a size above zero.")
    return number


def money(value: object) -> Decimal:
    """An amount, 0 or more; never through a float."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise Wrong(f"{shown(value)} is not an amount", "write a number such as `2.50`.")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise Wrong(f"{shown(value)} is not an amount", "write a number such as `2.50`, without a currency.") from None
    if not amount.is_finite() or amount < 0:
        raise Wrong(f"{shown(value)} is not an amount", "write a number from 0.")
    return amount


def weight(value: object) -> float:
    """A weight: a number above 0; `90%` is 90."""
    number = value if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
    if isinstance(value, str) and (isinstance(value, Substituted) or value.endswith("%")):
        bare = value.removesuffix("%")
        number = Decimal(bare) if _NUMBER.fullmatch(bare) else None
    if number is None or not Decimal(number).is_finite() or number <= 0:
        raise Wrong(f"{shown(value)} is not a weight", "write a number above 0, such as `90`.")
    return float(number)


def identifier(value: str) -> str:
    """The id of a provider, target, route, key or tenant."""
    if value == "unknown":
        raise Wrong("`unknown` is no id", "it says everywhere that something is not known: give it another id.")
    if _ID.fullmatch(value) is None:
        raise Wrong(
            f"`{value[:_LONGEST_SHOWN]}` is no id",
            "an id is 1 to 64 letters, digits, `.`, `_` and `-`, and begins with a letter or digit; no `/`.",
        )
    return value


def region(value: object) -> str:
    """A region in the provider's short form (ruling 3)."""
    name = text(value)
    if _REGION.fullmatch(name) is None:
        short = "".join(name.split()).lower()
        hint = f": `{short}`" if _REGION.fullmatch(short) else ""
        raise Wrong(f"{shown(value)} is not a region id", f"write the short id in lower case without blanks{hint}.")
    return name


def day(value: object) -> date:
    """A date, `2026-09-01`."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise Wrong(f"{shown(value)} is not a date", "write year, month and day: `2026-09-01`.")
