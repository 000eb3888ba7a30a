"""What a simulated provider reads of a request: the few members that shape an answer, leniently.

It judges nothing that a real provider would not: a body that is no JSON object or names no model gets the provider's
own words for it, everything else is answered.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tracegate.wire.headers import Headers, header

_RAW = msgspec.Raw(b"")


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class Asked(msgspec.Struct, gc=False):
    """The members of a request that shape its answer; `messages` and the later ones as raw JSON text."""

    model: str
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: int | None = None
    messages: msgspec.Raw = _RAW
    tools: msgspec.Raw = _RAW
    response_format: msgspec.Raw = _RAW

    @property
    def wants_usage(self) -> bool:
        """Whether a stream was asked to report usage."""
        return self.stream_options is not None and self.stream_options.include_usage is True

    @property
    def prompt_tokens(self) -> int:
        """A made-up count that depends on the messages only: a quarter of their JSON text's length."""
        return len(self.messages) // 4 or 1

    @property
    def plain(self) -> bool:
        """Whether nothing but a text is asked for."""
        return not self.tools and not self.response_format

    def prompt(self) -> str:
        """The text of the last message; of a message in parts, the texts together."""
        messages = json.loads(bytes(self.messages) or b"[]")
        content = messages[-1].get("content") if messages else ""
        if isinstance(content, list):
            return "".join(str(part.get("text", "")) for part in content)
        return str(content or "")

    def tool(self) -> str:
        """The name of the first tool, or `tool`."""
        tools = json.loads(bytes(self.tools) or b"[]")
        return str(tools[0].get("function", {}).get("name", "tool")) if tools else "tool"

    def parameters(self) -> Any:
        """The schema of the first tool's arguments, or an empty one."""
        tools = json.loads(bytes(self.tools) or b"[]")
        return tools[0].get("function", {}).get("parameters", {}) if tools else {}

    def format(self) -> Any:
        """`response_format`, decoded, or an empty table."""
        return json.loads(bytes(self.response_format) or b"{}") or {}


_decode = msgspec.json.Decoder(Asked).decode
_convert = msgspec.convert


def read_request(body: bytes) -> Asked | str:
    """What a request asks for, or the words that a provider has for one that can't be read."""
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _read_leniently(body)


def _read_leniently(body: bytes) -> Asked | str:
    """The same by a parser that takes half surrogate pairs, and numbers of any size."""
    try:
        members = json.loads(body)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        return (
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
            "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
        )
    if not members.get("model"):
        return "you must provide a model parameter"
    names = [name for name in ("messages", "tools", "response_format") if members.get(name)]
    raw = {name: msgspec.Raw(json.dumps(members.pop(name)).encode()) for name in names}
    try:
        asked = _convert(members, Asked)
    except msgspec.ValidationError as exc:
        return f"Invalid type in your request: {exc}"
    for name, value in raw.items():
        setattr(asked, name, value)
    return asked


def key_of(headers: Headers) -> str:
    """The key that came with a request, or an empty text."""
    found = header(headers, "authorization") or header(headers, "api-key") or ""
    return found.removeprefix("Bearer ")
