"""What the tests of the simulator share: requests, and what became of one exchange."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tracegate.clock import Clock
from tracegate.dialects.dialect import Outgoing
from tracegate.errors import Failed
from tracegate.facts import Connection, Limit, Target
from tracegate.upstream.exchange import Exchange
from tracegate.wire.headers import Headers

MS = 1_000_000
S = 1_000_000_000
MESSAGES = [{"role": "user", "content": "Where is the tower? 東京タワー 🗼"}]


@dataclass(frozen=True)
class Outcome:
    """What a caller saw of an exchange: all that arrived, and the error it ended with."""

    status: int | None
    headers: Headers
    body: bytes
    error: str | None = None
    kind: str | None = None

    @property
    def payloads(self) -> list[Any]:
        """The events of a stream in plain form, decoded; `[DONE]` as a text."""
        data = [line.removeprefix(b"data: ") for line in self.body.split(b"\n\n") if line]
        return [item.decode() if item == b"[DONE]" else json.loads(item) for item in data]


def body_of(model: str, *, stream: bool = False, **members: Any) -> bytes:
    """A request's body."""
    return json.dumps({"model": model, "messages": MESSAGES, "stream": stream, **members}).encode()


def outgoing(
    model: str, *, stream: bool = False, port: int = 80, path: str = "/v1/chat/completions", **members: Any
) -> Outgoing:
    """A request to a provider on loopback."""
    target = Target("target", "sim", "openai", model, scheme="http", host="127.0.0.1", port=port)
    headers = [("content-type", "application/json"), ("authorization", "Bearer sk-key")]
    return Outgoing(target, path, headers, body_of(model, stream=stream, **members))


async def outcome(
    exchange: Exchange,
    clock: Clock,
    call: Outgoing,
    *,
    within: int = 60 * S,
    limit: Limit = "attempt",
    connect: int = 60 * S,
    write: int = 60 * S,
    connection: Connection | None = None,
) -> Outcome:
    """Send a request and read its answer to the end, to its error, or to the limit."""
    now = clock.now()
    status: int | None = None
    headers: Headers = ()
    got = b""
    try:
        incoming = await exchange.send(
            call,
            connection or Connection(),
            connect_by=now + connect,
            write_by=now + write,
            until=now + within,
            limit=limit,
        )
        status, headers = incoming.status, incoming.headers
        try:
            while data := await incoming.read(now + within, limit):
                got += data
        except BaseException:
            incoming.abort()
            raise
        incoming.release()
    except Failed as exc:
        return Outcome(status, headers, got, exc.token, type(exc).__name__)
    return Outcome(status, headers, got)
