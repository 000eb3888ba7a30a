"""Attributes, values and ids of OTLP, decoded strictly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MOST_ATTRIBUTES = 128
"""Limit of OpenTelemetry's SDK specification; what is above it a backend may drop."""


class Malformed(ValueError):
    """An OTLP request is not as the protocol says."""


def need(condition: bool, what: str) -> None:
    """Raise `Malformed` with a text unless a condition holds."""
    if not condition:
        raise Malformed(what)


def ids(trace: bytes, span: bytes, what: str) -> None:
    """Check a trace id and a span id: 16 and 8 bytes, not all zero."""
    need(len(trace) == 16 and any(trace), f"{what}: its trace id is `{trace.hex()}`, must be 16 bytes and not zero")
    need(len(span) == 8 and any(span), f"{what}: its span id is `{span.hex()}`, must be 8 bytes and not zero")


def attributes(pairs: Iterable[Any], what: str) -> dict[str, object]:
    """Attributes by name; each name once, each with a value."""
    found = _named(pairs, what, within=False)
    need(len(found) <= MOST_ATTRIBUTES, f"{what}: {len(found)} attributes, at most {MOST_ATTRIBUTES}")
    return found


def value_of(value: Any, what: str, *, within: bool = False) -> object:
    """The Python value of an `AnyValue`; lists become tuples. Only `within` a list or mapping it may be empty: null."""
    kind = value.WhichOneof("value")
    if kind is None and within:
        return None
    need(kind is not None, f"{what} has no value")
    if kind == "array_value":
        return tuple(value_of(item, what, within=True) for item in value.array_value.values)
    if kind == "kvlist_value":
        return _named(value.kvlist_value.values, what, within=True)
    found: object = getattr(value, kind)
    return found


def _named(pairs: Iterable[Any], what: str, *, within: bool) -> dict[str, object]:
    found: dict[str, object] = {}
    for pair in pairs:
        need(bool(pair.key), f"{what}: an attribute has no name")
        need(pair.key not in found, f"{what}: `{pair.key}` stands there twice")
        found[pair.key] = value_of(pair.value, f"{what}: `{pair.key}`", within=within)
    return found
