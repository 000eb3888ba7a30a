"""What the logs of a directory have of one record.

A record's id is a UUIDv7 and so has the time at which its request came. Nothing of it is older: in each log the first
leaf of that time is found by bisection, and from there on the leaves are looked through as bytes. Whoever knows how
long a request may take bounds that; an id that is nobody's then costs no more than that much of the log. There is no
table that would have to be kept, to agree, and to be erased.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from tracegate.audit.blinds import Blinds, Row
from tracegate.audit.directory import Directory
from tracegate.audit.events import Aborted, Erased, Leaf
from tracegate.audit.kinds import Final, Intent, RecordId
from tracegate.audit.leaf import read
from tracegate.audit.reading import SLACK, StoredLog, name_of

FAR = 3_600_000_000
"""µs by which the clock may have gone back, where nothing may be overlooked and nobody is in a hurry."""


@dataclass(frozen=True, slots=True)
class Stood:
    """A leaf and where it stands."""

    log: StoredLog
    index: int
    raw: bytes
    hash: bytes
    leaf: Leaf


@dataclass(slots=True)
class Found:
    """The leaves of one record; without `closing` its request may still run."""

    record_id: str
    intent: Stood | None = None
    closing: Stood | None = None

    @property
    def tenant(self) -> str | None:
        """Whose it is; `None` where no leaf says so."""
        for stood in (self.intent, self.closing):
            if stood is not None and isinstance(stood.leaf, Intent | Final | Aborted) and stood.leaf.actor is not None:
                return stood.leaf.actor.tenant
        return None


def stood(log: StoredLog, index: int, raw: bytes) -> Stood:
    """A leaf that was read, with what it says; raises `Malformed`."""
    found = read(raw)
    return Stood(log, index, raw, found.hash, found.leaf)


def first_of(closing: Stood) -> Row:
    """Where the first leaf of a record stands, by the leaf that closes it."""
    leaf, log, index = closing.leaf, closing.log.name, closing.index
    assert isinstance(leaf, Final | Aborted)  # noqa: S101  # nothing else closes a record
    if leaf.prev_intent is not None:
        index = leaf.prev_intent.index
        if leaf.prev_intent.log is not None:
            log = name_of(leaf.prev_intent.log)
    return Row(leaf.record_id, log, index)


def is_record(text: str) -> bool:
    """Whether a text has the form of a record's id, as leaves have it."""
    try:
        msgspec.convert(text, RecordId)
    except msgspec.ValidationError:
        return False
    return True


def came_at(record_id: str) -> int:
    """When a record's request came, in µs since 1970 UTC. Source: RFC 9562, section 5.7."""
    return int(record_id[3:11] + record_id[12:16], 16) * 1000


def find(directory: Directory, record_id: str, within: int | None = None) -> Found | None:
    """The intent and the closing leaf of a record; `None` where no log has either.

    Args:
        directory: With the logs.
        record_id: As a leaf has it.
        within: The longest that a request may take to its first leaf, in µs; `None` looks through all that is younger,
            whatever the clock did.

    Raises:
        Malformed: A file of a log is not what it should be.
    """
    came = came_at(record_id)
    found = Found(record_id)
    for log in reversed(directory.logs()):
        if within is not None and log.created * 1_000_000 > came + within + SLACK:
            continue
        end = None if within is None else log.until(came + within)
        _look(found, log, log.since(came - (FAR if within is None else 0)), end)
        if end is not None and found.intent is not None and found.intent.log is log:  # it may be closed at any time
            _look(found, log, end, None)
        if found.closing is not None:
            return found
    return found if found.intent is not None else None


def _look(found: Found, log: StoredLog, start: int, end: int | None) -> None:
    """Look for the leaves of a record from one index to another, until the one that closes it."""
    if found.closing is not None:
        return
    for index, raw in log.leaves(start, end, holding=f'"record_id":"{found.record_id}"'.encode()):
        hit = stood(log, index, raw)
        if isinstance(hit.leaf, Intent):
            found.intent = hit
        elif isinstance(hit.leaf, Final | Aborted):
            found.closing = hit
            return


def mentions(directory: Directory, record_id: str) -> Iterator[Stood]:
    """Every leaf that names a record, those of its erasure and of its readers too, among all that are younger.

    Raises:
        Malformed: A file of a log is not what it should be.
    """
    for log in directory.logs():
        for index, raw in log.leaves(log.since(came_at(record_id) - FAR), holding=f'"{record_id}"'.encode()):
            yield stood(log, index, raw)


class Erasures:
    """Which leaf tells of the erasure of a record; what is under a checkpoint is looked through once.

    Args:
        directory: With the logs.
    """

    __slots__ = ("_directory", "_known", "_looked")

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._known: dict[str, Stood] = {}
        self._looked: dict[str, int] = {}  # by origin, up to which index

    def of(self, record_id: str) -> Stood | None:
        """The leaf; `None` where none tells of it."""
        behind: dict[str, Stood] = {}
        for log in self._directory.logs():
            size = log.size
            for index, raw in log.leaves(self._looked.get(log.origin, 0), holding=b'"type":"erasure"'):
                hit = stood(log, index, raw)
                assert isinstance(hit.leaf, Erased)  # noqa: S101  # its type says so
                known = self._known if index < size else behind
                for erased in hit.leaf.record_ids:
                    known.setdefault(erased, hit)
            self._looked[log.origin] = size
        return self._known.get(record_id) or behind.get(record_id)


def blinding_of(closing: Stood, blinds: Blinds, erasures: Erasures) -> tuple[bytes | None, int | None]:
    """The blinding of a record; where it is not there any more, the index of the leaf that tells of its erasure."""
    first = first_of(closing)
    r = blinds.r(first.record_id, first)
    told = erasures.of(first.record_id) if r is None else None
    return r, None if told is None else told.index
