"""One exchange over a transport, in a task of its own from the request to the end of the framing.

Transports close with an await, keep cancel scopes in the task that sent, and mind being cancelled twice. So all they do
happens in this one task, which is cancelled at most once, and whoever waits for the answer waits for the task's
results, with limits that cancel nothing. `release` and `abort` only tell it, and the exchange joins it when it closes.

How the answer is read is `ahead`'s. It never sends again but where an idle connection had died: see `_sent`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import httpx

from tracegate.clock import Clock, Handle
from tracegate.errors import Failed
from tracegate.facts import Connection
from tracegate.upstream.ahead import Ahead
from tracegate.upstream.connections import FRESH
from tracegate.upstream.faults import IDLE_DEATH_NS, causes
from tracegate.upstream.mapping import broken, unreachable
from tracegate.upstream.network import NothingCame, left_over
from tracegate.upstream.phases import Phases, describe
from tracegate.upstream.pool import closing
from tracegate.upstream.until import resolve, until


class HttpxIncoming(Ahead):
    """One answer; see `Incoming`.

    Args:
        clock: Of limits and stamps.
        phases: Of the request.
        connection: Filled with what the transport tells.
    """

    __slots__ = ("_cancelled", "_closing", "_connection", "_draining", "_phases", "_room", "_waiter", "task")

    def __init__(self, clock: Clock, phases: Phases, connection: Connection) -> None:
        super().__init__(clock)
        self._phases = phases
        self._connection = connection
        self._waiter: asyncio.Future[bool] | None = None  # whoever waits for the answer
        self._room: asyncio.Future[bool] | None = None  # the task, where it has read far enough ahead
        self._cancelled = False
        self._closing = False
        self._draining: Handle | None = None
        self.task: asyncio.Task[None]
        phases.sooner = self._wake

    # Whoever reads the answer

    async def head(self) -> None:
        """Wait for the head; raises as `Exchange.send` does."""
        phases = self._phases
        while not self.status:
            if self._failed:
                raise self._taken()
            if self._clock.now() >= phases.by:
                raise phases.timed_out()
            await self._wait(phases.by)

    def abort(self) -> None:
        """See `Incoming.abort`."""
        if not self._cancelled and not self._closing:
            self._cancelled = True
            self.task.cancel()

    # The task

    async def run(self, transport: httpx.AsyncBaseTransport, request: httpx.Request) -> None:
        """Send a request and read its answer: what the task does."""
        try:
            response = await self._sent(transport, request)
            body = aiter(response.stream)  # type: ignore[arg-type]  # an async transport's answer; others are mapped
            try:
                self._answered(response)
                await self._read(body)
            finally:
                self._closing = True  # what is cancelled now would never come back to the pool
                await self._close(response, body)
        except Exception as exc:  # noqa: BLE001  # a transport may raise anything; all of it is mapped, here
            self._fail(self._mapped(exc), self._clock.now())
        except asyncio.CancelledError as exc:
            if not self._cancelled:  # not of our doing
                self._fail(self._mapped(exc), self._clock.now())
                raise
            self._fail(closing(), self._clock.now())  # where it was not the reader who aborted
        finally:
            self._phases.sooner = None  # else each exchange would be a circle that only the collector can break
            if self._draining is not None:
                self._draining.cancel()

    async def _sent(self, transport: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        """Send the request; once more, on a connection that was never idle, where it met one that had died idle.

        That is told from a provider that took the request and hung up by three signs: the connection was reused, it
        ended without a byte of an answer, and it ended at once. Only the stock transport's network tells the second.
        """
        try:
            return await transport.handle_async_request(request)
        except httpx.ReadError as exc:
            nothing = isinstance(exc.__cause__, NothingCame) and self._connection.reused
            if not nothing or self._clock.now() - (self._phases.writing or 0) > IDLE_DEATH_NS:
                raise
        self._phases.begin()
        self._connection.resent = True
        request.extensions[FRESH] = True
        return await transport.handle_async_request(request)

    def _answered(self, response: httpx.Response) -> None:
        """The head is here."""
        describe(response, self._connection)
        self.headers = tuple((k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in response.headers.raw)
        self.status = response.status_code
        self._wake()

    async def _read(self, body: AsyncIterator[bytes]) -> None:
        """Read the body to its end, a little ahead of whoever reads the answer."""
        async for data in body:
            if self._cancelled:  # and the transport took no notice
                return
            if data:
                if not self._take(data, self._clock.now()):
                    return
                self._wake()
                if self._room is not None:
                    await self._room
                    self._room = None
        self._ended = True
        self._end = self._clock.now()
        self._wake()

    async def _close(self, response: httpx.Response, body: AsyncIterator[bytes]) -> None:
        """Give the connection back; one whose answer was not read to its end is dropped by the transport."""
        if self._ended and left_over(response):
            await response.extensions["network_stream"].aclose()
        await response.stream.aclose()  # type: ignore[union-attr]  # an async transport's answer; others are mapped
        if not self._ended and isinstance(body, AsyncGenerator):
            await body.aclose()

    def _mapped(self, exc: BaseException) -> Failed:
        failure = broken(exc) if self.status else unreachable(exc, self._phases.phase)
        failure.__cause__ = exc
        for cause in causes(exc):  # a traceback holds frames, and they hold us: only the collector would free that
            cause.__traceback__ = None
        return failure

    # What `Ahead` asks for

    async def _wait(self, by: int) -> None:
        """See `Ahead`."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await until(self._waiter, by, self._clock)
        finally:
            self._waiter = None

    def _wake(self) -> None:
        """See `Ahead`."""
        if self._waiter is not None:
            resolve(self._waiter, True)

    def _pause(self) -> None:
        """See `Ahead`."""
        self._room = asyncio.get_running_loop().create_future()

    def _resume(self) -> None:
        """See `Ahead`."""
        if self._room is not None:
            resolve(self._room, True)

    def _drain(self, by: int) -> None:
        """See `Ahead`."""
        self._draining = self._clock.call_at(by, self.abort)
