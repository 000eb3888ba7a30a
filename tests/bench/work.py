"""What is asked and answered: the client's request, the provider's answer, and how a right answer is told.

A route is a name that a client asks for; behind it stands a kind of answer, and where the provider gives it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Literal

from tracegate.clock import SystemClock
from tracegate.dialects.dialect import Outgoing
from tracegate.facts import Connection, Target
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.script import Step

PATH = "/v1/chat/completions"
MODEL = "gpt-4o-mini"  # the price table has it, so that cost is computed too
ROUTE = "chat"
KEY = "sk-tg-key-of-the-benchmark"  # LiteLLM wants `sk-`

QUESTION = " ".join(["Which provider, model and region served the answer before this one, and what did it cost?"] * 8)

SENTENCE = "every hop is a span that carries provider, model, region, latency and cost"  # of every answer

CHUNKS = 200  # of a stream: a role, words, a finish reason; `[DONE]` comes on top
CREATED = 1_700_000_000  # of every answer, in UTC seconds


@dataclass(frozen=True, slots=True)
class Kind:
    """What the provider does with one request.

    Args:
        words: Of its answer.
        asked: How often the question stands in the request.
        stream: Whether it answers in chunks.
        every_ms: Between two of them; 0 for all at once.
        after_ms: Before a whole answer.
    """

    words: int = 36
    asked: int = 1
    stream: bool = False
    every_ms: int = 0
    after_ms: int = 0


KINDS: Mapping[str, Kind] = {
    "unary": Kind(),  # about 1 KB each way
    "large": Kind(words=5_800, asked=42),  # about 32 KB each way
    "late": Kind(after_ms=50),
    "full": Kind(words=CHUNKS - 2, stream=True),
    "paced": Kind(words=CHUNKS - 2, stream=True, every_ms=20),
    "slow": Kind(words=CHUNKS - 2, stream=True, every_ms=1_000),
}

Origin = Literal["plain", "tls", "limited"]


@dataclass(frozen=True, slots=True)
class Way:
    """Where a route leads: a kind of answer, and the provider's ports in order; the one called `limited` says 429."""

    kind: str
    origins: tuple[Origin, ...] = ("plain",)


ROUTES: Mapping[str, Way] = {
    **{kind: Way(kind) for kind in KINDS},
    "tls": Way("unary", ("tls",)),
    "tls-large": Way("large", ("tls",)),
    "limited": Way("unary", ("limited", "plain")),
}


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider's ports on 127.0.0.1, and the certificate that the one behind TLS shows."""

    plain: int
    tls: int
    limited: int
    cert: str

    def url(self, kind: str, origin: Origin) -> str:
        """The base URL of a kind of answers, as clients of OpenAI's API write it."""
        scheme, port = ("https", self.tls) if origin == "tls" else ("http", getattr(self, origin))
        return f"{scheme}://127.0.0.1:{port}/{kind}/v1"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request on the wire, and how its answer is judged.

    Args:
        kind: What comes back.
        request: Head and body.
        needle: What stands in every right answer.
        first: What stands in the event of a stream that has the first word, and in no other. It is not the first event:
            providers begin with a role, which says nothing yet.
    """

    kind: Kind
    request: bytes = field(repr=False)
    needle: bytes = field(repr=False)
    first: bytes = b'"every"'

    def right(self, head: bytes, body: bytes) -> bool:
        """Whether a whole answer is the one that was to come."""
        return head.startswith(b"HTTP/1.1 200 ") and self.needle in body


def asking(route: str, port: int, path: str, headers: Mapping[str, str]) -> Ask:
    """The request of a route.

    Args:
        route: A name of `ROUTES`, which the client says as the model.
        port: Of the system, on 127.0.0.1.
        path: As the system wants it.
        headers: Beyond the usual ones.
    """
    kind = KINDS[ROUTES[route].kind]
    body = _request(kind, route)
    fields = {"Host": f"127.0.0.1:{port}", "Authorization": f"Bearer {KEY}", "Accept": "application/json"}
    fields |= {"Content-Type": "application/json", "User-Agent": "tracegate-bench", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in (fields | dict(headers)).items())
    return Ask(kind, f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body, _text(kind.words)[-40:].encode())


def _request(kind: Kind, model: str) -> bytes:
    messages = [
        {"role": "system", "content": "Answer in one sentence."},
        {"role": "user", "content": " ".join([QUESTION] * kind.asked)},
    ]
    asked: dict[str, object] = {"model": model, "messages": messages, "temperature": 0.2, "max_tokens": 256}
    return json.dumps(asked | ({"stream": True} if kind.stream else {})).encode()


def _text(words: int) -> str:
    return " ".join(islice(cycle(SENTENCE.split()), words))


def step(kind: Kind) -> Step:
    """The answer as a script of the test kit has it; when it comes is not part of it."""
    return Step(text=_text(kind.words))


async def answer(kind: Kind) -> list[bytes]:
    """What the provider sends: one piece, or the events, `[DONE]` last."""
    exchange = MemoryExchange(SystemClock(), {"*": step(kind)}, created=CREATED)
    body = _request(kind, MODEL)
    far = exchange.clock.now() + 10_000_000_000
    incoming = await exchange.send(
        Outgoing(
            Target("it", "openai", "openai", MODEL), f"/openai{PATH}", [("content-type", "application/json")], body
        ),
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
