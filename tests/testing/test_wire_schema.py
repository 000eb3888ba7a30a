"""The smallest instances of schemas are valid ones."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from tracegate.testing.wire_schema import instance


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"type": "integer"}, 1),
        ({"type": "number"}, 1.5),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"]}, 1),
        ({"type": "other"}, "text"),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"default": [1]}, [1]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "array"}, ["text"]),
        ({"properties": {"a": {"type": "integer"}}}, {"a": 1}),
        ({"type": "object"}, {}),
        ({"$ref": "#/$defs/nobody"}, "text"),
        ({"$ref": "#/type/deeper", "type": "object"}, "text"),
        (True, "text"),
    ],
)
def test_each_kind_has_an_instance(schema: Any, value: object) -> None:
    """What is not known becomes a text."""
    root = schema if isinstance(schema, dict) else {}
    assert instance(schema, root) == value


class Leaf(pydantic.BaseModel):
    """A member of a tree."""

    name: str
    size: float
    kind: bool


class Tree(pydantic.BaseModel):
    """A schema with references, a union, and itself inside."""

    title: str | None
    count: int
    leaves: list[Leaf]
    child: Tree | None
    children: list[Tree]


def test_a_schema_of_models_gets_an_instance_that_they_accept() -> None:
    """References and recursion included."""
    schema = Tree.model_json_schema()
    tree = Tree.model_validate(instance(schema, schema))
    assert tree.leaves == [Leaf(name="text", size=1.5, kind=True)]


def test_a_schema_that_can_never_end_is_cut_off() -> None:
    """Nothing accepts that, so anything will do, but it ends."""
    assert instance({"$ref": "#"}, {"$ref": "#"}) == "text"
    endless = {"type": ["object", "null"], "properties": {"self": {"$ref": "#"}}}
    assert isinstance(instance(endless, endless), dict)
