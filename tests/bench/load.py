"""The load: a crowd of clients on kept connections, as lean as Python allows, each with one request at a time.

It speaks just enough HTTP/1.1 to know where an answer ends, checks every answer, and goes nowhere but to 127.0.0.1.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from tests.bench.work import Work

PATIENCE_S = 60.0
"""Longest time for requests that are under way, in seconds."""

END = b"\r\n0\r\n\r\n"  # of a body in chunks without trailers


class WrongAnswer(Exception):
    """An answer that is not the one that was to come; its text has how it began."""


class Crowd:
    """So many clients of one server; an async context manager.

    Args:
        port: On 127.0.0.1.
        work: What they ask.
        clients: How many.
    """

    def __init__(self, port: int, work: Work, clients: int) -> None:
        self.work = work
        self.request = work.request(port)
        self._port = port
        self._clients = clients
        self._connections: list[_Client] = []
        self._left = 0  # requests that may still be sent
        self._open = 0
        self._answered = 0
        self._done: asyncio.Future[None]
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, seconds: float, most: int) -> int:
        """Keep every client busy, then wait for what is under way; returns how many requests were answered.

        Args:
            seconds: For how long new requests are sent.
            most: How many are sent at most.

        Raises:
            WrongAnswer: At the first one.
            TimeoutError: An answer did not come.
        """
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        self._answered, self._left, self._open = 0, most, 0
        self._timer = loop.call_later(seconds, self._stop)
        for client in self._connections:
            self._next(client)
        try:
            async with asyncio.timeout(seconds + PATIENCE_S):
                await self._done
        finally:
            self._timer.cancel()
        return self._answered

    def answered(self, client: _Client) -> None:
        """A right answer came."""
        self._answered += 1
        self._open -= 1
        self._next(client)

    def failed(self, exc: Exception) -> None:
        """A wrong answer came, or none."""
        if not self._done.done():
            self._done.set_exception(exc)

    def _next(self, client: _Client) -> None:
        if self._left > 0:
            self._left -= 1
            self._open += 1
            client.send()
        elif not self._open and not self._done.done():
            self._done.set_result(None)

    def _stop(self) -> None:
        self._left = 0

    async def __aenter__(self) -> Crowd:
        loop = asyncio.get_running_loop()
        for _ in range(self._clients):
            _, client = await loop.create_connection(lambda: _Client(self), "127.0.0.1", self._port)
            self._connections.append(client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._connections:
            client.close()


class _Client(asyncio.Protocol):
    """One kept connection."""

    __slots__ = ("_body", "_crowd", "_got", "_size", "_transport")

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._got = b""
        self._body = 0  # where the body begins; 0 before the head is whole
        self._size: int | None = None  # of the whole answer; None for chunks
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP one

    def send(self) -> None:
        assert self._transport is not None
        self._transport.write(self._crowd.request)

    def close(self) -> None:
        assert self._transport is not None
        transport, self._transport = self._transport, None
        transport.abort()

    def data_received(self, data: bytes) -> None:
        got = self._got = self._got + data if self._got else data
        if not self._body:
            end = got.find(b"\r\n\r\n")
            if end < 0:
                return
            self._body = end + 4
            length = _length(got[:end])
            self._size = None if length is None else self._body + length
        if len(got) < self._size if self._size is not None else not got.endswith(END):
            return
        head, body = got[: self._body], got[self._body :]
        self._got, self._body = b"", 0
        if self._crowd.work.right(head, body):
            self._crowd.answered(self)
        else:
            self._crowd.failed(WrongAnswer(f"{head[:400]!r} {body[:400]!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._crowd.failed(WrongAnswer(f"the server closed a connection: {exc}"))


def _length(head: bytes) -> int | None:
    """`Content-Length` of an answer, `None` where it comes in chunks."""
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    return None if at < 0 else int(lower[at + 17 :].partition(b"\r\n")[0])
