"""What a client saw of one request, read by an independent parser of structured fields."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from http_sfv.list import List


@dataclass
class Answer:
    """One answer as it came; `status` is `None` when the client left before its head.

    `left` says that the client hung up, so nothing after that was sent; `noticed`, that the gateway could know before
    it had written everything.
    """

    status: int | None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    left: bool = False
    noticed: bool = True

    def header(self, name: str) -> str | None:
        """The value of a field."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def streamed(self) -> bool:
        """Whether it is a stream of events."""
        return (self.header("content-type") or "").startswith("text/event-stream")

    @property
    def comments(self) -> dict[str, str]:
        """The facts of the final comment block, by name without `tracegate-`."""
        lines = self.body.decode("utf-8", "replace").splitlines()
        found = (line[len(": tracegate-") :] for line in lines if line.startswith(": tracegate-"))
        return {name: value for name, _, value in (line.partition(" ") for line in found)}

    @property
    def events(self) -> list[str]:
        """The data of every event, `[DONE]` included."""
        lines = self.body.decode("utf-8", "replace").splitlines()
        return [line[len("data: ") :] for line in lines if line.startswith("data: ")]

    @property
    def final(self) -> bool:
        """Whether the last word was said: a whole body, or the comment block of a stream."""
        return self.status is not None and not self.left and (not self.streamed or "outcome" in self.comments)

    @property
    def error(self) -> dict[str, Any] | None:
        """The error object, of the body or of the last event."""
        text = next((e for e in reversed(self.events) if e != "[DONE]"), "") if self.streamed else self.body.decode()
        try:
            found = json.loads(text)
        except ValueError:
            return None
        error = found.get("error") if isinstance(found, dict) else None
        return error if isinstance(error, dict) else None

    @property
    def attempts(self) -> list[Member]:
        """`Tracegate-Attempts`: the comment's where there is one, for only that is final."""
        text = self.comments.get("attempts") or self.header("tracegate-attempts")
        return [] if text is None else members(text)

    @property
    def served_by(self) -> list[Member]:
        """`X-Served-By`, in the same way."""
        text = self.comments.get("served-by") or self.header("x-served-by")
        return [] if text is None else members(text)

    @property
    def cost(self) -> int | None:
        """`Tracegate-Cost` in micro-units."""
        text = self.comments.get("cost") if self.streamed else self.header("tracegate-cost")
        return None if text is None else int(members(text)[0].value)


@dataclass(frozen=True)
class Member:
    """One member of a structured list: its value, and its parameters as plain values."""

    value: str
    params: dict[str, Any]


def members(text: str) -> list[Member]:
    """A structured list, parsed by http_sfv (RFC 9651) and required to come out the same again."""
    parsed = List()
    parsed.parse(text.encode("ascii"))
    assert str(parsed) == text, f"{text!r} is not in canonical form"
    return [Member(str(item.value), {name: _plain(value) for name, value in item.params.items()}) for item in parsed]


def _plain(value: object) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value) if isinstance(value, str) else value
