"""When the leaves of a log are brought under a checkpoint, and how far that is: one file at a time, between groups.

One is due when the first leaf behind the last one has waited for long enough, or when many stand behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from tracegate.audit.writer import Writer
from tracegate.clock import Clock, Handle

GROUP = 1_000
"""Most leaves of a group, and most that stand behind the checkpoint before the next is begun."""

CHECKPOINT_NS = 500_000_000
"""Time from the first leaf behind a checkpoint to the beginning of the next; it must be there within a second."""


class Publication:
    """The next checkpoint of a log.

    Args:
        clock: Of the running loop.
        every_ns: See `CHECKPOINT_NS`.
        due: Called when time makes one due.
    """

    __slots__ = ("_clock", "_due", "_every_ns", "_now", "_steps", "_timer")

    def __init__(self, clock: Clock, every_ns: int, due: Callable[[], None]) -> None:
        self._clock = clock
        self._every_ns = every_ns
        self._due = due
        self._now = False
        self._timer: Handle | None = None
        self._steps: Iterator[None] | None = None  # the files of the one that is being made

    def grew(self) -> None:
        """Leaves stand behind the last checkpoint."""
        if self._timer is None:
            self._timer = self._clock.call_at(self._clock.now() + self._every_ns, self._tick)

    def is_due(self, writer: Writer) -> bool:
        """Whether to begin, or go on."""
        behind = writer.size - writer.published
        return self._steps is not None or behind >= GROUP or (behind > 0 and self._now)

    def step(self, writer: Writer) -> Callable[[], bool | None]:
        """What publishes one file of the one that is due; its answer is for `stepped`, and it raises `OSError`."""
        if self._steps is None:
            self.rest()
            self._steps = writer.publish()
        return partial(next, self._steps, True)

    def stepped(self, over: bool | None) -> None:
        """One file is published, or it was found that none was left to be."""
        if over:
            self._steps = None

    def hurry(self) -> None:
        """One is due at once."""
        self._now = True

    def broke_off(self) -> bool:
        """Begin anew as soon as the log can be written; whether one was being made."""
        if self._steps is None:
            return False
        self._steps, self._now = None, True
        return True

    def rest(self) -> None:
        """Nothing is due until the log grows."""
        self._now = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._now = True
        self._due()
