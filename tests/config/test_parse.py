"""YAML text to nodes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.config.reading import node
from tracegate.config.parse import Unparsable, parse
from tracegate.config.problems import Position


def refused(text: str) -> str:
    """Where and why a text is refused."""
    with pytest.raises(Unparsable) as caught:
        parse(text, "t.yaml")
    problem = caught.value.problem
    assert problem.at is not None
    return f"{problem.at.line}:{problem.at.column} {problem.what} | {problem.fix}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("no", "no"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("2026-09-01", "2026-09-01"),
        ("12", 12),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("1_000", "1_000"),
        ("2.50", Decimal("2.50")),
        ("1e3", Decimal("1e3")),
        (".5", Decimal("0.5")),
        ("-.inf", Decimal("-Infinity")),
        (".5x", ".5x"),
        ("~", None),
        ("null", None),
        ("nulls", "nulls"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!float 12", Decimal(12)),
        ("!!float 1.5", Decimal("1.5")),
        ("!!int 12", 12),
        ("!!bool true", True),
        ("!!null ~", None),
        ("|\n  text\n", "text\n"),
        ("30s", "30s"),
        ("${X}", "${X}"),
    ],
)
def test_a_scalar_has_the_type_of_the_core_schema(text: str, value: object) -> None:
    """Only `true` and `false` are booleans, and a number with a point never passes through a float."""
    read = node(text).value
    assert (read, type(read)) == (value, type(value))


def test_nan_is_a_number() -> None:
    """It is refused later, where a number is meant."""
    value = node(".nan").value
    assert isinstance(value, Decimal)
    assert value.is_nan()


def test_a_number_of_absurd_length_is_not_converted_to_an_int() -> None:
    """Python refuses to convert more than some thousand digits."""
    assert isinstance(node("9" * 5000).value, Decimal)


def test_every_node_knows_where_it_stands() -> None:
    """Lines and columns count from 1; keys have places of their own."""
    root = node("a: 1\nb:\n  - x\n  - {c: 2}\n")
    assert root.keys == {"a": Position("t.yaml", 1, 1), "b": Position("t.yaml", 2, 1)}
    inner = root.get(("b", 1, "c"))
    assert inner is not None
    assert (inner.value, inner.at) == (2, Position("t.yaml", 4, 9))


def test_an_empty_text_is_an_empty_map() -> None:
    """A file of comments says nothing."""
    assert node("# nothing\n").plain() == {}
    assert node("").plain() == {}


def test_anchors_and_merge_keys_work() -> None:
    """What is written wins over what is merged, an earlier source over a later one."""
    text = """
x-a: &a {one: 1, two: 2}
x-b: &b {two: 20, three: 30}
c: {<<: [*a, *b], one: 100}
d: {<<: *a}
e: *a
f: {"<<": 1}
"""
    plain = node(text).plain()
    assert isinstance(plain, dict)
    assert plain["c"] == {"one": 100, "two": 2, "three": 30}
    assert plain["d"] == plain["e"] == {"one": 1, "two": 2}
    assert plain["f"] == {"<<": 1}


def test_a_merged_key_stands_where_it_was_written() -> None:
    """An error in it is shown there."""
    assert node("a: &a {one: 1}\nb: {<<: *a}").place(("b", "one"), key=True)[0] == Position("t.yaml", 1, 8)


def test_tags_of_collections_are_taken_if_they_are_true() -> None:
    """`!!map` on a map says nothing new."""
    assert node("!!map {a: !!seq [1]}").plain() == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\na: 2", "2:1 `a` stands here twice | the first is at t.yaml:1:1; take one out."),
        ("{a: 1, a: 2}", "1:8 `a` stands here twice | the first is at t.yaml:1:2; take one out."),
        ("? [a]\n: b", "1:3 a key must be text | write a plain word before the colon."),
        ("a: &x [*x]", "1:8 the alias `*x` contains itself | take it out."),
        ("a: *x", "1:4 the anchor `x` is not known | an anchor `&name` must stand before `*name`."),
        ("a: {<<: 1}", "1:9 `<<` merges maps only | write `<<: *name` or `<<: [*one, *other]`."),
        ("a: 1\n---\nb: 2", "2:1 a second document begins here | one file holds one document."),
        ("a: !foo 1", "1:4 the tag `!foo` is not known here | take it out."),
        ("a: !!set {b}", "1:4 the tag `!!set` is not known here | take it out."),
        ("a: !!map [1]", "1:4 the tag `!!map` is not known here | take it out."),
        ("a: !!binary aGk=", "1:4 the tag `!!binary` is not known here | take it out."),
        ("a: !!int x", "1:4 `x` is not what its tag says | take the tag out."),
        ("a: !!float x", "1:4 `x` is not what its tag says | take the tag out."),
        ("a: !!float true", "1:4 `true` is not what its tag says | take the tag out."),
        ("a: b\n c: \x01", "2:5 the character #x0001 is not allowed | take it out."),
        (
            "a: {k: ${X}, b: 1}",
            "1:9 did not find expected ',' or '}' | inside `{ }` and `[ ]` a `${VAR}` must be quoted: `\"${VAR}\"`.",
        ),
        (
            "a: [1",
            "2:1 did not find expected ',' or ']' | "
            "YAML can't be read from here on; look at quotes, brackets, colons and indentation.",
        ),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(text: str, why: str) -> None:
    """Duplicate keys, circles and tags among them."""
    assert refused(text) == why


def test_deep_nesting_is_refused_and_does_not_crash() -> None:
    """PyYAML's own composer overflows the stack."""
    assert "nested more than 100 deep" in refused("[" * 100_000)


def test_aliases_that_multiply_are_refused() -> None:
    """The billion laughs."""
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "more than 2000000 values" in refused("\n".join(lines))


@pytest.mark.untraced
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else is ever raised."""
    try:
        assert parse(text, "t.yaml").at.file == "t.yaml"
    except Unparsable as exc:
        str(exc.problem)
