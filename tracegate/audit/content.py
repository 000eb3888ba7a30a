"""The text of each choice of an answer, from its bytes: a body of JSON, or a stream of server-sent events.

A lenient reader: what it can't read has no text. It is no parser for the path of a request; the dialects have those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

Texts = dict[int, object]
"""By choice: the `content` of its message, as it came."""

_LINE = re.compile(r"\r\n|\n|\r")


def texts_of_body(body: bytes) -> Texts:
    """The contents of a whole answer's messages."""
    texts: Texts = {}
    for position, choice in enumerate(_choices(_value(body.decode(errors="surrogateescape")))):
        message = choice.get("message")
        if isinstance(message, dict):
            texts[_index(choice, position)] = message.get("content")
    return texts


def texts_of_stream(stream: bytes) -> Texts:
    """The contents of a stream's deltas, joined."""
    parts: dict[int, list[str]] = {}
    for data in events(stream):
        for position, choice in enumerate(_choices(_value(data))):
            delta = choice.get("delta")
            if isinstance(delta, dict) and isinstance(text := delta.get("content"), str):
                parts.setdefault(_index(choice, position), []).append(text)
    return {index: "".join(texts) for index, texts in parts.items()}


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


def _index(choice: dict[str, Any], position: int) -> int:
    index = choice.get("index")
    return index if type(index) is int and index >= 0 else position
