"""A secret: a text that no `repr`, digest, log line or error ever shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Source = Literal["env", "file", "literal"]


@dataclass(frozen=True, slots=True)
class Secret:
    """A text to be used and never shown.

    Args:
        value: The secret itself; hand it only to what sends it, and to the redactor.
        source: Where it was: in a variable, in a file of its own, or written out in the configuration.
        name: The variable or the path; empty for a literal.
    """

    value: str = field(repr=False)
    source: Source
    name: str = ""

    def __str__(self) -> str:
        """Never the value."""
        return f"[{self.source}{' ' if self.name else ''}{self.name}]"
