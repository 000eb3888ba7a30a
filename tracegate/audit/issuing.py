"""Receipts for whoever asks by a record's id: from all logs of a directory, those of other processes included.

A leaf that no checkpoint covers is waited for. What another process has written behind its checkpoint may be taken
back, so nothing is told of it; only of the own log is it known what is durable. All disk work is done on a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tracegate.audit.blinds import Blinds
from tracegate.audit.bundles import bundle
from tracegate.audit.directory import Directory
from tracegate.audit.lane import Lane
from tracegate.audit.records import Erasures, Found, blinding_of, find
from tracegate.clock import Clock

WAIT_NS = 2_000_000_000
"""How long a receipt waits for the checkpoint that proves it."""

AGAIN_NS = 50_000_000
"""Between two looks."""


@dataclass(frozen=True, slots=True)
class Issued:
    """What is told of a record: whose it is, and its bundle; without one its request is still open."""

    tenant: str | None
    bundle: dict[str, Any] | None = None


class Issuer:
    """Gives out receipts.

    Args:
        directory: With the logs.
        blinds: Of all their records.
        clock: Monotonic time.
        lane: Where disk work is done.
        longest: µs that a request may take to its first leaf.
        durable: By origin, how many leaves of the logs of this process are durable now.
    """

    __slots__ = ("_blinds", "_clock", "_directory", "_durable", "_erasures", "_lane", "_longest")

    def __init__(
        self,
        directory: Directory,
        blinds: Blinds,
        clock: Clock,
        lane: Lane,
        longest: int,
        durable: Callable[[], Mapping[str, int]],
    ) -> None:
        self._directory = directory
        self._blinds = blinds
        self._clock = clock
        self._lane = lane
        self._longest = longest
        self._durable = durable
        self._erasures = Erasures(directory)

    async def issue(self, record_id: str, may: Callable[[str | None], bool]) -> Issued | None:
        """The receipt of a record; `None` where no log has the record, or its tenant may not be told of.

        Args:
            record_id: As a leaf has it.
            may: Whether records of a tenant may be told of.

        Raises:
            Malformed: A file of a log is not what it should be.
        """
        until = self._clock.now() + WAIT_NS
        found = await self._lane.run(partial(self._look, record_id, may, {}))
        while isinstance(found, Found):
            if self._clock.now() >= until:
                found = await self._lane.run(partial(self._look, record_id, may, self._durable()))
                return Issued(found.tenant) if isinstance(found, Found) else found
            await self._clock.sleep_until(self._clock.now() + AGAIN_NS)
            if await self._lane.run(partial(_is_covered, found)):
                found = await self._lane.run(partial(self._look, record_id, may, {}))
        return found

    def _look(
        self, record_id: str, may: Callable[[str | None], bool], durable: Mapping[str, int]
    ) -> Issued | Found | None:
        """What is told; what was found, where the leaf that closes it is not known to stay."""
        found = find(self._directory, record_id, self._longest)
        if found is None or not may(found.tenant):
            return None
        closing = found.closing
        if closing is None:
            return Issued(found.tenant)
        head = closing.log.head()
        if closing.index >= max(0 if head is None else head.size, durable.get(closing.log.origin, 0)):
            return found
        r, erased = blinding_of(closing, self._blinds, self._erasures)
        return Issued(found.tenant, bundle(closing, head, self._directory.signer(closing.log), r, erased))


def _is_covered(found: Found) -> bool:
    """Whether a checkpoint covers the leaf that closes a record by now."""
    return found.closing is not None and found.closing.index < found.closing.log.size
