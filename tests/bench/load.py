"""The load: a crowd of clients on kept connections, as lean as Python allows, each with one request at a time.

It speaks just enough HTTP/1.1 to know where an answer ends, checks every answer, and goes nowhere but to 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.bench.work import Ask

PATIENCE_S = 60.0
"""Longest time for requests that are under way, in seconds."""

END = b"\r\n0\r\n\r\n"  # of a body in chunks without trailers


class WrongAnswer(Exception):
    """An answer that is not the one that was to come; its text has how it began."""


class Crowd:
    """So many clients of one server; an async context manager.

    Args:
        port: On 127.0.0.1.
        ask: What they ask.
        clients: How many.
    """

    def __init__(self, port: int, ask: Ask, clients: int) -> None:
        self.asked = ask
        self.now = time.perf_counter  # uvloop's own time is of whole milliseconds
        self.took: list[float] = []
        """How long the requests of the last call took, in seconds."""
        self._port = port
        self._clients = clients
        self._connections: list[_Client] = []
        self._left = 0  # requests that may still be sent
        self._open = 0
        self._done: asyncio.Future[None]
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, seconds: float, most: int, spread_s: float = 0.0) -> int:
        """Keep every client busy, then wait for what is under way; returns how many requests were answered.

        Args:
            seconds: For how long new requests are sent.
            most: How many are sent at most.
            spread_s: The clients begin evenly over so many seconds.

        Raises:
            WrongAnswer: At the first one.
            TimeoutError: An answer did not come.
        """
        for client in self._connections:
            await client.opened()
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        self.took, self._left, self._open = [], most, 0
        self._timer = loop.call_later(seconds, self._stop)
        for number, client in enumerate(self._connections):
            if spread_s:
                loop.call_later(spread_s * number / self._clients, self._next, client)
            else:
                self._next(client)
        try:
            async with asyncio.timeout(seconds + PATIENCE_S):
                await self._done
        finally:
            self._timer.cancel()
        return len(self.took)

    def answered(self, client: _Client, took: float) -> None:
        """A right answer came."""
        self.took.append(took)
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

    async def __aenter__(self) -> Self:
        self._connections = [_Client(self, self._port) for _ in range(self._clients)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._connections:
            client.close()


class Kept(asyncio.Protocol):
    """A connection that is kept, and made anew where the server closed it while nothing was asked.

    Args:
        port: On 127.0.0.1.
        failed: Told of an end at any other time.
    """

    __slots__ = ("_failed", "_port", "_transport", "idle")

    def __init__(self, port: int, failed: Callable[[Exception], None]) -> None:
        self._port, self._failed = port, failed
        self._transport: asyncio.Transport | None = None
        self.idle = True

    async def opened(self) -> None:
        """Return when it is open."""
        if self._transport is None:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)

    def write(self, data: bytes) -> None:
        """Send a request."""
        self.idle = False
        if self._transport is None:
            self._failed(WrongAnswer("the server closed a connection before the next request"))
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close it at once, whatever is under way."""
        self.idle = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = transport  # type: ignore[assignment]  # a TCP one

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._transport = None
        if not self.idle:
            self._failed(WrongAnswer(f"the server closed a connection: {exc}"))


class _Client(Kept):
    """One client."""

    __slots__ = ("_body", "_crowd", "_got", "_sent", "_size")

    def __init__(self, crowd: Crowd, port: int) -> None:
        super().__init__(port, crowd.failed)
        self._crowd = crowd
        self._got = b""
        self._sent = 0.0
        self._body = 0  # where the body begins; 0 before the head is whole
        self._size: int | None = None  # of the whole answer; None for chunks

    def send(self) -> None:
        self._sent = self._crowd.now()
        self.write(self._crowd.asked.request)

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
        self._got, self._body, self.idle = b"", 0, True
        if self._crowd.asked.right(head, body):
            self._crowd.answered(self, self._crowd.now() - self._sent)
        else:
            self._crowd.failed(WrongAnswer(f"{head[:400]!r} {body[:400]!r}"))


def _length(head: bytes) -> int | None:
    """`Content-Length` of an answer, `None` where it comes in chunks."""
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    return None if at < 0 else int(lower[at + 17 :].partition(b"\r\n")[0])
