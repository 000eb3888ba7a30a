"""A configuration while it is being read."""

from __future__ import annotations

from tests.config.reading import draft, said
from tracegate.config.origin import DEFAULT, Origin
from tracegate.config.problems import Position, Wrong
from tracegate.config.secret import Secret

TEXT = "a: {b: 1, c: {d: 2}}"


def test_a_problem_stands_where_its_path_does() -> None:
    """What is not written is reported at what it would stand in."""
    one = draft(TEXT)
    one.wrong(("a", "b"), "wrong", "fix.")
    one.wrong(("a", "b"), "unknown", "fix.", key=True)
    one.refuse(("a", "c", "x"), Wrong("missing", "fix."))
    assert said(one) == ["1:8  a.b: wrong | fix.", "1:5  a.b: unknown | fix.", "1:11  a.c: missing | fix."]


def test_a_problem_is_said_once() -> None:
    """However many steps find it."""
    one = draft(TEXT)
    for _ in range(2):
        one.wrong(("a", "b"), "wrong", "fix.")
        one.wrong_variable("X", "wrong", "fix.")
        one.note("note", ("a", "b"), "text")
    assert said(one) == ["1:8  a.b: wrong | fix.", "environment  X: wrong | fix."]
    assert [(note.kind, note.at, note.path, note.text) for note in one.notes] == [("note", "t.yaml:1:8", "a.b", "text")]


def test_a_value_without_its_variable_has_no_second_problem() -> None:
    """The first says why it can't be right."""
    one = draft(TEXT)
    one.unset.add(Position("t.yaml", 1, 8))
    one.wrong(("a", "b"), "wrong", "fix.")
    assert said(one) == []


def test_without_a_file_nothing_has_a_place() -> None:
    """The paths alone are left."""
    one = draft(TEXT)
    one.written = False
    one.wrong(("a", "b"), "wrong", "fix.")
    one.note("note", ("a", "b"), "text")
    assert said(one) == ["environment  a.b: wrong | fix."]
    assert one.notes[0].at == ""


def test_an_origin_is_a_place_or_a_default() -> None:
    """With the level whose setting it is."""
    one = draft(TEXT)
    assert one.origin(("a", "b"), "node") == Origin("file", "t.yaml:1:8", "node")
    assert one.written_or_default(("a", "b")) == Origin("file", "t.yaml:1:8")
    assert one.written_or_default(("a", "x")) is DEFAULT


def test_secrets_are_kept_for_the_redactor() -> None:
    """Each value once."""
    one = draft(TEXT)
    secret = Secret("sk", "env", "A")
    assert one.keep(secret) is secret
    assert one.keep(None) is None
    one.keep(Secret("sk", "env", "B"))
    assert list(one.secrets.values()) == [secret]
