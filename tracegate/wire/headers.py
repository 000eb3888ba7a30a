"""Header fields as a tuple of `(lower-case name, value)` pairs, in order, repeated names kept."""

from __future__ import annotations

Headers = tuple[tuple[str, str], ...]


def header(headers: Headers, name: str) -> str | None:
    """The first value of a field, or `None`; `name` in lower case."""
    for key, value in headers:
        if key == name:
            return value
    return None


def by_name(headers: Headers) -> dict[str, str]:
    """The first value of each field, for who looks at several."""
    return dict(reversed(headers))
