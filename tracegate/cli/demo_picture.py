"""The demo's picture of a trace: an SVG that needs no font and no style from elsewhere, so that it shows in a document.

Not rich's export, which fetches a font and cuts off what hangs below the line, such as the `_` of a provider's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tracegate.cli.demo_shown import GAP, aligned
from tracegate.testing.picture import HopRow

SIZE, ADVANCE, LINE, DESCENT, MARGIN = 15, 9, 21, 6, 14
"""Pixels: of the font, from letter to letter, from line to line, below a line's letters, around it all."""
COLOURS = {"default": "#d1d7e0", "green": "#57ab5a", "red": "#f47067", "yellow": "#daaa3f"}
DIM, GROUND = "#8b949e", "#1c2128"
HEADING = HopRow("", "hop", "attempt", "provider", "served model", "region", "latency", "cost", "error", "ok")


def picture(rows: Sequence[HopRow], title: str) -> str:
    """A trace as an SVG.

    Args:
        rows: The hops, of one trace.
        title: What it shows; the text for those who don't see it.
    """
    head, *hops = aligned([HEADING, *rows])
    lines = [_line(1, [(title, COLOURS["default"])], ' font-weight="bold"')]
    lines.append(_line(3, [(said, DIM) for said, _ in head]))
    lines += [_line(4 + number, [(said, COLOURS[style]) for said, style in hop]) for number, hop in enumerate(hops)]
    columns = sum(len(said) for said, _ in head) + len(GAP) * (len(head) - 1)
    width, height = columns * ADVANCE + 2 * MARGIN, (3 + len(hops)) * LINE + 2 * MARGIN
    font = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" xml:space="preserve">
<title>{escape(title)}</title>
<rect width="{width}" height="{height}" rx="8" fill="{GROUND}"/>
<g font-family="{font}" font-size="{SIZE}">
{"".join(lines)}</g>
</svg>
"""


def _line(number: int, cells: Sequence[tuple[str, str]], more: str = "") -> str:
    """One line of text; each cell stands where its column begins, as wide as its letters, whatever the font."""
    drawn, column = "", 0
    for said, colour in cells:
        text = said.strip()
        if text:
            x = MARGIN + (column + said.index(text)) * ADVANCE
            shown = escape(text).replace(" ", "\N{NO-BREAK SPACE}")
            place = f'x="{x}" y="{MARGIN + number * LINE - DESCENT}" textLength="{len(text) * ADVANCE}"'
            drawn += f'<text {place} fill="{colour}"{more}>{shown}</text>\n'
        column += len(said) + len(GAP)
    return drawn
