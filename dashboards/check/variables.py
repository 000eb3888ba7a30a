"""Fills in a dashboard's variables, as Grafana does before it asks a data source.

Source: Grafana's documentation, "Global variables" and "Variable syntax"; for Prometheus, chosen values of a variable
are escaped as regular expressions, and several are joined to `(a|b)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Value = str | Sequence[str]
"""What is chosen: a text, or several of a variable that allows it."""

_SYNTAX = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]")
_SPECIAL = re.compile(r"[$^*{}\[\]+?.()|]")


class UnknownVariableError(LookupError):
    """A query uses a variable that nobody defined: Grafana would send its name as it stands."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is looked at; all in milliseconds of UTC, or milliseconds.

    Args:
        start, end: Of the range.
        interval: The step of a graph, `$__interval`.
        rate: `$__rate_interval`.
    """

    start: int
    end: int
    interval: int
    rate: int

    def variables(self) -> dict[str, str]:
        """Grafana's own variables of time."""
        length = self.end - self.start
        return {
            "__range": f"{length}ms",
            "__range_ms": str(length),
            "__range_s": str(round(length / 1000)),
            "__interval": f"{self.interval}ms",
            "__interval_ms": str(self.interval),
            "__rate_interval": f"{self.rate}ms",
            "__from": str(self.start),
            "__to": str(self.end),
        }


def filled(text: str, values: Mapping[str, Value]) -> str:
    """A text with its variables filled in.

    Raises:
        UnknownVariableError: One of them has no value.

    >>> filled('{a=~"$x", b="${y}"}[$z]', {"x": ["1.0", "2"], "y": "3", "z": "4s"})
    '{a=~"(1\\\\\\\\.0|2)", b="3"}[4s]'
    """

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[4]
        if name not in values:
            raise UnknownVariableError(f"`{found[0]}` in `{text}` is no variable of the dashboard")
        return _formatted(values[name], found[3] or found[5])

    return _SYNTAX.sub(value, text)


def used(text: str) -> set[str]:
    """The names of the variables in a text.

    >>> sorted(used("$a ${b:csv} [[c]] d"))
    ['a', 'b', 'c']
    """
    return {found[1] or found[2] or found[4] for found in _SYNTAX.finditer(text)}


def _formatted(value: Value, form: str | None) -> str:
    if form in ("raw", "text") or (form is None and isinstance(value, str)):
        return value if isinstance(value, str) else ",".join(value)
    many = [value] if isinstance(value, str) else list(value)
    if form == "csv":
        return ",".join(many)
    if form == "pipe":
        return "|".join(many)
    if form not in (None, "regex"):
        raise UnknownVariableError(f"the format `{form}` is not known here")
    # A backslash stands in a string of PromQL, where it must be written twice.
    escaped = [_SPECIAL.sub(r"\\\\\g<0>", one.replace("\\", "\\" * 4)) for one in many]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def rendered(legend: str, labels: Mapping[str, str]) -> str:
    """A legend with its labels filled in; one that the series does not have stays empty, as in Grafana.

    >>> rendered("{{a}} · {{ b }}", {"a": "x"})
    'x · '
    """
    return re.sub(r"\{\{\s*(.+?)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
