"""Values that know where they stand."""

from __future__ import annotations

from tests.config.reading import node
from tracegate.config.document import Node, Substituted
from tracegate.config.problems import Position

ROOT = node("a:\n  b: 1\n  c: [x, {d: 2}]\nlist:\n  - y\n")


def test_plain_values_have_no_positions() -> None:
    """They are what a model is given."""
    assert ROOT.plain() == {"a": {"b": 1, "c": ["x", {"d": 2}]}, "list": ["y"]}


def test_a_path_leads_to_a_node_or_to_nothing() -> None:
    """Through maps by key and lists by index."""
    found = ROOT.get(("a", "c", 1, "d"))
    assert found is not None
    assert found.value == 2
    for path in (("a", "x"), ("a", "b", "c"), ("a", "c", 9), ("a", "c", "0"), ("x", "y")):
        assert ROOT.get(path) is None


def test_a_map_gives_its_entries_and_anything_else_none() -> None:
    """So that a caller need not ask first."""
    assert list(ROOT.map) == ["a", "list"]
    assert dict(Node("text", Position("t.yaml", 1, 1)).map) == {}


def test_a_scalar_stands_where_its_value_does_and_a_collection_where_its_key_does() -> None:
    """A value is wrong in itself, a map because of what it is for."""
    assert ROOT.place(("a", "b")) == (Position("t.yaml", 2, 6), ("a", "b"))
    assert ROOT.place(("a", "b"), key=True) == (Position("t.yaml", 2, 3), ("a", "b"))
    assert ROOT.place(("a", "c")) == (Position("t.yaml", 3, 3), ("a", "c"))
    assert ROOT.place(("a", "c", 0)) == (Position("t.yaml", 3, 7), ("a", "c", 0))
    assert ROOT.place(("a", "c", 1)) == (Position("t.yaml", 3, 10), ("a", "c", 1))


def test_what_is_not_written_stands_in_what_is() -> None:
    """The part of the path that is written comes with it."""
    assert ROOT.place(("a", "missing", "deep")) == (Position("t.yaml", 1, 1), ("a",))
    assert ROOT.place(("a", "b", "c")) == (Position("t.yaml", 2, 6), ("a", "b"))
    assert ROOT.place(()) == (Position("t.yaml", 1, 1), ())


def test_substituted_text_is_text_that_remembers_how_it_was_written() -> None:
    """Errors show that, never the value."""
    text = Substituted.of("secret", "${X}", ("X",))
    assert text == "secret"
    assert (text.raw, text.variables) == ("${X}", ("X",))
