"""A sink compared with the logs that were shipped to it: every leaf that is missing, altered, or there twice, by name.

What a log should have is its tree: its leaves must give the signed root, and a leaf at the sink must have the hash of
the leaf in its place. A leaf that was not acknowledged yet is not missing, and not proved either. A leaf may be at a
sink more than once, as all that is sent at least once; that is said, and nothing is wrong.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from tracegate.audit.checkpoint import Checkpoint, open_checkpoint
from tracegate.audit.encodings import base64_of
from tracegate.audit.events import Pruned
from tracegate.audit.folder import Folder
from tracegate.audit.keys import Key
from tracegate.audit.leaf import read
from tracegate.audit.merkle import leaf_hash, root
from tracegate.audit.offsets import Offset, Span, count, merged, without
from tracegate.audit.reading import StoredLog
from tracegate.audit.sinks import Found, Unread
from tracegate.audit.tiles import HASH, HEIGHT, WIDTH, TileNodes, root_of
from tracegate.audit.verdict import Check, Report, Result
from tracegate.errors import Malformed

_PRUNE = b'"type":"prune"'


class Book:
    """What one log should have at a sink, and what was found there.

    Args:
        log: As it is on disk.
        offset: What the sink acknowledged; `None` where nobody wrote that down: then all of it should be there.
        key: The log's, from the caller; without it the log vouches for itself, and is never green.
    """

    def __init__(self, log: StoredLog, offset: Offset | None, key: Key | None) -> None:
        self.log = log
        self.checks: list[Check] = []
        self.numbers: Counter[str] = Counter()
        self._offset = offset
        self._first = 0  # where it begins; 0 unless it was pruned
        self._size = 0
        self._hashes = bytearray()  # of its leaves
        self._times = array("I")  # how often the sink has each of them
        self._altered: list[Found] = []
        self._ahead: list[Found] = []
        try:
            if (head := self._head(key)) is not None:
                self._read(head)
        except Malformed as exc:
            self._add("log", "fail", str(exc))

    def find(self, leaf: Found) -> None:
        """Note a leaf that the sink has of this log."""
        self.numbers["found"] += 1
        at = leaf.index - self._first
        if leaf.index >= self._size:
            self._ahead.append(leaf)
        elif at >= 0:  # else it was pruned, and there is nothing to compare it with
            if leaf_hash(leaf.raw) == self._hash(at):
                self._times[at] += 1
            else:
                self._altered.append(leaf)

    def close(self) -> tuple[Span, ...]:
        """Judge what was found, once all of the sink was read; returns what it acknowledged and lacks."""
        self._judge_ahead()
        lacking = merged(*((at, at + 1) for at, times in enumerate(self._times, self._first) if not times))
        settled = self._size if self._offset is None else self._offset.next
        lost = merged(*((start, min(end, settled)) for start, end in lacking))
        missing = lost
        for leaf in self._altered:
            self._add("altered", "fail", f"another than in the log, at {leaf.place}", leaf.index)
            missing = without(missing, (leaf.index, leaf.index + 1))
        unshipped = merged(*((max(start, settled), end) for start, end in lacking))
        for span in missing:
            self._tell("missing", "fail", "not at the sink", span)
        for span in unshipped:
            self._tell("unshipped", "missing", "not acknowledged by the sink yet", span)
        for span, times in self._often():
            self._tell("duplicates", "pass", f"{times} times at the sink", span)
            self.numbers["duplicates"] += count([span]) * (times - 1)
        held = len(self._times) - count(lacking)
        self.numbers += Counter(
            leaves=len(self._times), missing=count(missing), altered=len(self._altered), unshipped=count(unshipped)
        )
        self._add("leaves", "pass", f"{held} of {len(self._times)} are at the sink as they are in the log")
        return lost

    def _head(self, key: Key | None) -> Checkpoint | None:
        """Its signed head, by the key that is trusted."""
        head = self.log.head()
        if head is None:
            self._add("checkpoint", "missing", "there is none yet")
            return None
        checkpoint = head.checkpoint if key is None else open_checkpoint(head.note, key)
        if key is None:
            self._add("key", "missing", "no key was given for it: the log vouches for itself")
        self._add("checkpoint", "pass", f"{checkpoint.size} leaves, root {base64_of(checkpoint.root)}")
        return checkpoint

    def _read(self, head: Checkpoint) -> None:
        """Read the hashes of its leaves, and hold them to the signed root."""
        first, pruned = head.size, 0
        for index, raw in self.log.leaves():
            if index >= head.size:
                break
            first = min(first, index)
            self._hashes += leaf_hash(raw)
            if _PRUNE in raw and isinstance(leaf := read(raw).leaf, Pruned):
                pruned = max(pruned, leaf.min_index)
        self._first = first
        if first > pruned:
            raise Malformed(f"its leaves below {first} are gone, and no leaf says that they were pruned")
        tiles = TileNodes(head.size, Folder(self.log.folder).read)

        def bundle(index: int) -> bytes:
            return tiles(HEIGHT, index) if index * WIDTH < first else self._over(index * WIDTH, WIDTH)

        def node(level: int, index: int) -> bytes:
            if level < HEIGHT:
                return self._over(index << level, 1 << level)
            above = level - HEIGHT
            return root_of([bundle(at) for at in range(index << above, (index + 1) << above)])

        if root(head.size, node) != head.root:
            raise Malformed("its leaves do not give the root of its checkpoint")
        self._times = array("I", bytes(4 * (head.size - first)))
        self._size = head.size

    def _over(self, start: int, many: int) -> bytes:
        """The root over leaves that were read."""
        return root_of([self._hash(at) for at in range(start - self._first, start - self._first + many)])

    def _hash(self, at: int) -> bytes:
        return bytes(self._hashes[at * HASH : at * HASH + HASH])

    def _judge_ahead(self) -> None:
        """What was behind the checkpoint that was read: the log has grown since, or the leaf is none of it."""
        for leaf in self._ahead:
            try:
                raw = self.log.leaf(leaf.index)
            except Malformed:  # told already
                continue
            if raw is None:
                self._add("unknown", "fail", f"the log has no such leaf: {leaf.place}", leaf.index)
            elif raw != leaf.raw:
                self._altered.append(leaf)

    def _often(self) -> Iterator[tuple[Span, int]]:
        """Runs of leaves that are there more than once, equally often."""
        for times, run in groupby(enumerate(self._times, self._first), key=itemgetter(1)):
            if times > 1:
                indices = [index for index, _ in run]
                yield (indices[0], indices[-1] + 1), times

    def _tell(self, check: str, result: Result, what: str, span: Span) -> None:
        start, end = span
        self._add(check, result, what if end - start == 1 else f"{what}; {end - start} leaves, to {end - 1}", start)

    def _add(self, check: str, result: Result, detail: str, index: int | None = None) -> None:
        self.checks.append(Check(check, result, detail, index=index, log=self.log.origin))


def reconcile(books: Sequence[Book], found: Iterable[Found | Unread]) -> tuple[Report, Mapping[str, tuple[Span, ...]]]:
    """Compare.

    Args:
        books: Of all logs that were shipped.
        found: What the sink has, in any order; it is read once, after the logs.

    Returns:
        What was found, and by the name of each log what the sink acknowledged and lacks.
    """
    by_origin = {book.log.origin: book for book in books}
    report = Report()
    others: Counter[str] = Counter()
    for one in found:
        if isinstance(one, Unread):
            report.add("unread", "pass", f"{one.place}: {one.why}; what it held is missing unless it is elsewhere")
        elif (book := by_origin.get(one.log)) is not None:
            book.find(one)
        else:
            others[one.log] += 1
    report.checks += [Check("other log", "pass", f"{times} leaves", log=log) for log, times in sorted(others.items())]
    lost: dict[str, tuple[Span, ...]] = {}
    numbers: Counter[str] = Counter()
    for book in books:
        lost[book.log.name] = book.close()
        report.checks += book.checks
        numbers.update(book.numbers)
    kinds = ("leaves", "found", "missing", "altered", "duplicates", "unshipped")
    report.facts.update({"logs": len(books), **{kind: numbers[kind] for kind in kinds}})
    return report, lost
