"""Traffic at an exact rate: a request is due every so many nanoseconds, whatever became of those before it.

What a request took is counted from when it was due, so that a gateway that stalls is not spared what it kept waiting.
Connections are kept; a request that finds none idle opens one. It speaks just enough HTTP/1.1 for answers in one piece,
and goes nowhere but to 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from tracegate.clock import Clock, Ids

S = 1_000_000_000
PATIENCE_S = 60.0
"""How long the last answers are waited for."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request.

    Args:
        model: What is asked for.
        spans: How many spans its trace has: SERVER, route, and one for each attempt.
    """

    model: str
    spans: int


@dataclass(slots=True)
class Asked:
    """One request.

    Args:
        id: Its `X-Request-Id`, chosen by the client.
        kind: What it asked.
        due: When it was to be sent, in monotonic nanoseconds.
        late: How much later it was sent, in nanoseconds: the client's own part of what it took.
        took: From when it was due to the end of its answer in nanoseconds; `None` when none came.
        status: Of the answer; `None` when none came.
        trace: Its trace in hex, as `traceresponse` says; `None` when it does not.
    """

    id: str
    kind: Kind
    due: int
    late: int = 0
    took: int | None = None
    status: int | None = None
    trace: str | None = None


class Traffic:
    """A client with kept connections; an async context manager.

    Args:
        port: On 127.0.0.1.
        clock: Says when a request is due.
        ids: Makes the ids of requests.
    """

    def __init__(self, port: int, clock: Clock, ids: Ids) -> None:
        self.idle: list[_Connection] = []
        self._port = port
        self._clock = clock
        self._ids = ids
        self._open: list[_Connection] = []

    async def ask(self, kinds: Sequence[Kind], per_s: int, start: int) -> list[Asked]:
        """Ask for all of them, so many a second from monotonic nanosecond `start` on; returns when all are answered."""
        asked: list[Asked] = []
        tasks: list[asyncio.Task[None]] = []
        for number, kind in enumerate(kinds):
            due = start + number * S // per_s
            await self._clock.sleep_until(due)
            asked.append(one := Asked(self._ids.request(self._clock.wall()), kind, due))
            if self.idle:
                self.idle.pop().send(one)
            else:
                tasks.append(asyncio.create_task(self._on_a_new_one(one)))
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*tasks)
            await asyncio.gather(*(connection.done for connection in self._open))
        return asked

    async def _on_a_new_one(self, one: Asked) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self, self._clock), "127.0.0.1", self._port)
        self._open.append(connection)
        connection.send(one)

    async def __aenter__(self) -> Traffic:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._open:
            connection.close()


class _Connection(asyncio.Protocol):
    """One kept connection, with one request at a time."""

    def __init__(self, traffic: Traffic, clock: Clock) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._traffic = traffic
        self._clock = clock
        self._got = b""
        self._asked: Asked | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP one

    def send(self, asked: Asked) -> None:
        if self.done.done():
            self.done = asyncio.get_running_loop().create_future()
        self._asked = asked
        asked.late = self._clock.now() - asked.due
        body = json.dumps({"model": asked.kind.model, "messages": [{"role": "user", "content": "Who serves?"}]})
        self._transport.write(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nX-Request-Id: {asked.id}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        if len(body) < int(fields.get("content-length", 0)):
            return
        self._got = b""
        self._answered(int(lines[0].split(" ")[1]), fields)
        self._traffic.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._traffic.idle:
            self._traffic.idle.remove(self)
        if not self.done.done():  # a request without an answer
            self.done.set_result(None)

    def _answered(self, status: int, fields: Mapping[str, str]) -> None:
        asked, self._asked = self._asked, None
        if asked is None:
            return  # said without being asked: the request that it is taken for will have no answer
        asked.took = self._clock.now() - asked.due
        asked.status = status
        asked.trace = fields["traceresponse"].split("-")[1] if "traceresponse" in fields else None
        self.done.set_result(None)
