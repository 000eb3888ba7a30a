"""The client's request body: validated where routing needs it, otherwise kept as the client wrote it.

Only the top level is decoded, to raw values; numbers of any size, unknown fields and half surrogate pairs pass
unchanged (rulings 40 and 57). Whitespace between top-level members is not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tracegate.errors import Rejected

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


class Body:
    """One request body.

    `fields` maps each top-level member to its raw JSON text; `model` and `stream` are validated; `wants_usage` says
    whether the client asked for usage in the stream itself.
    """

    __slots__ = ("fields", "model", "raw", "stream", "wants_usage")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        try:
            self.fields: dict[str, msgspec.Raw] = _fields.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise Rejected(
                400,
                "invalid_json",
                f"The request body is not a JSON object: {exc}. Send one JSON object, for example "
                '{"model": "…", "messages": […]}.',
            ) from exc
        self.model = self._text("model")
        self.stream = self._flag("stream")
        self.wants_usage = self.stream and self._wants_usage()

    def param(self, name: str) -> Any:
        """The decoded value of a top-level member, or `None` where it is absent or can't be decoded."""
        raw = self.fields.get(name)
        if raw is None:
            return None
        try:
            return _value.decode(raw)
        except msgspec.MsgspecError:
            return None

    def patched(self, changes: Mapping[str, bytes]) -> bytes:
        """The body with some top-level members set to other raw JSON text, in place or at the end."""
        parts = [
            _encode(name) + b":" + (changes[name] if name in changes else bytes(raw))
            for name, raw in self.fields.items()
        ]
        parts += [_encode(name) + b":" + raw for name, raw in changes.items() if name not in self.fields]
        return b"{" + b",".join(parts) + b"}"

    def _text(self, name: str) -> str:
        value = self.param(name)
        if isinstance(value, str) and value:
            return value
        said = "is missing" if name not in self.fields else "must be a text that is not empty"
        raise Rejected(400, "invalid_type", f"`{name}` {said}. Set it to the name of a route or target.", param=name)

    def _flag(self, name: str) -> bool:
        if name not in self.fields:
            return False
        value = self.param(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise Rejected(400, "invalid_type", f"`{name}` must be true or false.", param=name)

    def _wants_usage(self) -> bool:
        options = self.param("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True
