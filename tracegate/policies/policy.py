"""What a policy is. It comes in by the entry point group `tracegate.policies`; the built-in ones use the same door.

A policy never sees a record or a span: it asks its children and notes decisions with `call.note`. It does no I/O and
reads no clock but `call.clock`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel

from tracegate.hop import Call, Hop


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
    Settings: type[BaseModel]

    def build(self, settings: BaseModel, children: Sequence[Candidate]) -> Hop:
        """Make the hop."""
