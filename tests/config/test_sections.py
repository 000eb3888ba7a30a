"""The parts of a document that map ids to entries."""

from __future__ import annotations

from tests.config.reading import draft, said
from tracegate.config.sections import entries


def test_entries_come_in_the_order_of_the_file() -> None:
    """And are all there."""
    assert list(entries(draft("keys: {b: {}, a: {}}"), "keys")) == ["b", "a"]


def test_what_is_not_written_has_no_entries() -> None:
    """That is no problem."""
    one = draft("{}")
    assert (entries(one, "keys"), one.problems) == ({}, [])


def test_a_section_must_be_a_map() -> None:
    """A list has no ids."""
    one = draft("keys: [a]")
    assert entries(one, "keys") == {}
    assert said(one) == ["1:1  keys: a list is not a map | write one id a line: `  id: {…}`."]


def test_an_id_must_be_one() -> None:
    """Unless it is allowed by name."""
    one = draft('routes: {"*": a, "a/b": c, d: e}')
    assert list(entries(one, "routes", also=("*",))) == ["*", "d"]
    assert said(one) == [
        "1:18  routes.a/b: `a/b` is no id | "
        "an id is 1 to 64 letters, digits, `.`, `_` and `-`, and begins with a letter or digit; no `/`."
    ]
