"""The client's request body: validated where routing needs it, otherwise kept as the client wrote it.

Only the top level is decoded, to raw values; numbers of any size, unknown fields and half surrogate pairs pass
unchanged (rulings 40 and 57). Whitespace between top-level members is not kept, and of members of one name the last.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from tracegate.errors import Rejected

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode
_lenient = json.JSONDecoder().raw_decode
_BLANK = frozenset(" \t\n\r")
_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_SENT = 64 * 1024  # bytes of a body that is kept as it was sent: it may be sent again

# The names that nearly every request has, as they are written.
_WRITTEN = {
    name: b',"%s":' % name.encode()
    for name in (
        "model",
        "messages",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "tools",
        "tool_choice",
        "response_format",
        "reasoning_effort",
        "stop",
        "n",
        "seed",
        "user",
    )
}


class Body:
    """One request body.

    `fields` maps each top-level member to its raw JSON text; `model` and `stream` are validated; `wants_usage` says
    whether the client asked for usage in the stream itself.
    """

    __slots__ = ("_sent", "fields", "model", "raw", "stream", "wants_usage")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._sent: tuple[Mapping[str, bytes], bytes] | None = None  # the last changes, and what came of them
        try:
            self.fields: dict[str, msgspec.Raw] = _fields.decode(raw)
        except _UNDECODABLE as exc:
            self.fields = _members(raw, exc)
        try:
            model = _value.decode(self.fields["model"])
        except (KeyError, *_UNDECODABLE):
            model = None
        if model.__class__ is not str or not model:
            raise self._unnamed()
        self.model: str = model
        self.stream = "stream" in self.fields and self._flag("stream")
        self.wants_usage = self.stream and self._wants_usage()

    def param(self, name: str) -> Any:
        """The decoded value of a top-level member, or `None` where it is absent or can't be decoded."""
        raw = self.fields.get(name)
        if raw is None:
            return None
        try:
            return _value.decode(raw)
        except _UNDECODABLE:
            return None

    def keep(self, names: Collection[str]) -> None:
        """Let go of the text and of all members but these: an answer may last for long after the request was sent."""
        self.raw, self._sent = b"", None  # `copy`, because each member holds all of the text
        self.fields = {name: raw.copy() for name, raw in self.fields.items() if name in names}

    def patched(self, changes: Mapping[str, bytes]) -> bytes:
        """The body with some top-level members set to other raw JSON text, in place or at the end.

        The next call for the same changes, of a retry or for the same model elsewhere, has the same bytes again.
        """
        sent = self._sent
        if sent is not None and sent[0] == changes:
            return sent[1]
        parts: list[bytes | msgspec.Raw] = []
        fields = self.fields
        for name, raw in fields.items():
            parts += (_WRITTEN.get(name) or _written(name), changes.get(name) or raw)
        for name, change in changes.items():
            if name not in fields:
                parts += (_WRITTEN.get(name) or _written(name), change)
        parts[0] = b"{" + parts[0][1:]  # there is a model at least
        parts.append(b"}")
        data = b"".join(parts)
        if len(data) <= _SENT:
            self._sent = changes, data
        return data

    def _unnamed(self) -> Rejected:
        said = "is missing" if "model" not in self.fields else "must be a text that is not empty"
        return Rejected(400, "invalid_type", f"`model` {said}. Set it to the name of a route or target.", param="model")

    def _flag(self, name: str) -> bool:
        value = self.param(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise Rejected(400, "invalid_type", f"`{name}` must be true or false.", param=name)

    def _wants_usage(self) -> bool:
        options = self.param("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True


def _written(name: str) -> bytes:
    try:
        return b"," + _encode(name) + b":"
    except UnicodeEncodeError:  # half a surrogate pair
        return b"," + json.dumps(name).encode() + b":"


def _members(raw: bytes, cause: Exception) -> dict[str, msgspec.Raw]:
    """The top level of a body that the quick decoder refuses, as the standard library reads it.

    Raises:
        Rejected: It is no JSON object for that one either.
    """
    fields: dict[str, msgspec.Raw] = {}
    try:
        text = raw.decode()
        at = _past(text, 0, "{")
        while True:
            name, at = _lenient(text, _past(text, at, '"') - 1)
            start = _skip(text, _past(text, at, ":"))
            _, end = _lenient(text, start)
            fields[name] = msgspec.Raw(text[start:end].encode())
            at = _skip(text, end)
            if not text.startswith(",", at):
                break
            at += 1
        if _skip(text, _past(text, at, "}")) == len(text):
            return fields
    except (ValueError, RecursionError):
        pass
    raise Rejected(
        400,
        "invalid_json",
        f"The request body is not a JSON object: {cause}. Send one JSON object, for example "
        '{"model": "…", "messages": […]}.',
    ) from cause


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _BLANK:
        at += 1
    return at


def _past(text: str, at: int, expected: str) -> int:
    at = _skip(text, at)
    if not text.startswith(expected, at):
        raise ValueError(expected)
    return at + 1
