"""Anchors: somebody outside is told of a log's heads, so that its keeper can't take back what he published.

A log whose keeper has its key can be written anew from the start, and nobody who sees only that log notices. Whoever
else holds a head does. What is told is a head and nothing more: neither a leaf nor anything of a request.

An anchor is a class with one method; packages give theirs to the entry point group `tracegate.anchors`, by kind. Three
are built in: `witness`, `rfc3161`, an authority that stamps the checkpoint, and `object-lock`, a store that keeps it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from tracegate.audit.checkpoint import Checkpoint
from tracegate.audit.folder import Folder
from tracegate.audit.lane import Lane
from tracegate.audit.merkle import consistency
from tracegate.audit.reading import StoredLog
from tracegate.audit.tiles import TileNodes
from tracegate.clock import Clock
from tracegate.errors import Malformed, TracegateError

Kind = Literal["witness", "rfc3161", "object-lock"]

EVERY_NS = 60_000_000_000
"""Time between two heads that are told; ours: what a keeper could still take back is a minute's worth of leaves."""

RETRY_NS = 60_000_000_000
"""Time until one that failed is told again; it doubles with each further failure, up to"""
LONGEST_NS = 900_000_000_000
"""this, or the time between two heads where that is longer. Ours."""

SOON_NS = 5_000_000_000
"""Who is due so soon is told with the others, of the same head: signatures under one head count together. Ours."""

logger = logging.getLogger(__name__)


class Unanchored(TracegateError):
    """Nobody holds the head; the text says who would not, and why."""


@dataclass(frozen=True, slots=True)
class Head:
    """A published head of a log.

    Args:
        note: The checkpoint as it is published, a signed note.
        checkpoint: What it says.
        consistency: The proof that the first so many leaves are a prefix of it (RFC 6962, section 2.1.2).
    """

    note: str
    checkpoint: Checkpoint
    consistency: Callable[[int], Awaitable[Sequence[bytes]]]


@dataclass(frozen=True, slots=True)
class Held:
    """That somebody holds a head, as the leaf `anchor` has it.

    Args:
        kind: Of the anchor.
        where: Who or where, for a person who looks for it.
        proof: What they gave: of a witness the checkpoint with its signature below the log's, of others the checkpoint
            and one line below it (`tracegate.audit.anchored`).
    """

    kind: Kind
    where: str
    proof: str


class Anchor(Protocol):
    """Somebody who is told of heads."""

    async def anchor(self, head: Head) -> Held | None:
        """Tell a head; returns what shows that it is held, `None` where it was held before.

        Raises:
            Unanchored: It is not held now; the next head will be told all the same.
        """


class Answered(Protocol):
    """The answer to something that was posted; names of header fields are in lower case."""

    @property
    def status(self) -> int:
        """Of HTTP."""

    @property
    def body(self) -> bytes:
        """Whole."""

    def header(self, name: str) -> str | None:
        """The first value of a field."""


class Post(Protocol):
    """Sends one body over HTTP; who makes anchors gives it to them."""

    async def __call__(
        self, url: str, headers: Sequence[tuple[str, str]], body: bytes, timeout_ns: int, method: str = "POST"
    ) -> Answered:
        """Send it and return the answer; raises `OSError` where there is none."""


Make = Callable[[Mapping[str, str], Post, Clock], Anchor]
"""What a package gives to the entry point group: an anchor of its settings. It raises `ConfigError`."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An anchor, and how often it is told of a head, in nanoseconds."""

    anchor: Anchor
    every_ns: int = EVERY_NS


async def newest(folder: Path, lane: Lane) -> Head | None:
    """The head of a log on disk, with its proofs; `None` before there is one.

    Args:
        folder: Of the log.
        lane: Where files are read.

    Raises:
        OSError: It can't be read.
        Malformed: It is no log.
    """
    log = await lane.run(partial(StoredLog, folder))
    head = await lane.run(log.head)
    if head is None:
        return None
    nodes = TileNodes(head.size, Folder(folder).read)

    async def proof(old: int) -> Sequence[bytes]:
        return await lane.run(partial(consistency, old, head.size, nodes))

    return Head(head.note, head.checkpoint, proof)


def cosigned(head: Head, held: Sequence[Held]) -> str | None:
    """The checkpoint with the signatures of all witnesses that hold it; `None` where none does."""
    lines = [one.proof.removeprefix(head.note) for one in held if one.kind == "witness"]
    return head.note + "".join(lines) if lines else None


class Anchoring:
    """Tells anchors of the newest head, each from time to time; one that fails later and later.

    Args:
        anchors: Who is told.
        head: The newest head, `None` where there is none.
        held: Takes what the anchors gave: each becomes a leaf.
        clock: Times it.
    """

    def __init__(
        self,
        anchors: Sequence[Timed],
        head: Callable[[], Awaitable[Head | None]],
        held: Callable[[Head, Sequence[Held]], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._turns = [_Turn(one.anchor, one.every_ns) for one in anchors]
        self._head = head
        self._held = held
        self._clock = clock

    def failed(self) -> int:
        """How often one was told in vain."""
        return sum(turn.failed for turn in self._turns)

    async def run(self) -> None:
        """Tell them until cancelled; what goes wrong is logged, and tried again with a later head."""
        start = self._clock.now()
        for turn in self._turns:
            turn.due_ns = start + turn.every_ns
        while True:
            await self._clock.sleep_until(min(turn.due_ns for turn in self._turns))
            soon = self._clock.now() + SOON_NS
            await self._tell([turn for turn in self._turns if turn.due_ns <= soon])

    async def tell(self) -> None:
        """Tell all of them once, at the same time; nothing is raised."""
        await self._tell(self._turns)

    async def _tell(self, turns: Sequence[_Turn]) -> None:
        now = self._clock.now()
        for turn in turns:
            turn.due_ns = now + min(turn.every_ns, RETRY_NS)  # unless it is told
        try:
            head = await self._head()
            if head is None:
                return
            told = await asyncio.gather(*(turn.tell(head, now) for turn in turns))
            if held := [one for one in told if one is not None]:
                await self._held(head, held)
        except (Malformed, OSError) as exc:
            logger.warning("The head of the audit log can't be told: %s.", exc)


class _Turn:
    """One anchor, when it is told next, and how often it failed: in all, and since it last did not."""

    __slots__ = ("_anchor", "_failures", "due_ns", "every_ns", "failed")

    def __init__(self, anchor: Anchor, every_ns: int) -> None:
        self._anchor = anchor
        self._failures = 0
        self.every_ns = every_ns
        self.due_ns = 0
        self.failed = 0

    async def tell(self, head: Head, now: int) -> Held | None:
        """Tell it, and say when it is due again; nothing is raised."""
        try:
            held = await self._anchor.anchor(head)
        except Exception as exc:  # noqa: BLE001  # a fault of one, whose package it may be, stops neither others nor us
            wait = min(RETRY_NS << min(self._failures, 10), max(LONGEST_NS, self.every_ns))
            self._failures += 1
            self.failed += 1
            self.due_ns = now + wait
            logger.warning(
                "The head of %s at %d leaves is not anchored: %s. Next try in %d s.",
                head.checkpoint.origin,
                head.checkpoint.size,
                exc,
                wait // 10**9,
            )
            return None
        self._failures = 0
        self.due_ns = now + self.every_ns
        return held
