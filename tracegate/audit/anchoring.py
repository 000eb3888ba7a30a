"""Anchors: somebody outside is told of a log's heads, so that its keeper can't take back what he published.

A log whose keeper has its key can be written anew from the start, and nobody who sees only that log notices. Whoever
else holds a head does. What is told is a head and nothing more: neither a leaf nor anything of a request.

An anchor is a class with one method; packages give theirs to the entry point group `tracegate.anchors`, by kind. The
kind `witness` is built in. A time stamp of RFC 3161 over the checkpoint (`rfc3161`) and an object that a store has
locked (`object-lock`) need a client each that is not among our dependencies: they are for packages to bring.
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
        proof: What they gave: of a witness the checkpoint with its signature below the log's.
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

    async def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes, timeout_ns: int) -> Answered:
        """Post it and return the answer; raises `OSError` where there is none."""


Make = Callable[[Mapping[str, str], Post], Anchor]
"""What a package gives to the entry point group: an anchor of its settings. It raises `ConfigError`."""


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
    """Tells every anchor of the newest head, from time to time.

    Args:
        anchors: Who is told.
        head: The newest head, `None` where there is none.
        held: Takes what the anchors gave: each becomes a leaf.
        clock: Times it.
        every_ns: Time between two heads.
    """

    def __init__(
        self,
        anchors: Sequence[Anchor],
        head: Callable[[], Awaitable[Head | None]],
        held: Callable[[Head, Sequence[Held]], Awaitable[None]],
        clock: Clock,
        every_ns: int = EVERY_NS,
    ) -> None:
        self._anchors = anchors
        self._head = head
        self._held = held
        self._clock = clock
        self._every_ns = every_ns

    async def run(self) -> None:
        """Tell them until cancelled; what goes wrong is logged, and tried again with the next head."""
        while True:
            await self._clock.sleep_until(self._clock.now() + self._every_ns)
            await self.tell()

    async def tell(self) -> None:
        """Tell all of them once, at the same time; nothing is raised."""
        try:
            head = await self._head()
            if head is None:
                return
            told = await asyncio.gather(*(self._tell(anchor, head) for anchor in self._anchors))
            if held := [one for one in told if one is not None]:
                await self._held(head, held)
        except (Malformed, OSError) as exc:
            logger.warning("The head of the audit log can't be told: %s.", exc)

    async def _tell(self, anchor: Anchor, head: Head) -> Held | None:
        try:
            return await anchor.anchor(head)
        except Exception as exc:  # noqa: BLE001  # a fault of one, whose package it may be, stops neither others nor us
            size, origin = head.checkpoint.size, head.checkpoint.origin
            logger.warning("The head of %s at %d leaves is not anchored: %s.", origin, size, exc)
            return None
