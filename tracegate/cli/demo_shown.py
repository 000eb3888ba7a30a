"""How the demo shows a trace and a header: in lines that fit the terminal, of which nothing is cut off.

A trace takes one line per hop where the terminal is wide enough, and two per hop where it is not. What goes into a file
or a pipe is never folded, so that it can be searched. What a line says comes from `tracegate.testing.picture`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from tracegate.testing.picture import HopRow, hop_rows
from tracegate.testing.tree import SpanLike

STYLES = {"ok": "green", "error": "red", "cancelled": "yellow"}
INDENT = "    "
WIDE = 136
"""Columns from which a trace of the demo takes one line per hop."""

GAP = "  "
_NAME, _KIND, _LATENCY, _COST, _ERROR = 0, 1, 5, 6, 7
_ALL = (0, 1, 2, 3, 4, 5, 6, 7)
_BRIEF = (_NAME, _KIND, _LATENCY, _COST)  # what stays on the first of two lines

_PIECE = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^",;])+[,;]?\s*')  # a parameter or a member, with what ends it


def trace(console: Console, rows: Sequence[HopRow]) -> Iterator[Text]:
    """The lines of a trace, for this terminal.

    Args:
        console: Where they are printed.
        rows: The hops, of one trace.
    """
    whole = list(_lines(rows, _ALL))
    if columns(console) >= max(WIDE, *(line.cell_len + len(INDENT) for line in whole)):
        yield from whole
        return
    followed = [*(len(row.branch) for row in rows[1:]), 0]
    for row, line, below in zip(rows, _lines(rows, _BRIEF), followed, strict=True):
        yield line
        said = [Text(part) for part in (row.provider, row.model, row.region) if part]
        said += [Text(row.error, style=STYLES[row.state])] if row.error else []
        if said:
            yield Text(_under(row.branch, below), style="green").append_text(Text(" · ").join(said))


def show_trace(console: Console, spans: Sequence[SpanLike]) -> None:
    """Print a trace, indented.

    Args:
        console: Where.
        spans: Of one trace.
    """
    for line in trace(console, hop_rows(spans)):
        console.print(Text(INDENT).append_text(line), soft_wrap=True)


def say(console: Console, text: str, indent: str = "", style: str = "") -> None:
    """Print sentences, folded between words.

    Args:
        console: Where.
        text: The sentences; line ends stay.
        indent: What stands before each line.
        style: Its colour.
    """
    for line in text.split("\n"):
        folded = textwrap.wrap(
            line, columns(console), initial_indent=indent, subsequent_indent=indent, break_long_words=False
        )
        console.print(Text("\n".join(folded), style=style), soft_wrap=True)


def field(console: Console, start: str, value: str) -> Iterator[str]:
    """The lines of a header: one, or one per member where that is too long, folded before a parameter.

    Args:
        console: Where they are printed.
        start: What stands before the value.
        value: A list or an item of RFC 9651.
    """
    width = columns(console) - len(INDENT)
    if len(start) + len(value) <= width:
        yield start + value
        return
    line, blank = start, " " * len(start)
    for piece in _PIECE.findall(value):
        full = len(line) + len(piece.rstrip()) > width
        if line.strip() != start.strip() and (full or line.endswith(", ")):
            yield line.rstrip()
            line = blank
        line += piece
    yield line


def columns(console: Console) -> int:
    """How much fits on a line; there is no end to it where no terminal is."""
    return console.width if console.is_terminal else 1_000_000


def aligned(rows: Sequence[HopRow], chosen: Sequence[int] = _ALL) -> Iterator[list[tuple[str, str]]]:
    """Of each hop its cells, padded to columns, and their colours; a column that is empty everywhere is left out.

    Args:
        rows: The hops, of one trace.
        chosen: Which cells.
    """
    table = [(_cells(row), STYLES[row.state]) for row in rows]
    widths = [(cell, width) for cell in chosen if (width := max(len(cells[cell]) for cells, _ in table))]
    for cells, style in table:
        yield [
            (
                cells[cell].rjust(width) if cell == _LATENCY else cells[cell].ljust(width),
                style if cell in (_NAME, _ERROR) else "default",
            )
            for cell, width in widths
        ]


def _cells(row: HopRow) -> tuple[str, ...]:
    """What is said of a hop, in order."""
    name = row.branch + row.name
    return name, row.kind, row.provider, row.model, row.region, row.latency, row.cost, row.error


def _lines(rows: Sequence[HopRow], chosen: Sequence[int]) -> Iterator[Text]:
    for row in aligned(rows, chosen):
        line = Text(GAP).join(Text(said, style=style) for said, style in row)
        line.rstrip()
        yield line


def _under(branch: str, below: int) -> str:
    """The line drawing of a hop's second line: past its siblings, towards its children (`below`: where they begin)."""
    own = "" if not branch else branch[:-3] + ("│  " if branch.endswith("├─ ") else "   ")
    return own + ("│  " if below > len(branch) else "   ")
