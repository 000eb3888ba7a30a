"""What is wrong with a configuration: where, what, and how to fix it; all of it at once.

Source of the form: section 18 of the configuration's reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from tracegate.errors import ConfigError

MOST = 20  # errors shown at once

Path = tuple[str | int, ...]


class Position(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Wrong(ValueError):
    """A value that can't be read: what is wrong with it, and what is allowed and how to fix it."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class Problem(Struct, frozen=True):
    """One thing that is wrong. `at` is `None` where it stands in no file: then `path` names a variable."""

    at: Position | None
    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        place = "environment" if self.at is None else str(self.at)
        return f"{place}  {self.path}{': ' if self.path else ''}{self.what}\n    {self.fix}"


def dotted(path: Path) -> str:
    """`routes.chat.fallback[1]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


class InvalidConfig(ConfigError):
    """The configuration was read and can't be used; its text is ready for a person."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        shown = "" if count <= MOST else f" (the first {MOST} are shown)"
        end = f"{count} error{'' if count == 1 else 's'} in {name}{shown}. Nothing was started."
        super().__init__("\n\n".join([*(str(problem) for problem in self.problems[:MOST]), end]))
