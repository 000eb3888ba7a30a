"""What a form or pydantic found wrong, in our words."""

from typing import ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from tests.config.reading import draft, said
from tracegate.config import fields as f
from tracegate.config.form import Form
from tracegate.config.validate import section, unknown_key, validate


class Inner(Form):
    """A map in a map."""

    reserved: ClassVar[frozenset[str]] = frozenset({"later"})
    elsewhere: ClassVar[dict[str, str]] = {"moved": "write it somewhere else."}
    aliases: ClassVar[dict[str, str]] = {"from": "since"}
    limit: f.Duration | None = None
    since: f.Day | None = None


class Outer(Form):
    """A section."""

    inner: Inner | None = None
    several: list[Inner] | None = None
    word: Literal["one", "two"] = "one"
    words: list[Literal["one", "two"]] | None = None
    needed: f.Text = "x"
    on_stream_failure: Literal["error", "restart"] = "error"


class Needing(Form):
    """A section with a key that must be there."""

    needed: f.Text


class Within(BaseModel):
    """A map in such settings."""

    model_config = ConfigDict(extra="forbid")
    limit: int = 1


class Foreign(BaseModel):
    """The settings of a third party."""

    model_config = ConfigDict(extra="forbid")
    ratio: float = 0.5
    table: dict[str, int] = {}
    inner: Within | None = None


def test_a_valid_section_is_its_model() -> None:
    """What is not written is as if it were empty."""
    assert validate(draft("s: {word: two}"), ("s",), Outer) == Outer(word="two")
    assert validate(draft("{}"), ("s",), Outer) == Outer()


def test_some_keys_may_be_somebody_elses() -> None:
    """They are known, and not read."""
    one = draft("s: {word: two, other: 1, wrod: 2}")
    assert validate(one, ("s",), Outer, without=("other",)) is None
    assert said(one) == [
        "1:26  s.wrod: unknown key `wrod` | "
        "did you mean `word`? Known: inner, needed, on_stream_failure, other, several, word, words."
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("s: 7", "1:4  s: `7` is not a map | write `{key: value}`, or keys on lines of their own."),
        ("s: {inner: []}", "1:5  s.inner: a list is not a map | write `{key: value}`, or keys on lines of their own."),
        ("s: {words: x}", "1:12  s.words: `x` is not a list | write `[one, other]`."),
        ("s: {word: thre}", "1:11  s.word: `thre` is not allowed here | Allowed: one, two."),
        ("s: {word: Two}", "1:11  s.word: `Two` is not allowed here | did you mean `two`? Allowed: one, two."),
        ("s: {word: true}", "1:11  s.word: `true` is not allowed here | Allowed: one, two."),
        ("s: {words: [one, x]}", "1:18  s.words[1]: `x` is not allowed here | Allowed: one, two."),
        (
            "s: {on_stream_failure: resume}",
            "1:24  s.on_stream_failure: `resume` is not in this version | allowed: error, restart.",
        ),
        ("s: {inner: {limit: 3}}", "1:20  s.inner.limit: `3` has no unit | write `3s` (or ms, m, h)."),
        ("s: {inner: {later: 3}}", "1:13  s.inner.later: `later` is not in this version | take it out."),
        ("s: {inner: {moved: 3}}", "1:13  s.inner.moved: `moved` does not stand here | write it somewhere else."),
        (
            "s: {inner: {form: 3}}",
            "1:13  s.inner.form: unknown key `form` | did you mean `from`? Known: from, limit.",
        ),
        (
            "s: {several: [{form: 3}]}",
            "1:16  s.several[0].form: unknown key `form` | did you mean `from`? Known: from, limit.",
        ),
    ],
)
def test_each_error_says_what_is_allowed(text: str, why: str) -> None:
    """At its place."""
    one = draft(text)
    assert validate(one, ("s",), Outer) is None
    assert said(one) == [why]


def test_a_missing_key_is_reported_where_it_would_stand() -> None:
    """The map's own place."""
    one = draft("a: 1\ns: {}")
    assert validate(one, ("s",), Needing) is None
    assert said(one) == ["2:1  s: `needed` is missing | write it."]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("s: {ratio: x}", "1:12  s.ratio: `x` can't be used | Input should be a valid number"),
        ("s: {table: {a: x}}", "1:16  s.table.a: `x` can't be used | Input should be a valid integer"),
        ("s: {table: x}", "1:12  s.table: `x` is not a map | "),
        ("s: {inner: {x: 1}}", "1:13  s.inner.x: unknown key `x` | Known: limit."),
    ],
)
def test_a_third_partys_model_has_types_of_its_own(text: str, why: str) -> None:
    """Pydantic's words then, at our places."""
    one = draft(text)
    assert validate(one, ("s",), Foreign) is None
    assert [line.startswith(why) for line in said(one)] == [True]


def test_a_section_with_problems_is_as_if_empty() -> None:
    """So that the others can be checked."""
    one = draft("s: {word: x}")
    assert section(one, "s", Outer) == Outer()
    assert len(one.problems) == 1


def test_an_unknown_key_inside_what_no_model_knows_lists_nothing() -> None:
    """There is nothing to list."""
    one = draft("s: {a: 1}")
    unknown_key(one, ("s", "a"), [])
    assert said(one) == ["1:5  s.a: unknown key `a` | Known: none."]
