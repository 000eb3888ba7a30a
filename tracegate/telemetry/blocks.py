"""Attributes in two parts: blocks that many spans share, and what is a span's own.

Most of what a span says is the same for thousands of spans: the target, the route, the caller's key, how it ended. Such
a part is a `Block`, made once for each combination of values by a cached pure function, so that an encoder can keep its
bytes by the block's identity. To everybody else `Attributes` is one mapping.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracegate.telemetry.model import Value

KEPT = 512
"""Combinations kept by each function that makes blocks: more than a configuration has, whatever clients send."""


class Block:
    """Attributes that many spans share; equal only to itself."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Value | None]) -> None:
        self.values: dict[str, Value] = {key: value for key, value in values.items() if value is not None}


class Attributes(Mapping[str, Value]):
    """The attributes of one span; no key is in two parts.

    Args:
        blocks: The shared parts.
        own: The rest.
    """

    __slots__ = ("blocks", "own")

    def __init__(self, blocks: tuple[Block, ...], own: dict[str, Value]) -> None:
        self.blocks = blocks
        self.own = own

    def __getitem__(self, key: str) -> Value:
        for block in self.blocks:
            if key in block.values:
                return block.values[key]
        return self.own[key]

    def __iter__(self) -> Iterator[str]:
        for block in self.blocks:
            yield from block.values
        yield from self.own

    def __len__(self) -> int:
        return len(self.own) + sum(len(block.values) for block in self.blocks)

    def __repr__(self) -> str:
        return f"Attributes({dict(self)})"
