"""How one answer waits for the log, by mode: `strict` refuses it, `available` lets it go without a record.

In no mode is a place in the log given out before the leaf that stands there is durable.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tracegate.audit.kinds import At, Final, Intent
from tracegate.audit.log import Log, LogUnavailable
from tracegate.audit.own_leaves import Outcome
from tracegate.clock import Clock

Mode = Literal["strict", "available", "off"]

STRICT_NS = 1_000_000_000
"""How long an answer waits for the log in all, in `strict` mode."""

AVAILABLE_NS = 50_000_000
"""How long it waits in `available` mode, unless the configuration says otherwise."""


class Answer:
    """What one request writes into the log.

    Args:
        log: Of the process; `None` where the mode is `off`.
        mode: `strict`, `available` or `off`.
        clock: Monotonic time.
        wait_ns: How long the request waits for the log in all.
    """

    __slots__ = ("_clock", "_left", "_log", "_strict", "intent", "lost")

    def __init__(self, log: Log | None, mode: Mode, clock: Clock, wait_ns: int | None = None) -> None:
        self._log = None if mode == "off" else log
        self._strict = mode == "strict"
        self._clock = clock
        self._left = wait_ns if wait_ns is not None else STRICT_NS if self._strict else AVAILABLE_NS
        self.intent: At | None = None
        """Where its intent stands."""
        self.lost = self._log is None
        """Whether nothing that names the record may be sent."""

    async def begin(self, intent: Intent) -> None:
        """Write its intent, before a provider is called or a stream begins.

        Raises:
            LogUnavailable: In `strict` mode: nothing may begin.
        """
        if self._log is not None:
            self.intent = await self._append(self._log, intent)

    async def end(self, final: Final) -> At | None:
        """Write its final, before the answer is released; returns where it stands, `None` where it is not durable.

        Raises:
            LogUnavailable: In `strict` mode: the answer must not be released. The final is written later, and says so.
        """
        if self._log is None or self.lost:
            return None
        try:
            found = await self._append(self._log, final)
        except LogUnavailable:
            self._log.keep(msgspec.structs.replace(final, late=True))
            raise
        if found is None and self.intent is not None:
            self._log.keep(final)
        return found

    def served(self, outcome: Outcome) -> None:
        """Count the answer, once it was sent, if it was served without any leaf."""
        if self._log is not None and self.lost and self.intent is None:
            self._log.unrecorded(outcome)

    async def _append(self, log: Log, leaf: Intent | Final) -> At | None:
        since = self._clock.now()
        try:
            found: At | None = await log.append(leaf, max(self._left, 0))
        except LogUnavailable:
            self.lost = True
            if self._strict:
                raise
            found = None
        self._left -= self._clock.now() - since  # after a refusal nothing is left to wait for
        return found
