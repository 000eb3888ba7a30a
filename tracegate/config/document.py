"""A configuration file as values that know where they stand.

Values are those of the YAML 1.2 core schema, except that a number with a point is a `Decimal`: money never passes
through a float. What a value means is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tracegate.config.problems import Path, Position

Scalar = str | int | Decimal | bool | None
Plain = Scalar | dict[str, "Plain"] | list["Plain"]
Value = Scalar | dict[str, "Node"] | list["Node"]


class Substituted(str):
    """Text that came out of `${VAR}`: read by the type of its key, shown in errors as it was written.

    `variables` are the names whose values are in it; none where defaults alone were used.
    """

    __slots__ = ("raw", "variables")
    raw: str
    variables: tuple[str, ...]

    @classmethod
    def of(cls, text: str, raw: str, variables: tuple[str, ...]) -> Substituted:
        """`text`, which was written as `raw`."""
        made = cls(text)
        made.raw = raw
        made.variables = variables
        return made


class Node:
    """One value, where it stands, and for a map where each of its keys stands."""

    __slots__ = ("at", "keys", "value")

    def __init__(self, value: Value, at: Position, keys: dict[str, Position] | None = None) -> None:
        self.value = value
        self.at = at
        self.keys: dict[str, Position] = {} if keys is None else keys

    @property
    def map(self) -> Mapping[str, Node]:
        """Its entries, if it is a map; else nothing."""
        return self.value if isinstance(self.value, dict) else {}

    def plain(self) -> Plain:
        """The value without positions."""
        value = self.value
        if isinstance(value, dict):
            return {key: node.plain() for key, node in value.items()}
        if isinstance(value, list):
            return [node.plain() for node in value]
        return value

    def child(self, step: str | int) -> Node | None:
        """One step down: the entry of a map, the member of a list."""
        value = self.value
        if isinstance(value, dict):
            return value.get(str(step))
        return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None

    def get(self, path: Path) -> Node | None:
        """The node at a path below this one."""
        node: Node | None = self
        for step in path:
            node = None if node is None else node.child(step)
        return node

    def place(self, path: Path, *, key: bool = False) -> tuple[Position, Path]:
        """Where a path stands, and how much of it is written at all.

        A scalar, and a member of a list, stands where its value does; a map or list under a key stands where its key
        does, and with `key` so does anything at the end of the path.
        """
        at, node = self.at, self
        for depth, step in enumerate(path):
            child = node.child(step)
            if child is None:
                return at, path[:depth]
            by_key = isinstance(child.value, dict | list) or (key and depth == len(path) - 1)
            at = node.keys.get(str(step), child.at) if by_key else child.at
            node = child
        return at, path
