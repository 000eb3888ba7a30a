"""What the leaves `anchor` of a log say: that others hold a head, which must be one of this log; and their time stamps.

Of the kinds but `witness` a proof is the checkpoint as it was published, an empty line, and one line of what they gave:

    <checkpoint, a signed note>
    <empty line>
    <rfc3161: base64 of the DER of the TimeStampResp; object-lock: version and date>

So a leaf alone has all that its stamp is over. Time stamps are checked by whoever pins an authority; this module knows
no ASN.1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Protocol

from tracegate.audit.checkpoint import open_checkpoint
from tracegate.audit.encodings import from_base64
from tracegate.audit.events import Anchored
from tracegate.audit.keys import Key
from tracegate.errors import Malformed

Fault = tuple[str, str]
"""Name of a check, and what is wrong."""


class Authorities(Protocol):
    """Time-stamp authorities that are trusted."""

    def stamped(self, response: bytes, note: bytes) -> datetime:
        """When they stamped a checkpoint; raises `Malformed` where they did not."""


def proof_of(note: str, given: str) -> str:
    """A proof: the checkpoint, and a line of what was given for it."""
    return f"{note}\n{given}\n"


def parted(proof: str) -> tuple[str, str]:
    """The checkpoint and the line of a proof.

    Raises:
        Malformed: It is no such proof.
    """
    note, found, given = proof.rpartition("\n\n")
    if not found or not given.endswith("\n") or "\n" in given[:-1]:
        raise Malformed("a proof is a checkpoint, an empty line, and a line")
    return f"{note}\n", given[:-1]


def stamp_of(leaf: Anchored, key: Key) -> tuple[bytes, bytes]:
    """The time stamp of a leaf and the checkpoint that it is over, which is the head that the leaf names.

    Raises:
        Malformed: It has none, or it is of another head.
    """
    note, given = parted(leaf.proof)
    head = open_checkpoint(note, key)
    if (head.size, head.root.hex()) != (leaf.size, leaf.root):
        raise Malformed(f"its proof is of another head, of {head.size} leaves")
    return from_base64(given), note.encode()


class Heads:
    """The heads that the leaves of a log say are held by others, checked one after the other.

    Args:
        key: Of the log.
        root: The root of its first so many leaves; raises `LookupError` where they were pruned.
        authorities: Whose time stamps are to be checked; `None`: nobody's.
    """

    def __init__(self, key: Key, root: Callable[[int], bytes], authorities: Authorities | None) -> None:
        self._key = key
        self._root = root
        self._authorities = authorities
        self._kinds: Counter[str] = Counter()
        self._last: tuple[datetime, int] | None = None

    def faults(self, index: int, leaf: Anchored) -> Iterator[Fault]:
        """What is wrong with the next one."""
        self._kinds[leaf.kind] += 1
        if leaf.size > index:
            yield "anchors", f"a head of {leaf.size} leaves, which were not there yet"
            return
        try:
            other = self._root(leaf.size).hex() != leaf.root
        except LookupError:  # it ends in what was pruned, of which the head that is signed tells
            other = False
        if other:
            yield "anchors", f"its head of {leaf.size} leaves is no prefix of the log"
        if leaf.kind == "rfc3161" and self._authorities is not None:
            try:
                self._last = (self._authorities.stamped(*stamp_of(leaf, self._key)), leaf.size)
            except Malformed as exc:
                yield "time stamps", str(exc)

    def told(self) -> str | None:
        """Of which kinds they were; `None` where there was none."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self._kinds.items()))
        return f"each a prefix of the log: {kinds}" if kinds else None

    def stamps(self) -> str | None:
        """How many time stamps there were, and the last that holds; `None` where none does."""
        if self._last is None:
            return None
        at, size = self._last
        return f"{self._kinds['rfc3161']}; the last at {at:%Y-%m-%dT%H:%M:%SZ}, over {size} leaves"
