"""One log on its way to a sink: which leaves are due, and what became of those that were sent.

Only what is under a checkpoint is due: it never changes, and the log's size that an auditor compares with is signed.
Everything here reads and writes files, so it belongs on a lane; who sends, when and how often is not known here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from tracegate.audit.merkle import leaf_hash
from tracegate.audit.offsets import Offset, Offsets, Span, count, merged, without
from tracegate.audit.reading import StoredLog, Times
from tracegate.audit.tiles import WIDTH
from tracegate.errors import Malformed
from tracegate.shipment import ShippedLeaf

US = 1_000  # nanoseconds

logger = logging.getLogger(__name__)


class _Said(Times):
    """What of a leaf stands beside its bytes when it is shipped: an index copy, never evidence."""

    record_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None


_said = msgspec.json.Decoder(_Said).decode


class Shipper:
    """One log, which nobody else ships meanwhile.

    Args:
        log: As it is on disk.
        offsets: Of all logs.
        lock: The descriptor that holds its claim.
    """

    def __init__(self, log: StoredLog, offsets: Offsets, lock: int) -> None:
        self.log = log
        self.lock = lock
        self.size = 0  # leaves under its checkpoint, when it was looked at last
        self.since: int | None = None  # when the oldest leaf that is due was made, in UTC ns; as far as that was read
        self._offsets = offsets
        self._kept = True  # whether the offset is on the disk
        try:
            self.offset = offsets.read(log.name) or Offset()
        except Malformed as exc:
            logger.warning("Shipping `%s` from its beginning: %s.", log.name, exc)
            self.offset = Offset()

    @property
    def due(self) -> int:
        """How many leaves are to be sent, as far as was looked."""
        return max(0, self.size - self.offset.next) + count(self.offset.again)

    def look(self) -> int:
        """Look at the log and at what is asked for; returns how many leaves are due.

        Raises:
            Malformed: The log's checkpoint, or what is asked for, is not what it should be.
            OSError: A file can't be read or written.
        """
        self.size = self.log.size
        if self.size < self.offset.next:
            raise Malformed(
                f"{self.offset.next} leaves of it were acknowledged, and it has {self.size}: it was put back"
            )
        if not self._kept:
            self._move(self.offset)
        if asked := self._offsets.asked(self.log.name):
            again = merged(*self.offset.again, *((start, min(end, self.offset.next)) for start, end in asked))
            self._move(msgspec.structs.replace(self.offset, again=again))
            self._offsets.begun(self.log.name)
        if not self.due:
            self.since = None
        return self.due

    def batch(self) -> list[ShippedLeaf]:
        """The next leaves, at most those of one bundle: first what is asked for, then what was never acknowledged.

        Leaves that were pruned before they were sent are left out; where all are, there is nothing in the batch.

        Raises:
            Malformed: A bundle is missing or cut.
            OSError: A file can't be read or written.
        """
        start, end = self._next()
        many = min(end, (start // WIDTH + 1) * WIDTH) - start
        found = islice(self.log.leaves(start), max(0, many))
        leaves = [leaf_of(self.log.origin, index, raw) for index, raw in found if index < end]
        self.since = leaves[0].t if leaves else None
        if start < end and not leaves:
            self._settle(end, [(start, end)])
        return leaves

    def acknowledged(self, leaves: Sequence[ShippedLeaf], rejected: Iterable[int] = ()) -> None:
        """Keep that the sink has a batch, but for the leaves of some indices, which it will not take.

        Raises:
            OSError: It can't be written down, which the next look tries again; a crash before makes duplicates.
        """
        pruned = (self._next()[0], leaves[0].index)
        self._settle(leaves[-1].index + 1, [pruned, *((index, index + 1) for index in rejected)])

    def _next(self) -> Span:
        return self.offset.again[0] if self.offset.again else (self.offset.next, self.size)

    def _settle(self, end: int, out: Iterable[Span]) -> None:
        """What is due is settled up to a leaf; `out` of it the sink will not get."""
        offset, settled = self.offset, (self._next()[0], end)
        self._move(
            msgspec.structs.replace(
                offset,
                next=max(offset.next, end),
                again=without(offset.again, settled),
                left_out=merged(*without(offset.left_out, settled), *out),
            )
        )

    def _move(self, offset: Offset) -> None:
        """Go on from here, even where it can't be written down: what is acknowledged need not be sent again."""
        self.offset, self._kept = offset, False
        self._offsets.write(self.log.name, offset)
        self._kept = True


def leaf_of(log: str, index: int, raw: bytes) -> ShippedLeaf:
    """A leaf as it is shipped."""
    said = _said(raw)
    t = None if said.made_at is None else said.made_at * US
    ids = (said.trace_id, said.span_id) if said.trace_id and said.span_id else (None, None)
    trace, span = (None if id is None else bytes.fromhex(id) for id in ids)
    return ShippedLeaf(log, index, raw, leaf_hash(raw), t, said.record_id, trace, span)
