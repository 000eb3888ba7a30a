"""Variables are filled in as Grafana fills them in."""

from __future__ import annotations

import pytest

from dashboards.check.variables import UnknownVariableError, Value, Window, filled, rendered, used


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{a=~"$one"}', '{a=~"x"}'),
        ('{a=~"${one}"}', '{a=~"x"}'),
        ('{a=~"[[one]]"}', '{a=~"x"}'),
        ('{a=~"$several"}', r'{a=~"(a\\.b|c)"}'),
        ('{a=~"$only"}', r'{a=~"a\\.b"}'),
        ('{a=~"$all"}', '{a=~".*"}'),
        ("${several:csv} ${several:pipe} ${several:raw} ${one:regex}", "a.b,c a.b|c a.b,c x"),
        ("rate(x[$__rate_interval]) offset $__range", "rate(x[700ms]) offset 2000ms"),
        (r'{a=~"$back"}', '{a=~"' + "\\" * 4 + '"}'),
        ("up to 5 $ in ${one}s", "up to 5 $ in xs"),
    ],
)
def test_a_text_is_filled_in(text: str, expected: str) -> None:
    """Several chosen values are escaped and joined; a single text stands as it is."""
    values: dict[str, Value] = {"one": "x", "several": ["a.b", "c"], "only": ["a.b"], "all": ".*", "back": ["\\"]}
    assert filled(text, {**values, **Window(1000, 3000, 500, 700).variables()}) == expected


@pytest.mark.parametrize("text", ["$other", "${other}", "[[other]]", "${one:json}"])
def test_what_nobody_defined_is_an_error(text: str) -> None:
    """Grafana would send the name as it stands, and the panel would be empty."""
    with pytest.raises(UnknownVariableError):
        filled(text, {"one": ["x"]})


def test_a_window_has_all_of_grafanas_variables_of_time() -> None:
    """In its units."""
    assert Window(1000, 3600, 500, 700).variables() == {
        "__range": "2600ms",
        "__range_ms": "2600",
        "__range_s": "3",
        "__interval": "500ms",
        "__interval_ms": "500",
        "__rate_interval": "700ms",
        "__from": "1000",
        "__to": "3600",
    }


def test_a_legend_shows_labels() -> None:
    """Those that a series does not have stay empty."""
    assert rendered("{{a}} → {{ b }} · {{c}}", {"a": "x", "b": "y"}) == "x → y · "


def test_used_variables_are_found() -> None:
    """In every syntax, and nothing that only looks like one."""
    assert used("$a ${b:csv} [[c]] a b") == {"a", "b", "c"}
