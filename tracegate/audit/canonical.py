"""Canonical JSON (RFC 8785): one value, one form of bytes.

`encode` and `decode` are for what we write ourselves, a strict subset: no floats, no null, keys in ASCII, integers of
at most 53 bits, no text `unknown` (what is unknown is absent). `canonical_body` is for the JSON of others and knows
the whole of the RFC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from tracegate.errors import Malformed

LARGEST = 2**53 - 1
"""Largest size of an integer: RFC 8785 numbers are IEEE 754 doubles (section 3.2.2.3; RFC 7493, section 2.2)."""

UNKNOWN = "unknown"

# It escapes exactly what section 3.2.2.2 asks for. It sorts by code point where section 3.2.3 sorts by UTF-16 unit,
# which is the same for keys in ASCII.
_write = msgspec.json.Encoder(order="sorted").encode

# Where a character beyond the basic plane is in sight, a key might hold it, and the two orders differ.
_ASTRAL = re.compile("[\U00010000-\U0010ffff]|\\\\u[dD][89abAB]")
_write_ordered = msgspec.json.Encoder().encode

_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * len(str(LARGEST))
"""As many digits as an integer has that a double may not hold."""


def encode(value: Mapping[str, Any]) -> bytes:
    """The canonical bytes of an object of ours.

    Raises:
        Malformed: It holds what none of our objects may hold; the text names it.
    """
    _check(value)
    try:
        return _write(value)
    except UnicodeEncodeError:
        raise Malformed("a text holds half a surrogate pair") from None


def decode(raw: bytes) -> dict[str, Any]:
    """The object of canonical bytes; duplicate keys, blanks and every other second form are refused.

    Raises:
        Malformed: The bytes are not those that `encode` makes of what they say.
    """
    try:
        value = json.loads(raw.decode())
    except (ValueError, RecursionError) as exc:
        raise Malformed(f"not JSON: {exc}") from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    try:
        again = encode(value)
    except RecursionError:
        raise Malformed("nested too deeply") from None
    if again != raw:
        raise Malformed("not in canonical form (RFC 8785)")
    return value


def canonical_body(body: bytes) -> bytes | None:
    """The canonical form of a foreign JSON text, or `None` where it has none.

    It has none if it is no JSON, has a key twice, half a surrogate pair, or a number that a double can't hold.
    """
    found = canonical_value(body)
    return None if found is None else found[1]


def canonical_value(body: bytes) -> tuple[Any, bytes] | None:
    """As `canonical_body`, with the value; in it a number with a fraction or an exponent is its canonical text."""
    try:
        text = body.decode()
        if (body.isascii() and b"\\u" not in body) or not _ASTRAL.search(text):
            found = _quickly(body)
            if found is not None:
                return found
            value = _read(text)
            return value, _write(value)
        value = _read_ordered(text)
        return value, _write_ordered(value)
    except (ValueError, RecursionError):
        return None


def _quickly(body: bytes) -> tuple[Any, bytes] | None:
    """The value and the form of nearly every body: no number with a fraction, nothing written in a second way.

    What is written again as it stands, but for blanks, has no key twice and no number and no escape of another form.
    """
    if _LONG in body.translate(_AS_ZERO):
        return None
    try:
        value = _decode(body)
        again = _write_ordered(value)
        if again != body and again != msgspec.json.format(body, indent=-1):
            return None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return value, _write(value)


def _check(value: object) -> None:
    kind = type(value)
    if kind is str:
        if value == UNKNOWN:
            raise Malformed("a text says `unknown`; what is unknown is absent")
    elif kind is int:
        if not -LARGEST <= value <= LARGEST:  # type: ignore[operator]  # `kind` says that it is an integer
            raise Malformed(f"an integer is larger than {LARGEST}")
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if type(key) is not str or not key.isascii():
                raise Malformed(f"a key is not in ASCII: {key!a}")
            _check(part)
    elif kind is list or kind is tuple:
        for part in value:  # type: ignore[attr-defined]  # `kind` says that it is a sequence
            _check(part)
    elif kind is not bool:
        raise Malformed("null" if value is None else f"a {kind.__name__}, which no object of ours holds")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object that JSON was read from; `ValueError` where a key stands twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _ordered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As `unique`, in the order of RFC 8785, section 3.2.3."""
    members = unique(pairs)
    return {name: members[name] for name in sorted(members, key=lambda name: name.encode("utf-16-be"))}


def _no_fraction(text: str) -> None:
    raise ValueError(f"{text} has a fraction or an exponent")


def _integer(text: str) -> int:
    value = int(text)
    if not -LARGEST <= value <= LARGEST:
        raise ValueError("a double can't hold this integer")
    return value


def _fraction(text: str) -> msgspec.Raw:
    return msgspec.Raw(_number(float(text)).encode())


def _number(value: float) -> str:
    """A double as ECMAScript writes it. Source: ECMA-262, Number::toString, as RFC 8785, section 3.2.2.3, asks."""
    if value == 0:
        return "0"
    if value - value != 0:  # infinite: a number such as 1E400
        raise ValueError("a double can't hold this number")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + int(exponent)  # digits before the point
    minus = "-" if sign else ""
    if len(text) <= point <= 21:
        return minus + text.ljust(point, "0")
    if 0 < point <= 21:
        return f"{minus}{text[:point]}.{text[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{minus}{text[0]}{fraction}e{point - 1:+d}"


def _reader(pairs: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> Callable[[str], Any]:
    return json.JSONDecoder(
        object_pairs_hook=pairs, parse_int=_integer, parse_float=_fraction, parse_constant=_refuse
    ).decode


_read, _read_ordered = _reader(unique), _reader(_ordered)

_decode = msgspec.json.Decoder(float_hook=_no_fraction).decode
