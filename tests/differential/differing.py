"""Compares what was seen on the two ways, to the last member, and names each place where they differ.

It knows nothing of what may differ: that is the table's. JSON is read so that nothing is lost of it: members in order
and as often as they came, numbers as they were written.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

BEGINNING = 16  # bytes that tell an event of one kind from that of another: `data: {"error":{`


class Absent:
    """What is not there."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


class Number(str):
    """A number of JSON as it was written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Difference:
    """One place, and what each way showed there."""

    place: str
    direct: Any
    through: Any

    def __str__(self) -> str:
        return f"{self.place}\n    direct:  {self.direct!r:.600}\n    through: {self.through!r:.600}"


def read_json(data: bytes) -> Any:
    """Any JSON, with half surrogate pairs and numbers of any size; a name that comes again is marked by its count.

    Raises:
        ValueError: It is none, or not UTF-8.
    """
    return json.loads(
        data.decode("utf-8-sig"),
        object_pairs_hook=_members,
        parse_int=Number,
        parse_float=Number,
        parse_constant=Number,
    )


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    counts = Counter[str]()
    members = {}
    for name, value in pairs:
        counts[name] += 1
        members[name if counts[name] == 1 else f"{name}#{counts[name]}"] = value
    return members


def differences(direct: Any, through: Any, place: str = "") -> list[Difference]:
    """Every place where the two differ; the order of members counts, and so does the type of each value."""
    if isinstance(direct, dict) and isinstance(through, dict):
        return _of_members(direct, through, place)
    if isinstance(direct, list) and isinstance(through, list):
        return _of_items(direct, through, f"{place}[]")
    if type(direct) is type(through) and (direct == through or repr(direct) == repr(through)):  # not a number is none
        return []
    return [Difference(place, direct, through)]


def _of_members(direct: dict[str, Any], through: dict[str, Any], place: str) -> list[Difference]:
    found = []
    shared = [name for name in direct if name in through]
    order = [name for name in through if name in direct]
    if shared != order:
        found.append(Difference(f"{place} order", shared, order))
    for name in [*direct, *(name for name in through if name not in direct)]:
        inner = f"{place}.{name}" if place else name
        found += differences(direct.get(name, ABSENT), through.get(name, ABSENT), inner)
    return found


def _of_items(direct: list[Any], through: list[Any], place: str) -> list[Difference]:
    """Items in order: those that are missing, those that were added, and the places within those that changed."""
    found = []
    keys = ([repr(item) for item in direct], [repr(item) for item in through])
    for what, i, j, k, m in SequenceMatcher(a=keys[0], b=keys[1], autojunk=False).get_opcodes():
        if what == "equal":
            continue
        for left, right in zip_longest(direct[i:j], through[k:m], fillvalue=ABSENT):
            if _alike(left, right):
                found += differences(left, right, place)
            else:
                found += [Difference(place, left, ABSENT)] * (left is not ABSENT)
                found += [Difference(place, ABSENT, right)] * (right is not ABSENT)
    return found


def _alike(left: Any, right: Any) -> bool:
    """Whether two items are one that changed: texts that begin alike, or end as the half of the shorter one does."""
    if not isinstance(left, bytes) or not isinstance(right, bytes):
        return isinstance(left, dict) and isinstance(right, dict)
    if left[:BEGINNING] == right[:BEGINNING]:
        return True
    left, right = (b"\n".join(text.splitlines()) for text in (left, right))
    return 2 * (_shared(left, right) + _shared(left[::-1], right[::-1])) >= min(len(left), len(right))


def _shared(left: bytes, right: bytes) -> int:
    """How many bytes both begin with."""
    return next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
