"""Whether the leaves of a log make sense together: what no hash can tell.

Each record has one intent at most and is closed once; a final is equal to its intent; a log begins with `log.open`;
after `log.close` only `log.open` follows, and after one that rotates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracegate.audit.events import Aborted, Amend, Closed, Erased, Leaf, Opened, Read
from tracegate.audit.kinds import Asked, At, Envelope, Final, Intent, Tried
from tracegate.audit.leaf import ReadLeaf

REPEATED = sorted(set(Asked.__struct_fields__) - set(Envelope.__struct_fields__))
"""What an intent says and a leaf that closes it says too."""


class Meaning:
    """What was read of a log so far.

    Args:
        origin: Of the log.
        start: The first leaf that is read; those before it were pruned, so nothing is said of what began there.
    """

    def __init__(self, origin: str, start: int = 0) -> None:
        self._origin = origin
        self._start = start
        self._open: dict[str, tuple[At, Intent]] = {}
        self._closed: dict[str, tuple[int, str]] = {}
        self._left: set[str] = set()  # open since before the last `log.open`
        self._last: Closed | None = None
        self._begun = start > 0

    @property
    def open_intents(self) -> list[str]:
        """Records whose intent is not closed."""
        return list(self._open)

    def faults(self, index: int, read: ReadLeaf) -> Iterator[str]:
        """What is wrong with the next leaf."""
        leaf = read.leaf
        if leaf.log != self._origin:
            yield f"it is of `{leaf.log}`"
        yield from self._place(leaf)
        match leaf:
            case Intent():
                yield from self._asked(index, read.hash.hex(), leaf)
            case Final():
                yield from self._answered(leaf)
                self._closed[leaf.record_id] = (index, read.hash.hex())
            case Aborted():
                yield from self._ended(leaf, leaf.prev_intent)
                self._closed[leaf.record_id] = (index, read.hash.hex())
            case Amend():
                yield from self._amended(leaf)
            case Read() | Erased() if len(leaf.record_ids) > leaf.count:
                yield f"{len(leaf.record_ids)} records; it counts {leaf.count}"
            case _:
                pass

    def _place(self, leaf: Leaf) -> Iterator[str]:
        if isinstance(leaf, Opened):
            if self._last is not None and self._last.reason == "rotate":
                yield "it stands behind the end of the log"
            self._left = set(self._open)
            self._last, self._begun = None, True
            return
        if not self._begun:
            yield "the log does not begin with `log.open`"
            self._begun = True
        if self._last is not None:
            yield "it stands behind `log.close`"
        if isinstance(leaf, Closed):
            self._last = leaf
            if leaf.open_intents < len(self._open) or (leaf.open_intents > len(self._open) and not self._start):
                yield f"it counts {leaf.open_intents} open intents; there are {len(self._open)}"

    def _asked(self, index: int, hashed: str, leaf: Intent) -> Iterator[str]:
        if leaf.record_id in self._open or leaf.record_id in self._closed:
            yield f"a second intent of {leaf.record_id}"
        if self._left:
            yield f"an intent while {len(self._left)} of an earlier run are open"
            self._left = set()
        self._open[leaf.record_id] = (At(index=index, hash=hashed), leaf)

    def _answered(self, leaf: Final) -> Iterator[str]:
        yield from self._ended(leaf, leaf.prev_intent)
        if leaf.t_end < leaf.t_start:
            yield "it ended before it began"
        numbers = [tried.n for tried in leaf.attempts]
        if numbers != sorted(set(numbers)):
            yield "its attempts are not in their order"
        yield from _without_end(leaf.attempts)

    def _ended(self, leaf: Final | Aborted, prev: At | None) -> Iterator[str]:
        record = leaf.record_id
        if record in self._closed:
            yield f"{record} is closed already"
        known = self._open.pop(record, None)
        self._left.discard(record)
        if prev is not None and prev.log is not None and prev.log != self._origin:
            if known is not None:
                yield f"{record} has an intent here and one in `{prev.log}`"
        elif known is None:
            if prev is not None and prev.index >= self._start:
                yield f"its intent is not leaf {prev.index}"
        elif prev is None or (prev.index, prev.hash) != (known[0].index, known[0].hash):
            yield f"its intent is leaf {known[0].index}, and it does not say so"
        else:
            for name in REPEATED:
                said = getattr(leaf, name, None)
                if said != getattr(known[1], name) and (said is not None or isinstance(leaf, Final)):
                    yield f"`{name}` is another than in its intent"

    def _amended(self, leaf: Amend) -> Iterator[str]:
        if leaf.of.index >= self._start and self._closed.get(leaf.record_id) != (leaf.of.index, leaf.of.hash):
            yield f"leaf {leaf.of.index} does not close {leaf.record_id}"
        yield from _without_end(leaf.attempts)


def _without_end(attempts: list[Tried]) -> Iterator[str]:
    for tried in attempts:
        if (tried.dur_us is None) != (tried.outcome == "open"):
            yield f"attempt {tried.n} is `{tried.outcome}` {'without' if tried.dur_us is None else 'with'} an end"
