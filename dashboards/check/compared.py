"""Holds what a query found against what it must find, and says it in a line of a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dashboards.check.counted import Labels
from dashboards.check.expected import Expected
from dashboards.check.truth import Span

EXACT = 1e-9
"""Numbers come as text of seventeen digits; sums of them lose the last."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    Args:
        dashboards: Uids of those that ask it; none asks what the check does of itself.
        panel, ref: What was asked.
        choice: With which variables.
        rows: How many came.
        expected, found: In a few words, beginning with where they differ.
        wrong: What is wrong, in whole sentences; nothing when all is right.
    """

    dashboards: tuple[str, ...]
    panel: str
    ref: str
    choice: str
    rows: int
    expected: str
    found: str
    wrong: Sequence[str]


def differences(expected: Expected, found: Mapping[Labels, float]) -> list[Labels]:
    """The label sets that are missing, too many, or have another number."""
    labels = [*expected.rows, *(one for one in found if one not in expected.rows)]
    return [one for one in labels if not _agree(expected.rows.get(one), found.get(one))]


def _agree(wanted: float | Span | None, found: float | None) -> bool:
    if wanted is None or found is None:
        return False
    if isinstance(wanted, Span):
        return wanted.least - EXACT <= found <= wanted.most + EXACT
    return math.isclose(wanted, found, rel_tol=EXACT, abs_tol=EXACT)


def shown(rows: Mapping[Labels, float | Span], first: Iterable[Labels] = (), most: int = 3) -> str:
    """Some rows in a few words, those given first."""
    if not rows:
        return "nothing"
    begin = [one for one in first if one in rows]
    order = [
        *begin,
        *sorted((one for one in rows if one not in begin), key=lambda one: (-_size(rows[one]), _name(one))),
    ]
    told = [f"{_name(one)}{_number(rows[one])}" for one in order[:most]]
    more = len(order) - len(told)
    return "\n".join([*told, *([f"and {more} more"] if more else [])])


def _size(value: float | Span) -> float:
    return value.most if isinstance(value, Span) else value


def _number(value: float | Span) -> str:
    return f"{value.least:.4g}…{value.most:.4g}" if isinstance(value, Span) else f"{value:.10g}"


def _name(labels: Labels) -> str:
    return f"{' · '.join(value for _, value in sorted(labels))}: " if labels else ""


def table(lines: Sequence[Line], console: Console) -> int:
    """Print all lines, what is wrong below, and the sum; returns the exit status."""
    made = Table("panel", "query", "chosen, or broken", "rows", "expected", "found", "verdict", show_lines=True)
    for line in lines:
        verdict = "[red]WRONG[/]" if line.wrong else "[green]right[/]"
        cells = (line.panel, line.ref, line.choice, str(line.rows), line.expected, line.found)
        made.add_row(*map(escape, cells), verdict)
    console.print(made)
    for line in lines:
        for text in line.wrong:
            console.print(f"{line.panel} {line.ref}, {line.choice}: {text}", style="red", markup=False)
    queries = {(uid, line.panel, line.ref) for line in lines for uid in line.dashboards}
    wrong = sum(bool(line.wrong) for line in lines)
    dashboards = {uid for uid, _, _ in queries}
    console.print(
        f"{len(queries)} queries of {len(dashboards)} dashboards, {len(lines)} comparisons, {wrong} wrong.",
        style="red" if wrong else "green",
    )
    return 1 if wrong or not queries else 0
