"""What a dialect is: how a call is written for a provider, and how its answer is read.

A dialect comes in by the entry point group `tracegate.dialects`; the built-in ones use the same door.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tracegate.errors import Failed
from tracegate.events import Event
from tracegate.facts import Answer, Target
from tracegate.wire.body import Body
from tracegate.wire.headers import Headers


@dataclass(slots=True)
class Outgoing:
    """One HTTP request to a target, without credentials until the upstream hop adds them.

    `path` begins with `/` and includes the base path of the target. `span` is the trace id and the span id of the
    attempt, for transports that make spans of their own below it.
    """

    target: Target
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    method: str = "POST"
    span: tuple[bytes, bytes] | None = None


class Reader(Protocol):
    """Reads one 2xx answer, unary and stream alike.

    `failure` is what broke the answer behind the events that `feed` has just returned: whoever sees it need not wait
    for the next call, which would raise it.
    """

    facts: Answer  # grows as the answer arrives
    skipped: int  # malformed events that a route chose to skip (ruling 33)
    failure: Failed | None

    def feed(self, data: bytes) -> list[Event]:
        """Take decoded body bytes; return the whole events in them. Raises `Failed`: malformed, an error, too large."""

    def end(self) -> list[Event]:
        """The peer ended the body, or the connection broke.

        Returns what is left, last of all the `Final`, unless `feed` gave it already. Raises `Failed` where the answer
        is not complete.
        """


class Dialect(Protocol):
    """One wire format."""

    name: str

    def request(self, body: Body, target: Target, passed: Headers = ()) -> Outgoing:
        """Write the call for a target. `passed` holds the client's fields that may reach a provider (ruling 63)."""

    def reader(
        self, body: Body, status: int, headers: Headers, *, limit: int, skip_malformed: bool, asked: bool = True
    ) -> Reader:
        """A reader for an answer; of one that is not 2xx only its facts are looked at.

        Args:
            body: The client's request.
            status: Of the answer.
            headers: Of the answer.
            limit: Bytes of a unary answer, or of one event of a stream.
            skip_malformed: Whether malformed events are skipped and counted (ruling 33).
            asked: Whether `request` asks for usage in streams, so that it is hidden from who did not (ruling 61).
        """

    def failure(self, status: int, headers: Headers, body: bytes, wall_s: int) -> Failed:
        """Classify an answer other than 2xx, once. `wall_s` (UTC seconds) resolves dates in `Retry-After`."""
