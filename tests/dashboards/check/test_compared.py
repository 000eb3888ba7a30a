"""A wrong number, a missing row and one too many are seen, and told."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest
from rich.console import Console

from dashboards.check.compared import Line, differences, shown, table
from dashboards.check.counted import Labels
from dashboards.check.expected import Expected
from dashboards.check.truth import Span

A, B, C = frozenset({("l", "a")}), frozenset({("l", "b")}), frozenset({("l", "c")})
EXPECTED = Expected({A: 3, B: Span(1, 2)}, "last")


@pytest.mark.parametrize(
    ("found", "apart"),
    [
        ({A: 3, B: 1}, []),
        ({A: 3.0000000000001, B: 2}, []),
        ({A: 3.001, B: 1.5}, [A]),
        ({A: 3, B: 2.1}, [B]),
        ({A: 3}, [B]),
        ({A: 3, B: 1, C: 0}, [C]),
        ({}, [A, B]),
    ],
)
def test_differences_are_found(found: Mapping[Labels, float], apart: list[Labels]) -> None:
    """A row of 0 that is not expected is one, too: it says that a series exists."""
    assert differences(EXPECTED, found) == apart


def test_rows_are_shown_in_a_few_words() -> None:
    """Where they differ first, then the largest."""
    assert shown({}) == "nothing"
    assert shown({frozenset(): 2.0}) == "2"
    assert shown({A: 1, B: Span(1, 2), C: 5}, [A], 2) == "a: 1\nc: 5\nand 1 more"
    assert shown({B: Span(1, 2)}) == "b: 1…2"


def _printed(*lines: Line) -> tuple[int, str]:
    to = io.StringIO()
    return table(lines, Console(file=to, width=150)), to.getvalue()


def test_the_table_tells_what_is_wrong_and_fails() -> None:
    """With the whole story below it; brackets in a query are no markup."""
    right = Line(("d", "e"), "Answers", "A", "all", 1, "3", "3", [])
    wrong = Line(("d",), "Fallbacks", "A", "all", 1, "3", "2", ["asked x[5m] offset [1h]"])
    status, said = _printed(right, wrong)
    assert status == 1
    assert "Fallbacks A, all: asked x[5m] offset [1h]" in said
    assert "3 queries of 2 dashboards, 2 comparisons, 1 wrong." in said
    assert _printed(right)[0] == 0


def test_a_table_of_nothing_fails() -> None:
    """A check that asked nothing has proved nothing."""
    assert _printed()[0] == 1
