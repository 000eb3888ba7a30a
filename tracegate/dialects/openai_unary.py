"""Reads an answer of OpenAI's format that comes as one JSON object: one chunk, unchanged, and a final.

Also what came instead of a stream: nothing that was asked for as a stream and is none is an answer.
"""

from __future__ import annotations

from tracegate.dialects.openai_errors import decoded, refused_within
from tracegate.dialects.openai_shape import Shape, decode
from tracegate.dialects.openai_usage import usage_of
from tracegate.errors import Broken, Failed
from tracegate.events import Chunk, Event, Final
from tracegate.facts import Answer

_STREAM = "text/event-stream"


class UnaryReader:
    """A `Reader` of one JSON object.

    Args:
        facts: What is known of the answer already.
        status: HTTP status, 2xx.
        media: Its media type, lower case, empty where it has none.
        limit: Most bytes of the body.
        streamed: A stream was asked for, so that only an error object is worth reading.
    """

    __slots__ = ("_limit", "_media", "_parts", "_size", "_status", "_streamed", "facts", "failure", "skipped")

    def __init__(self, facts: Answer, status: int, media: str, limit: int, *, streamed: bool) -> None:
        self.facts = facts
        self.skipped = 0
        self.failure: Failed | None = None
        self._status = status
        self._media = media
        self._limit = limit
        self._streamed = streamed
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Event]:
        """See `Reader.feed`; everything comes at the end."""
        self._size += len(data)
        if self.failure is None and self._media == _STREAM:
            self.failure = self._broken("http_protocol_error", "The provider sent a stream, which was not asked for.")
        elif self.failure is None and self._size > self._limit:
            self._parts.clear()
            self.failure = self._broken("http_response_body_size", f"The answer is larger than {self._limit} bytes.")
        if self.failure is not None:
            raise self.failure
        self._parts.append(data)
        return []

    def end(self) -> list[Event]:
        """See `Reader.end`.

        Raises:
            Refused: The answer is an error object.
            Broken: The answer is empty (`http_response_incomplete`), or no answer (`http_protocol_error`).
        """
        if self.failure is not None:
            raise self.failure
        parts, self._parts = self._parts, []
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if not body or body.isspace():
            raise self._broken("http_response_incomplete", f"The provider answered {self._status} without a body.")
        try:
            shape = decode(body)
        except ValueError:
            kind = self._media or "an unknown type"
            raise self._broken("http_protocol_error", f"The answer ({kind}) is not a JSON object.") from None
        if shape.says_error:
            raise refused_within(self._status, decoded(body))
        if self._streamed:
            raise self._broken("http_protocol_error", "The provider sent one whole answer instead of a stream.")
        if not shape.choices:
            raise self._broken("http_protocol_error", "The answer has no choices.")
        self._learn(shape)
        return [Chunk(body), Final(self.facts.usage, self.facts.finish_reasons)]

    def _learn(self, shape: Shape) -> None:
        facts = self.facts
        facts.id = shape.id or None
        facts.model = shape.model or None
        facts.fingerprint = shape.system_fingerprint or None
        facts.service_tier = shape.service_tier or None
        facts.finish_reasons = tuple([c.finish_reason for c in shape.choices or () if c.finish_reason])
        if shape.usage is not None:
            facts.usage = usage_of(shape.usage)

    def _broken(self, token: str, message: str) -> Broken:
        return Broken(token, message, status=self._status)
