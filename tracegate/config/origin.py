"""Where an effective value came from: a place in a file, a variable, a built-in row, a default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Origin:
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
