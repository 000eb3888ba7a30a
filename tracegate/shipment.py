"""What the audit log hands to a sink, and how a sink answers: values and one interface, nothing runs here.

The audit room reads leaves and sends them, telemetry carries them: neither knows the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tracegate.errors import TracegateError


@dataclass(frozen=True, slots=True)
class ShippedLeaf:
    """One leaf on its way; log and index are its identity at a sink, where it may stand more than once.

    Args:
        log: Origin of its log.
        index: Where it stands there.
        raw: Its bytes: what the tree was made over.
        hash: Of the leaf in the tree.
        t: When it was made, in UTC nanoseconds; `None` where it does not tell.
        record_id: Of the request that it is about.
        trace, span: Ids of that request's SERVER span, 16 and 8 bytes; both or neither.
    """

    log: str
    index: int
    raw: bytes
    hash: bytes
    t: int | None
    record_id: str | None = None
    trace: bytes | None = None
    span: bytes | None = None


class NotTaken(TracegateError):
    """The sink did not acknowledge anything, and may have it all the same: send it again.

    Args:
        why: For the operator.
        wait_ns: How long the sink asks to be left alone.
    """

    def __init__(self, why: str, wait_ns: int | None = None) -> None:
        super().__init__(why)
        self.wait_ns = wait_ns


class PartlyTaken(TracegateError):
    """The sink acknowledged all but some, and says that these would not be taken another time either.

    Args:
        rejected: How many; it does not say which.
        why: In its words.
    """

    def __init__(self, rejected: int, why: str) -> None:
        super().__init__(why)
        self.rejected = rejected


class Sink(Protocol):
    """Where leaves go."""

    async def send(self, leaves: Sequence[ShippedLeaf]) -> None:
        """Return when it has acknowledged them.

        Raises:
            NotTaken: It has not.
            PartlyTaken: It has, but for some.
        """
