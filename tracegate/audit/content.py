"""The text of each choice of an answer, from its bytes: a body of JSON, or a stream of server-sent events.

A lenient reader: what it can't read has no text. It is no parser for the path of a request; the dialects have those.
Writer and verifier of a leaf both read with it, so what it can't read is the same for both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

Texts = dict[int, object]
"""By choice: the `content` of its message, as it came."""

CHOICES = 128
"""Most choices of one answer whose text is told of. Source: OpenAI's API reference, `n`."""

_LINE = re.compile(r"\r\n|\n|\r")


def texts_of_body(body: bytes) -> Texts:
    """The contents of a whole answer's messages."""
    return texts_of_value(_value(body.decode(errors="surrogateescape")))


def texts_of_value(value: object) -> Texts:
    """As `texts_of_body`, of a body that was parsed."""
    texts: Texts = {}
    for position, choice in enumerate(_choices(value)):
        message = choice.get("message")
        if isinstance(message, dict) and (index := _index(choice.get("index"), position)) < CHOICES:
            texts[index] = message.get("content")
    return texts


def texts_of_stream(stream: bytes) -> Texts:
    """The contents of a stream's deltas, joined."""
    texts = StreamTexts()
    texts.feed(stream)
    return texts.joined()


class _Delta(msgspec.Struct, gc=False):
    content: Any = None


class _Choice(msgspec.Struct, gc=False):
    index: Any = None
    delta: _Delta | None = None


class _Event(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None


_quick = msgspec.json.Decoder(_Event).decode


class StreamTexts:
    """The contents of a stream's deltas, taken while it is sent, in pieces that are whole events."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: dict[int, list[str]] = {}

    def feed(self, data: bytes) -> None:
        """Take some events."""
        if 13 in data or not data.endswith(b"\n\n"):
            self._slowly(data)
            return
        for event in data[:-2].split(b"\n\n"):  # nearly every event is one line
            if event.startswith(b"data: ") and 10 not in event:
                try:
                    found = _quick(event[6:])
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # the lenient reader knows more
                    self._slowly(event + b"\n\n")
                    continue
                for position, choice in enumerate(found.choices or ()):
                    if choice.delta is not None:
                        self._add(choice.index, position, choice.delta.content)
            else:
                self._slowly(event + b"\n\n")

    def take(self, texts: Iterable[tuple[int, str]]) -> None:
        """Take the contents of some events that were decoded before, each with its choice."""
        for index, text in texts:
            self._add(index, 0, text)

    def joined(self) -> Texts:
        """By choice, what has come."""
        return {index: "".join(parts) for index, parts in self._parts.items()}

    def _slowly(self, data: bytes) -> None:
        for text in events(data):
            for position, choice in enumerate(_choices(_value(text))):
                delta = choice.get("delta")
                if isinstance(delta, dict):
                    self._add(choice.get("index"), position, delta.get("content"))

    def _add(self, index: object, position: int, content: object) -> None:
        if isinstance(content, str) and (choice := _index(index, position)) < CHOICES:
            self._parts.setdefault(choice, []).append(content)


def events(stream: bytes) -> Iterator[str]:
    """The data of each event. Source: HTML standard, section 9.2.6, without ids and event names."""
    data: list[str] = []
    for line in _LINE.split(stream.decode(errors="surrogateescape")):
        name, _, value = line.partition(":")
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif name == "data":
            data.append(value.removeprefix(" "))


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _choices(value: object) -> list[dict[str, Any]]:
    choices = value.get("choices") if isinstance(value, dict) else None
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _index(index: object, position: int) -> int:
    return index if type(index) is int and index >= 0 else position
