"""Forms: what pydantic's models do for the settings of policies."""

from typing import Annotated, ClassVar, Literal

import pytest

from tracegate.config.form import Form, Misfits, Reads


def _number(value: object) -> int:
    return int(str(value))


def _of_it(value: object, around: dict[str, int]) -> int:
    return around[str(value)]


class Inner(Form):
    """A map with a short form."""

    short: ClassVar[str] = "limit"
    aliases: ClassVar[dict[str, str]] = {"from": "since"}
    limit: Annotated[int, Reads(_number)] = 1
    since: Annotated[int, Reads(_number)] | None = None


class Outer(Form):
    """A map."""

    inner: Inner = Inner()
    several: list[Inner] | None = None
    word: Literal["one", "two"] = "one"
    near: Annotated[int, Reads(_of_it, around=True)] = 0


class Needing(Inner):
    """A map that inherits keys and needs one."""

    needed: Annotated[int, Reads(_number)]


def wrong(form: type[Form], value: object) -> list[tuple[str, tuple[int | str, ...], object]]:
    """What is wrong, where, and with what."""
    with pytest.raises(Misfits) as caught:
        form.model_validate(value, context={})
    return [(error["type"], error["loc"], error["input"]) for error in caught.value.errors(include_url=False)]


def test_what_is_written_is_read_and_the_rest_is_the_default() -> None:
    """By the names that the file has."""
    one = Outer.model_validate({"inner": {"from": "7"}, "several": [3, {"limit": 4}], "near": "a"}, context={"a": 5})
    assert (one.inner.since, one.inner.limit, sorted(one.inner.model_fields_set)) == (7, 1, ["since"])
    assert [inner.limit for inner in one.several or ()] == [3, 4]
    assert (one.near, one.word) == (5, "one")
    assert one.model_fields_set == {"inner", "several", "near"}


def test_no_value_is_none_where_that_is_allowed() -> None:
    """As for pydantic."""
    assert Inner.model_validate({"from": None}).since is None


def test_all_that_is_wrong_is_told_at_once() -> None:
    """In pydantic's terms and at its places."""
    assert wrong(Outer, {"inner": {"limit": "x", "since": 1}, "word": "three", "several": [1, "y"], "odd": 0}) == [
        ("value_error", ("inner", "limit"), "x"),
        ("extra_forbidden", ("inner", "since"), 1),
        ("value_error", ("several", 1, "limit"), "y"),
        ("literal_error", ("word",), "three"),
        ("extra_forbidden", ("odd",), 0),
    ]
    assert wrong(Outer, []) == [("model_type", (), [])]
    assert wrong(Outer, {"several": 1}) == [("list_type", ("several",), 1)]
    assert wrong(Outer, {"word": 1}) == [("literal_error", ("word",), 1)]
    assert wrong(Needing, {"limit": 1}) == [("missing", ("needed",), {"limit": 1})]


def test_the_members_of_a_form_are_those_it_inherits_and_its_own() -> None:
    """Each with its name in the file."""
    members = Needing.fields()
    assert {name: (member.alias, member.needed) for name, member in members.items()} == {
        "limit": (None, False),
        "since": ("from", False),
        "needed": (None, True),
    }
    assert Inner.fields() is Inner.fields()


def test_forms_are_values() -> None:
    """Equal by what was written, and unchangeable."""
    one, other = Inner(limit=2), Inner(limit="2")
    assert (one, hash(one)) == (other, hash(other))
    assert one != Inner()
    assert Inner() == Inner.model_validate({})
    assert one != Needing(limit=2, needed=1)
    with pytest.raises(AttributeError, match=r"`Inner.limit` is what was read"):
        one.limit = 3
