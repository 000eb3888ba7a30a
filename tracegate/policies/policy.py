"""What a policy is. It comes in by the entry point group `tracegate.policies`; the built-in ones use the same door.

A policy never sees a record or a span: it asks its children and notes decisions with `call.note`. It does no I/O and
reads no clock but `call.clock`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tracegate.hop import Call, Hop

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Candidate:
    """One child of a policy: its name (a target's id or a route's name), its hop, and its weight."""

    name: str
    hop: Hop
    weight: float = 1.0


Order = Callable[[Call, Sequence[Candidate]], Sequence[Candidate]]


class Policy(Protocol):
    """One file: a key, a settings model of its own, and how a hop is made of children."""

    key: str

    @property
    def Settings(self) -> type[BaseModel]:  # noqa: N802  # a class, which most have as their own
        """The model of its settings."""

    def build(self, settings: Any, children: Sequence[Candidate]) -> Hop:
        """Make the hop; the settings are of its own model, which is not known here."""
