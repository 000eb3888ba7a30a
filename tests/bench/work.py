"""What is asked and answered: the client's request, the provider's answer, and how a right answer is told.

The bare handler answers with the very bytes that the simulated provider sends, so both write the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tracegate.clock import SystemClock
from tracegate.dialects.dialect import Outgoing
from tracegate.facts import Connection, Target
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.script import Step

PATH = "/v1/chat/completions"
MODEL = "gpt-4o-mini"  # the price table has it, so that cost is computed too
ROUTE = "chat"
KEY = "tg-key-of-the-benchmark"

SCRIPTS: Mapping[str, Step] = {"unary/*": Step(words=36), "stream/*": Step(words=18)}
"""By provider: about 1 KB in one piece, or 20 chunks (a role, 18 words, a finish reason)."""

QUESTION = " ".join(["Which provider, model and region served the answer before this one, and what did it cost?"] * 8)


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of request.

    Args:
        stream: Whether a stream is asked for.
        body: The client's request, about 1 KB.
        answer: What the provider sends to a client: one piece, or the events, `[DONE]` last.
    """

    stream: bool
    body: bytes
    answer: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """`unary` or `stream`."""
        return "stream" if self.stream else "unary"

    def right(self, head: bytes, body: bytes) -> bool:
        """Whether an answer is the one that was to come, by its status, length and events.

        Args:
            head: With its empty line.
            body: As it stands on the wire; of a stream in chunks.
        """
        if not head.startswith(b"HTTP/1.1 200 "):
            return False
        if not self.stream:
            return len(body) == len(self.answer[0])
        # A gateway adds its comments; what a client reads of the events must be all there, in whole.
        return body.count(b"data: ") == len(self.answer) and body.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")

    def request(self, port: int) -> bytes:
        """The whole request on the wire."""
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {KEY}\r\n"
            "Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: tracegate-bench\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


async def work(*, stream: bool) -> Work:
    """The request and the answer of one kind."""
    messages = [
        {"role": "system", "content": "Answer in one sentence."},
        {"role": "user", "content": QUESTION},
    ]
    asked: dict[str, object] = {"model": f"{ROUTE}-stream" if stream else ROUTE, "messages": messages}
    asked |= {"temperature": 0.2, "max_tokens": 256} | ({"stream": True} if stream else {})
    return Work(stream, json.dumps(asked).encode(), tuple(await _answer(asked, stream)))


async def _answer(asked: Mapping[str, object], stream: bool) -> list[bytes]:
    """What the simulated provider sends for a request."""
    exchange = MemoryExchange(SystemClock(), SCRIPTS)
    name = "stream" if stream else "unary"
    target = Target(name, name, "openai", MODEL)
    body = json.dumps({**asked, "model": MODEL}).encode()
    far = exchange.clock.now() + 10_000_000_000
    incoming = await exchange.send(
        Outgoing(target, f"/{name}{PATH}", [("content-type", "application/json")], body),
        Connection(),
        connect_by=far,
        write_by=far,
        until=far,
        limit="attempt",
    )
    pieces: list[bytes] = []
    while piece := await incoming.read(far, "attempt"):
        pieces.append(piece)
    incoming.release()
    return pieces
