"""The stock transport: one of httpx's own for each connection.

httpcore's pool looks at each of its connections for every request, and for each idle one at all others again: with 200
connections that costs milliseconds a request. So each connection has a pool of its own here, which is exclusive to the
request that uses it; and who is idle is known from a list. How many there may be at once is decided above (`pool`).
It knows nothing of HTTP, and keeps no promise of its own but one: what is idle for too long is closed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

import httpx

from tracegate.clock import Clock, Handle

FRESH = "tracegate.fresh"
"""Request extension: not on a connection that was idle."""


class Connections(httpx.AsyncBaseTransport):
    """A transport of transports.

    Args:
        make: Makes one that keeps its connection.
        clock: Of idle times.
        idle_ns: How long an unused connection is kept.

    Attributes:
        closed: Nothing is kept any more.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport], clock: Clock, idle_ns: int) -> None:
        self._make = make
        self._clock = clock
        self._idle_ns = idle_ns
        self._idle: deque[tuple[int, httpx.AsyncBaseTransport]] = deque()  # since when; the oldest first
        self._busy: set[httpx.AsyncBaseTransport] = set()
        self._timer: Handle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on the connection that was used last, so that those not needed become old."""
        if self._idle and FRESH not in request.extensions:
            _, transport = self._idle.pop()
        else:
            transport = self._make()
        self._busy.add(transport)
        try:
            response = await transport.handle_async_request(request)
        except BaseException:
            await self.drop(transport)
            raise
        response.stream = Held(response, self, transport)
        return response

    async def aclose(self) -> None:
        """Close all connections, those in use as well."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        leaving = [*(transport for _, transport in self._idle), *self._busy]
        self._idle.clear()
        self._busy.clear()
        await asyncio.gather(*(one.aclose() for one in leaving), *self._closing, return_exceptions=True)

    def keep(self, transport: httpx.AsyncBaseTransport) -> None:
        """Take back a connection whose answer was read."""
        self._busy.discard(transport)
        self._idle.append((self._clock.now(), transport))
        if self._timer is None:
            self._arm()

    async def drop(self, transport: httpx.AsyncBaseTransport) -> None:
        """Close a connection that can't be used again."""
        self._busy.discard(transport)
        await transport.aclose()

    def _arm(self) -> None:
        self._timer = self._clock.call_at(self._idle[0][0] + self._idle_ns, self._close_old)

    def _close_old(self) -> None:
        """Close what was idle for too long, in a task, and come again for the rest."""
        before = self._clock.now() - self._idle_ns
        while self._idle and self._idle[0][0] <= before:
            task = asyncio.get_running_loop().create_task(self._idle.popleft()[1].aclose())
            self._closing.add(task)
            task.add_done_callback(self._closed)
        self._timer = None
        if self._idle:
            self._arm()

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, and nobody's concern: the connection is gone


class Held(httpx.AsyncByteStream):
    """The body of an answer, which holds its connection until it is closed.

    Attributes:
        inner: The body itself.
    """

    def __init__(self, response: httpx.Response, connections: Connections, transport: httpx.AsyncBaseTransport) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101  # an async transport's answer
        self.inner = response.stream
        self._stream = response.extensions.get("network_stream")
        self._connections = connections
        self._transport = transport
        self._closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self.inner)

    async def aclose(self) -> None:
        """See httpx; what was closed instead of kept, or has more to say than was asked for, is dropped."""
        if self._closed:
            return
        self._closed = True
        usable = False
        try:
            await self.inner.aclose()
            idle = self._stream is None or not self._stream.get_extra_info("is_readable")
            usable = idle and not self._connections.closed
        finally:
            if usable:
                self._connections.keep(self._transport)
            else:
                await self._connections.drop(self._transport)
