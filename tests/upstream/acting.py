"""A transport that does what a test says, on virtual time, and one exchange over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

from tests.upstream.served import S, outgoing
from tracegate.facts import Connection, Limit
from tracegate.testing.clock import FakeClock
from tracegate.upstream.httpx import HttpxExchange
from tracegate.upstream.incoming import HttpxIncoming

Act = Callable[[httpx.Request], Awaitable[httpx.Response]]
Chunks = Callable[[], AsyncIterator[bytes]]


class Acting(httpx.AsyncBaseTransport):
    """A transport that is one function."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        return await self._act(request)

    async def aclose(self) -> None:
        """See httpx."""
        self.closed = True


class Body(httpx.AsyncByteStream):
    """A body that is a generator function; it tells how it was closed.

    Args:
        chunks: Makes the body.
        closing: Done when it is closed.
    """

    def __init__(self, chunks: Chunks, closing: Callable[[], Awaitable[object]] | None = None) -> None:
        self._chunks = chunks
        self._closing = closing
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks()

    async def aclose(self) -> None:
        """See httpx."""
        self.closed += 1
        if self._closing is not None:
            await self._closing()


class Acted:
    """An exchange on a fake clock over what a test says.

    Args:
        act: The transport.
    """

    def __init__(self, act: Act) -> None:
        self.clock = FakeClock()
        self.transport = Acting(act)
        self.exchange = HttpxExchange(self.transport, self.clock, connections=9, waiting=9)
        self.connection = Connection()

    async def send(
        self, *, connect: int = 5 * S, write: int = 30 * S, within: int = 60 * S, limit: Limit = "attempt"
    ) -> HttpxIncoming:
        """Send a request; limits count from now."""
        now = self.clock.now()
        return await self.exchange.send(
            outgoing(80),
            self.connection,
            connect_by=now + connect,
            write_by=now + write,
            until=now + within,
            limit=limit,
        )


def replying(chunks: Chunks, closing: Callable[[], Awaitable[object]] | None = None) -> tuple[Act, Body]:
    """A transport that answers at once, with this body."""
    body = Body(chunks, closing)

    async def act(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=body)

    return act, body


async def forever() -> None:
    """Wait until somebody cancels."""
    await asyncio.get_running_loop().create_future()
