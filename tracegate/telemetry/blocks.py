"""Attributes in parts: blocks that many requests share, what the spans of one share, and what is a span's own.

Most of what a span says is the same for thousands of spans: the target, the route, the caller's key, how it ended. Such
a part is a `Block`, made once for each combination of values by a cached pure function, so that an encoder can keep its
bytes with it. To everybody else `Attributes` is one mapping.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracegate.telemetry.model import Value

KEPT = 512
"""Combinations kept by each function that makes blocks: more than a configuration has, whatever clients send."""

NOTHING: dict[str, Value] = {}
"""What a span shares with no other; never written to."""


class Block:
    """Attributes that many spans share; equal only to itself.

    It has room for its bytes: `entries`, as `by` wrote them.
    """

    __slots__ = ("by", "entries", "values")

    def __init__(self, values: Mapping[str, Value | None]) -> None:
        self.by: object = None
        self.entries = b""
        self.values: dict[str, Value] = {key: value for key, value in values.items() if value is not None}


class Attributes(Mapping[str, Value]):
    """The attributes of one span; no key is in two parts.

    Args:
        blocks: The parts that many requests share.
        own: The span's own.
        shared: The part that several spans of one request share: the very same dictionary in each of them.
    """

    __slots__ = ("blocks", "own", "shared")

    def __init__(self, blocks: tuple[Block, ...], own: dict[str, Value], shared: dict[str, Value] = NOTHING) -> None:
        self.blocks = blocks
        self.own = own
        self.shared = shared

    def __getitem__(self, key: str) -> Value:
        for block in self.blocks:
            if key in block.values:
                return block.values[key]
        return self.shared[key] if key in self.shared else self.own[key]

    def __iter__(self) -> Iterator[str]:
        for block in self.blocks:
            yield from block.values
        yield from self.shared
        yield from self.own

    def __len__(self) -> int:
        return len(self.shared) + len(self.own) + sum(len(block.values) for block in self.blocks)

    def __repr__(self) -> str:
        return f"Attributes({dict(self)})"
