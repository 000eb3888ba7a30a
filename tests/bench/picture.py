"""The picture of a run: a bar for each figure at its median, and a line from the least to the most that was found.

It is drawn here, in some sixty lines of SVG, for a chart library would bring more code than the whole benchmark has.
Bars of one group share a scale that begins at 0; where one is thirty times another it is logarithmic, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from tests.bench.report import UNITS, Row
from tests.bench.works import WORKS

LEFT, WIDTH, RIGHT = 190, 520, 190
LINE, GAP = 19, 34
WIDE = 30.0
COLOURS = {"tracegate": "#2a9d74", "bare": "#8a8f98", "nginx": "#8a8f98"}
OTHER = "#a5d4c3"


def svg(rows: Sequence[Row], title: str) -> str:
    """The picture; colours serve on a light ground, which it brings along."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.cell.work, row.figure), []).append(row)
    parts, y = [_text(12, 24, title, "title")], 34
    for (work, figure), members in groups.items():
        y += GAP
        wide = _wide(members)
        says = f"{WORKS[work].says}: {UNITS[figure].says}{', logarithmic' if wide else ''}"
        parts.append(_text(12, y - 8, says, "group"))
        for row in members:
            parts.append(_bar(row, y, members, wide))
            y += LINE
    size = f"{LEFT + WIDTH + RIGHT} {y + 12}"
    style = (
        "text{font:12px system-ui,sans-serif;fill:#1c1f23}.title{font-size:15px;font-weight:600}"
        ".group{font-weight:600}.name{text-anchor:end}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img"><title>{escape(title)}</title>'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def _wide(members: Sequence[Row]) -> bool:
    medians = [row.found.median for row in members]
    return min(medians) > 0 and max(medians) > WIDE * min(medians)


def _bar(row: Row, y: int, members: Sequence[Row], wide: bool) -> str:
    most = max(row.found.most for row in members) or 1.0
    low = min(row.found.median for row in members) / 3  # where a logarithmic scale begins

    def x(value: float) -> float:
        share = math.log(max(value, low) / low) / math.log(most / low) if wide else value / most
        return round(LEFT + WIDTH * min(1.0, max(0.0, share)), 1)

    found, middle = row.found, y + LINE / 2 - 2
    colour = COLOURS.get(row.cell.system.title, OTHER)
    return (
        _text(LEFT - 8, y + 12, f"{row.cell.system.title}, {row.cell.clients} at once", "name")
        + f'<rect x="{LEFT}" y="{y}" width="{x(found.median) - LEFT:.1f}" height="{LINE - 5}" fill="{colour}"/>'
        + f'<path d="M{x(found.least)} {middle}H{x(found.most)}" stroke="#1c1f23" stroke-width="2"/>'
        + _text(x(found.most) + 8, y + 12, found.text(UNITS[row.figure].places), "value")
    )


def _text(x: float, y: float, said: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(said)}</text>'
