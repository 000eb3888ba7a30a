"""Deterministic ids and random numbers: the same seed gives the same ids, in the order they are asked for."""

from __future__ import annotations

import random

from tracegate.clock import uuid7


class SeededIds:
    """A `tracegate.clock.Ids` drawn from one seed; never for production."""

    __slots__ = ("_random",)

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def request(self, wall_ns: int) -> str:
        """See `Ids.request`."""
        return uuid7(wall_ns, self._random.randbytes(10))

    def trace(self) -> bytes:
        """See `Ids.trace`."""
        return self._random.randbytes(16)

    def span(self) -> bytes:
        """See `Ids.span`."""
        return self._random.randbytes(8)

    def random(self) -> float:
        """See `Ids.random`."""
        return self._random.random()

    def secret(self) -> bytes:
        """See `Ids.secret`."""
        return self._random.randbytes(32)
