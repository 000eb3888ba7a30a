"""The dialect `openai`: chat completions as OpenAI defines them, and as the many who followed speak them.

In this dialect a call passes almost untouched: the request is patched where it must be, an answer is forwarded byte by
byte (rulings 40 and 57). It keeps no state: one object serves every target.
Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from tracegate import __version__
from tracegate.dialects.dialect import Outgoing, Reader
from tracegate.dialects.openai_errors import refusal
from tracegate.dialects.openai_stream import StreamReader
from tracegate.dialects.openai_unary import UnaryReader
from tracegate.dialects.regions import region_id
from tracegate.errors import Failed
from tracegate.facts import Answer, Target
from tracegate.wire.body import Body
from tracegate.wire.headers import Headers

# Answers are small and a compressed stream is a delayed one: no coding is asked for.
_ALWAYS = (
    ("content-type", "application/json"),
    ("accept-encoding", "identity"),
    ("user-agent", f"tracegate/{__version__}"),
)
_WHOLE = (("accept", "application/json"), *_ALWAYS)
_STREAMED = (("accept", "text/event-stream, application/json"), *_ALWAYS)  # JSON for errors
_PASSED = frozenset({"openai-beta"})  # what of the client's header may pass (ruling 63)
_USAGE = b'{"include_usage":true}'

_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class OpenAI:
    """See `Dialect`."""

    __slots__ = ()
    name = "openai"

    def request(self, body: Body, target: Target, passed: Headers = ()) -> Outgoing:
        """Write the call for a target; see `Dialect.request`.

        Args:
            body: The client's request.
            target: Where it goes.
            passed: The client's header fields; only those on the allow-list are taken.
        """
        headers = list(_STREAMED if body.stream else _WHOLE)
        if passed:
            headers += [(name, value) for name, value in passed if name in _PASSED]
        if target.headers:
            own = {name.lower() for name, _ in target.headers}
            headers = [field for field in headers if field[0] not in own]
            headers += target.headers
        return Outgoing(target, _path(target.path), headers, _patched(body, target))

    def reader(
        self, body: Body, status: int, headers: Headers, *, limit: int, skip_malformed: bool, asked: bool = True
    ) -> Reader:
        """A reader for an answer; see `Dialect.reader`."""
        facts, media = Answer(), ""
        for name, value in headers:
            if name == "content-type":
                media = _media(value)
            elif name == "x-ms-region":  # Azure
                facts.region = region_id(value)
        if body.stream and "json" not in media and "html" not in media:
            return StreamReader(
                facts,
                status,
                limit,
                choices=_choices(body),
                hide_usage=asked and not body.wants_usage,
                skip_malformed=skip_malformed,
            )
        return UnaryReader(facts, status, media, limit, streamed=body.stream)

    def failure(self, status: int, headers: Headers, body: bytes, wall_s: int) -> Failed:
        """Classify an answer other than 2xx; see `Dialect.failure`."""
        return refusal(status, headers, body, wall_s)


@lru_cache(64)
def _path(base: str) -> str:
    return f"{base.rstrip('/')}/chat/completions"


@lru_cache(64)  # there are few, and each comes with every answer
def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _patched(body: Body, target: Target) -> bytes:
    """The client's body with the target's model and fields, asking for usage where the target is to be asked."""
    changes = {"model": _encode(target.model)}
    for name, raw in target.defaults.items():
        if name not in body.fields:
            changes[name] = raw
    changes.update(target.forced)
    if body.stream and target.usage_in_stream and not body.wants_usage and "stream_options" not in target.forced:
        changes["stream_options"] = _asking(changes.get("stream_options") or body.fields.get("stream_options"))
    return body.patched(changes)


def _asking(options: msgspec.Raw | bytes | None) -> bytes:
    """`stream_options` that ask for usage, every other member kept."""
    if options is None:
        return _USAGE
    try:
        members = _members(options)
    except msgspec.MsgspecError:  # null, or nothing that a provider will take either
        return _USAGE if bytes(options) == b"null" else bytes(options)
    parts = [_encode(name) + b":" + bytes(raw) for name, raw in members.items() if name != "include_usage"]
    return b"{" + b",".join([*parts, b'"include_usage":true']) + b"}"


def _choices(body: Body) -> int:
    count = body.param("n") if "n" in body.fields else None
    return count if isinstance(count, int) and count > 1 else 1
