"""Targets that said when to come back: not asked before, by any request of this worker."""

from __future__ import annotations

from tracegate.facts import ErrorClass

MANY = 1024
"""Targets that are remembered before those whose time is over are looked for."""


class Cooldowns:
    """Per target id, until when (monotonic nanoseconds) and because of which error class.

    Attributes:
        until: Both, of all that may still be silent; for whoever wants to know whether there is any.
    """

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until: dict[str, tuple[int, ErrorClass]] = {}

    def start(self, target: str, now: int, until: int, cause: ErrorClass) -> None:
        """The target asked for silence until then; a longer silence already asked for stays."""
        if len(self.until) >= MANY:  # clients may name targets: those whose time is over go
            self.until = {name: known for name, known in self.until.items() if known[0] > now}
        known = self.until.get(target)
        if known is None or known[0] < until:
            self.until[target] = (until, cause)

    def of(self, target: str, now: int) -> tuple[int, ErrorClass] | None:
        """Until when the target is not to be asked, and why; `None` when it may be."""
        known = self.until.get(target)
        if known is not None and known[0] <= now:
            del self.until[target]
            return None
        return known
