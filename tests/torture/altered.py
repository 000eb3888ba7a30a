"""A log of a thousand leaves, and everything that can be done to one byte, one leaf or one file of it.

`fsck` looks for faults to the end; here the first one is enough, and what was read, hashed or verified once is known.
Nothing else differs from what `tracegate audit fsck` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn
from unittest import mock

from tests.audit.leaves import ASKED, HEX
from tests.audit.made import SIGNER, Files, log_files
from tests.audit.vectors import ORIGIN
from tracegate.audit import fsck as check
from tracegate.audit import segments, tiles
from tracegate.audit.checkpoint import open_checkpoint
from tracegate.audit.events import Closed, Heartbeat, Opened
from tracegate.audit.kinds import At, Final, Gateway, Intent, Res
from tracegate.audit.leaf import read, write
from tracegate.audit.merkle import leaf_hash, node_hash

LEAVES = 1_000
RECORDS = 60
FILES = 32
"""More than it has: so many are remembered."""

SEGMENTS = (0, 300, 700)
"""Where its segments begin."""

OTHERS: dict[str, Any] = {
    "v": 1,
    "log": ORIGIN,
    "gateway": Gateway(node="n", run="r", version="1", config_digest=HEX),
    "t": 1_795_359_162_000_000,  # in the second of its `log.json`
}
"""What leaves have that are of no record."""


def thousand() -> list[bytes]:
    """Leaves that make sense: opened, records with intent and final, heartbeats, closed."""
    made = [write(Opened(**OTHERS, reason="new"))]
    for n in range(RECORDS):
        made.append(write(Intent(**asked(n))))
        made.append(write(final(n, place(made))))
    while len(made) < LEAVES - 1:
        made.append(write(Heartbeat(**OTHERS | {"t": OTHERS["t"] + len(made)}, open_intents=0)))
    return [*made, write(Closed(**OTHERS, reason="stop", open_intents=0))]


def place(leaves: list[bytes]) -> At:
    """Of the last leaf."""
    return At(index=len(leaves) - 1, hash=leaf_hash(leaves[-1]).hex())


def record(n: int) -> str:
    """The id of the n-th record."""
    return f"tg-0199c0de-7d3a-7c11-8f2e-{n:012x}"


def asked(n: int) -> dict[str, Any]:
    """What the n-th record says of its request."""
    return ASKED | {"v": 1, "log": ORIGIN, "gateway": OTHERS["gateway"], "record_id": record(n)}


def final(n: int, at: At | None, **other: Any) -> Final:
    """The end of the n-th record, as short as it can be, or saying something else."""
    res = Res(status=200, media="application/json", bytes=9, ended="complete", commit_wire=HEX)
    said: dict[str, Any] = {**asked(n), "prev_intent": at, "outcome": "ok", "retention_class": "default", "res": res}
    return Final(**{**said, "t_end": said["t_start"] + 1, "attempts": [], "served": [], **other})


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is done to one file.

    Args:
        name: Of the file.
        at: The byte.
        how: What is done to it, of `HOW`.
    """

    name: str
    at: int
    how: str

    def to(self, files: Files) -> Files:
        """A log after it."""
        raw = files[self.name]
        return Files({**files, self.name: HOW[self.how](raw, self.at)})


HOW: dict[str, Callable[[bytes, int], bytes]] = {
    "changed": lambda raw, at: raw[:at] + bytes((raw[at] ^ (1 << at % 8),)) + raw[at + 1 :],
    "deleted": lambda raw, at: raw[:at] + raw[at + 1 :],
    "doubled": lambda raw, at: raw[:at] + raw[at : at + 1] + raw[at:],
    "swapped": lambda raw, at: raw[:at] + raw[at + 1 : at + 2] + raw[at : at + 1] + raw[at + 2 :],
    "cut": lambda raw, at: raw[:at],
}
"""What can be done at a byte; which bit is changed goes round, so that all eight have their turn."""


def changes(name: str, raw: bytes, start: int = 0, end: int | None = None, step: int = 1) -> Iterator[Change]:
    """Everything that can be done to a part of a file, at every so many bytes, that leaves another one."""
    for at in range(start, len(raw) if end is None else min(end, len(raw)), step):
        for how in HOW:
            if how != "swapped" or (at + 1 < len(raw) and raw[at] != raw[at + 1]):
                yield Change(name, at, how)


def found(files: Files) -> bool:
    """Whether `fsck` finds something in a log."""
    try:
        return check.fsck(files, SIGNER.key).code != 0
    except _Found:
        return True


@contextmanager
def quick() -> Iterator[None]:
    """Let `found` end with the first fault, and read, hash and verify nothing twice."""
    hashed = lru_cache(2 * LEAVES)(leaf_hash)
    once: dict[str, Any] = {
        "read": lru_cache(2 * LEAVES)(read),
        "scan": lru_cache(FILES)(segments.scan),
        "leaf_hash": hashed,
        "open_checkpoint": lru_cache(FILES)(open_checkpoint),
    }
    of_tiles: dict[str, Any] = {
        "entries_of": lru_cache(FILES)(tiles.entries_of),
        "node_hash": lru_cache(2 * LEAVES)(node_hash),
    }
    with (
        mock.patch.multiple(check, _Check=_First, **once),
        mock.patch.object(segments, "leaf_hash", hashed),
        mock.patch.multiple(tiles, **of_tiles),
    ):
        yield


class _Found(Exception):
    """A fault."""


class _First(check._Check):
    def _fail(self, check: str, detail: str, file: str | None = None, index: int | None = None) -> NoReturn:
        raise _Found


def thousand_files() -> Files:
    """The files of its log."""
    return log_files(thousand(), segments=SEGMENTS)


def rewritten(leaves: list[bytes], published: Files) -> Files:
    """A log of other leaves by somebody without the key: everything fits, but for the checkpoint."""
    files = log_files(leaves, segments=tuple(start for start in SEGMENTS if start < len(leaves)))
    files["checkpoint"] = published["checkpoint"]
    return files
