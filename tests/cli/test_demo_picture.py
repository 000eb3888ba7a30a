"""The picture of a trace says what the trace says, and needs nothing from elsewhere."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from tests.cli.test_demo_shown import ROWS
from tracegate.cli.demo_picture import ADVANCE, picture

SVG = "{http://www.w3.org/2000/svg}"


def read(svg: str) -> ElementTree.Element:
    """The picture as a tree."""
    return ElementTree.fromstring(svg)  # noqa: S314  # made by this very test


def test_every_cell_stands_in_its_column() -> None:
    """Title, heading, then a line per hop; a column begins at the same place on every line."""
    drawn = read(picture(ROWS, 'a <b> & "c"'))
    texts = [
        (int(text.attrib["y"]), int(text.attrib["x"]), str(text.text).replace("\N{NO-BREAK SPACE}", " "))
        for text in drawn.iter(f"{SVG}text")
    ]
    lines = [[said for y, _, said in texts if y == line] for line in sorted({y for y, _, _ in texts})]
    assert lines[:4] == [
        ['a <b> & "c"'],
        ["hop", "attempt", "provider", "served model", "region", "latency", "cost", "error"],
        ["POST /v1/chat/completions", "153 ms", "$0.0002"],
        ["└─ route a", "152 ms", "$0.0002"],
    ]
    assert len(lines) == 2 + len(ROWS)
    places = {said: x for _, x, said in texts}
    assert places["provider"] == places["azure.ai.openai"] == places["mistral_ai"]
    assert places["├─ chat x"] - places["└─ route a"] == 3 * ADVANCE


def test_nothing_hangs_over_the_edge() -> None:
    """Every text is inside, as wide as its letters."""
    drawn = read(picture(ROWS, "a trace"))
    width, height = map(int, drawn.attrib["viewBox"].split()[2:])
    for text in drawn.iter(f"{SVG}text"):
        assert text.attrib["textLength"] == str(ADVANCE * len(str(text.text)))
        assert int(text.attrib["x"]) + int(text.attrib["textLength"]) < width
        assert int(text.attrib["y"]) < height


def test_it_fetches_nothing() -> None:
    """The only address in it is the name of its format."""
    assert set(re.findall(r"\w+://[^\"']+", picture(ROWS, "a trace"))) == {"http://www.w3.org/2000/svg"}
