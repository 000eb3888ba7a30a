"""Targets that said when to come back: not asked before, by any request of this worker."""

from __future__ import annotations

from tracegate.facts import ErrorClass

MANY = 1024
"""Targets that are remembered before those whose time is over are looked for."""


class Cooldowns:
    """Per target id, until when (monotonic nanoseconds) and because of which error class."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: dict[str, tuple[int, ErrorClass]] = {}

    def __len__(self) -> int:
        return len(self._until)

    def start(self, target: str, now: int, until: int, cause: ErrorClass) -> None:
        """The target asked for silence until then; a longer silence already asked for stays."""
        if len(self._until) >= MANY:  # clients may name targets: those whose time is over go
            self._until = {name: known for name, known in self._until.items() if known[0] > now}
        known = self._until.get(target)
        if known is None or known[0] < until:
            self._until[target] = (until, cause)

    def of(self, target: str, now: int) -> tuple[int, ErrorClass] | None:
        """Until when the target is not to be asked, and why; `None` when it may be."""
        known = self._until.get(target)
        if known is not None and known[0] <= now:
            del self._until[target]
            return None
        return known
