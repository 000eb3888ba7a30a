"""Panels stand where they are put, and a mistake in a row is told when the dashboard is made."""

from __future__ import annotations

import pytest
from grafana_foundation_sdk.models.dashboard import Panel

from dashboards.panel import Ask, Place, graph, laid_out, number, words


def _panel(title: str, width: int, height: int = 8) -> Panel:
    return words(Place(title, "A text.", width, height), "text")


def _places(panels: list[Panel]) -> list[tuple[int, int, int | None]]:
    return [(panel.grid_pos.x, panel.grid_pos.y, panel.id_val) for panel in panels if panel.grid_pos is not None]


def test_panels_stand_from_left_to_right_below_their_row() -> None:
    """A full line is followed by the next; a part without a title has no row."""
    one, two, three, four = (_panel("one", 24, 4), _panel("two", 8), _panel("three", 16), _panel("four", 24))
    placed = laid_out([("", [one]), ("Row", [two, three, four])])
    assert [panel.title for panel in placed] == ["one", "Row", "two", "three", "four"]
    assert _places([one, two, three, four]) == [(0, 0, 1), (0, 5, 3), (8, 5, 4), (0, 13, 5)]


def test_a_line_that_is_not_full_is_a_mistake() -> None:
    """It would leave a hole."""
    with pytest.raises(ValueError, match="the last line of `Row` has 8 columns left"):
        laid_out([("Row", [_panel("one", 16)])])


def test_a_panel_that_does_not_fit_is_a_mistake() -> None:
    """It would stick out of the grid."""
    with pytest.raises(ValueError, match="`two` does not fit beside the panels left of it"):
        laid_out([("Row", [_panel("one", 16), _panel("two", 16)])])


def test_panels_of_one_line_have_one_height() -> None:
    """Else those below would overlap."""
    with pytest.raises(ValueError, match="`two` is not as high as the panels left of it"):
        laid_out([("Row", [_panel("one", 12, 8), _panel("two", 12, 4)])])


def test_only_what_should_be_0_has_colours() -> None:
    """A large number is neither good nor bad."""
    place, ask = Place("Number", "A number.", 4, 4), Ask("sum (x)")
    plain, rare, zero = (number(place, ask, "short", **how) for how in ({}, {"rare": True}, {"zero": True}))
    found = []
    for panel in (plain, rare, zero):
        assert panel.field_config is not None
        steps = panel.field_config.defaults.thresholds
        found.append(
            ([step.color for step in steps.steps] if steps else [], bool(panel.field_config.defaults.mappings))
        )
    assert found == [([], False), (["green", "orange"], False), (["green", "red"], True)]


def test_a_graph_that_may_be_empty_says_so() -> None:
    """Elsewhere Grafana's own "No data" stands, which is a finding."""
    for empty in ("", "Nothing."):
        panel = graph(Place("Graph", "A graph.", 12), [Ask("sum (x)")], "short", empty=empty)
        assert panel.field_config is not None
        assert panel.field_config.defaults.no_value == (empty or None)


def test_a_graph_without_a_link_leads_nowhere() -> None:
    """And one with a link opens it beside."""
    for link in (None, "/explore"):
        panel = graph(Place("Graph", "A graph.", 12), [Ask("sum (x)")], "short", link=link)
        assert panel.field_config is not None
        links = panel.field_config.defaults.links or []
        assert [one.url for one in links] == ([] if link is None else [link])
