"""What stands in the audit logs of a folder, read from their files: the second opinion on what a gateway tells of them.

It shares no code with the gateway. A log is read while it is written, so what is read last may be half there.
Source: section 7 of the audit formats: frames of a segment, the text of a checkpoint.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_HEAD = 8
"""Bytes before a leaf: its length, and a check of it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One log.

    Args:
        origin: Its name.
        types: How many leaves of each type it has.
        published: The size that its checkpoint says.
        records: Ids of those that are closed by a final.
    """

    origin: str
    types: Mapping[str, int] = field(default_factory=Counter)
    published: int = 0
    records: tuple[str, ...] = ()

    @property
    def leaves(self) -> int:
        """How many it has."""
        return sum(self.types.values())


NONE = Kept("")
"""No log."""


def kept(log: Path) -> Kept:
    """The log of a folder; an empty one where none is kept."""
    named = log / "log.json"
    if not named.exists():
        return NONE
    origin = json.loads(named.read_bytes())["origin"]
    leaves = [json.loads(leaf) for leaf in _leaves(log)]
    records = tuple(leaf["record_id"] for leaf in leaves if leaf["type"] == "final")
    published = int((log / "checkpoint").read_text("utf-8").split("\n")[1])
    return Kept(origin, Counter(leaf["type"] for leaf in leaves), published, records)


def _leaves(log: Path) -> Iterator[bytes]:
    for segment in sorted((log / "segments").glob("*.seg")):
        raw, at = segment.read_bytes(), 0
        while (end := at + _HEAD + int.from_bytes(raw[at : at + 4], "big")) <= len(raw) and at + _HEAD <= len(raw):
            yield raw[at + _HEAD : end]
            at = end
