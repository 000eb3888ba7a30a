"""Where an effective value came from: a place in a file, a variable, a built-in row, a default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from msgspec import Struct


class Origin(Struct, frozen=True):
    """Where an effective value came from.

    Args:
        kind: `file`, `env`, `row` (a built-in row of a provider), `data` (built-in prices) or `default`.
        at: `tracegate.yaml:5:3`, a variable's name, a row's id; `None` for a default.
        level: For retry and time-outs, whose setting won: `timeouts`, `retry`, `provider`, `target` or `node`.
    """

    kind: Literal["file", "env", "row", "data", "default"]
    at: str | None = None
    level: str | None = None

    def __str__(self) -> str:
        """As `explain` prints it."""
        return self.kind if self.at is None else f"{self.kind} {self.at}"


Origins = Mapping[str, Origin]
DEFAULT = Origin("default")


def no_origins() -> dict[str, Origin]:
    """For values that nobody wrote."""
    return {}


class Effective(Struct, frozen=True):
    """Effective values. Where they came from makes no difference to what they are, and is not shown."""

    hidden: ClassVar[frozenset[str]] = frozenset()
    """What is not shown beside that, as a secret may stand there."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = (name for name in self.__struct_fields__ if name != "origins")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def __repr__(self) -> str:
        names = (name for name in self.__struct_fields__ if name != "origins" and name not in self.hidden)
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"
