"""The items of a stream. Everything is a stream: a unary answer is one chunk and a final."""

from __future__ import annotations

from collections.abc import Sequence

from tracegate.facts import Usage

Texts = Sequence[tuple[int, str]]


class Chunk:
    """What one read brought: one or more whole events, ready to send, or a unary body.

    Args:
        data: Bytes to send on, unchanged.
        count: Data events in it (1 for a unary body).
        output: More than a role or a filter verdict is in it (ruling 39).
        texts: `(choice, text)` of each delta that has a `content` of text, in order, for who would decode them again;
            `None` where nobody has.
    """

    __slots__ = ("count", "data", "output", "texts")

    def __init__(self, data: bytes, count: int = 1, output: bool = True, texts: Texts | None = None) -> None:
        self.data = data
        self.count = count
        self.output = output
        self.texts = texts

    def __repr__(self) -> str:
        return f"Chunk({len(self.data)} bytes, count={self.count}, output={self.output})"


class Final:
    """Closes the books of an answer: exactly one, always last."""

    __slots__ = ("finish_reasons", "usage")

    def __init__(self, usage: Usage | None = None, finish_reasons: tuple[str, ...] = ()) -> None:
        self.usage = usage
        self.finish_reasons = finish_reasons

    def __repr__(self) -> str:
        return f"Final({self.usage}, {self.finish_reasons})"


Event = Chunk | Final
