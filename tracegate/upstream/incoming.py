"""One exchange over a transport, in a task of its own from the request to the end of the framing.

Transports close with an await, keep cancel scopes in the task that sent, and mind being cancelled twice. So all they do
happens in this one task, which is cancelled at most once, and whoever waits for the answer waits for the task's
results, with limits that cancel nothing. `release` and `abort` only tell it, and the exchange joins it when it closes.

It reads ahead a little, so that the end of an answer is known, stamped, and its connection free, before a slow client
has read it. It never sends again but where an idle connection had died: see `_sent`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import httpx

from tracegate.clock import Clock, Handle
from tracegate.errors import Broken, Failed, TimedOut
from tracegate.facts import Connection, Limit
from tracegate.upstream.connections import FRESH
from tracegate.upstream.faults import causes
from tracegate.upstream.mapping import broken, unreachable
from tracegate.upstream.network import NothingCame, left_over
from tracegate.upstream.phases import Phases, describe
from tracegate.upstream.pool import closing
from tracegate.upstream.until import resolve, until
from tracegate.wire.headers import Headers

AHEAD = 64 * 1024  # bytes that are read before anybody asks for them
DRAIN_NS = 100_000_000  # the framing behind an answer is read for at most this long (ruling 15)
DRAIN_BYTES = 64 * 1024  # more than this is no framing
IDLE_DEATH_NS = 1_000_000_000  # a dead connection says so within a round trip; after that, the request was being read


class HttpxIncoming:
    """One answer; see `Incoming`.

    Args:
        clock: Of limits and stamps.
        phases: Of the request.
        connection: Filled with what the transport tells.
    """

    __slots__ = (
        "_cancelled",
        "_chunks",
        "_clock",
        "_closing",
        "_connection",
        "_drain",
        "_end",
        "_ended",
        "_failed",
        "_failure",
        "_first",
        "_last",
        "_phases",
        "_released",
        "_room",
        "_size",
        "_waiter",
        "arrived",
        "headers",
        "status",
        "task",
    )

    def __init__(self, clock: Clock, phases: Phases, connection: Connection) -> None:
        self.status = 0  # until there is a head
        self.headers: Headers = ()
        self.arrived: int | None = None
        self._clock = clock
        self._phases = phases
        self._connection = connection
        self._chunks: list[bytes] = []  # that were read ahead
        self._size = 0
        self._first = self._last = 0  # when the first of them came, and the last
        self._ended = False
        self._end = 0  # when the end came, or the failure
        self._failed = False
        self._failure: Failed | None = None  # until somebody raised it
        self._waiter: asyncio.Future[bool] | None = None  # whoever waits for the answer
        self._room: asyncio.Future[bool] | None = None  # the task, where it has read far enough ahead
        self._released = False
        self._cancelled = False
        self._closing = False
        self._drain: Handle | None = None
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

    async def read(self, until: int, limit: Limit) -> bytes:
        """See `Incoming.read`. What came in time counts, also where it is read later."""
        while not self._chunks:
            if self._failed:
                self.arrived = self._end
                raise self._taken()
            if self._ended and self._end <= until:
                self.arrived = self._end
                return b""
            if self._ended or not await self._wait(until):
                raise _nothing_more(limit)
        if self._first > until:
            raise _nothing_more(limit)
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self.arrived = self._last
        if self._room is not None:
            resolve(self._room, True)
        return data

    def release(self) -> None:
        """See `Incoming.release`."""
        if self._released or self._over:
            return
        self._released = True
        if self._room is not None:
            resolve(self._room, True)
        self._drain = self._clock.call_at(self._clock.now() + DRAIN_NS, self.abort)

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
            self._fail(self._mapped(exc))
        except asyncio.CancelledError as exc:
            if not self._cancelled:  # not of our doing
                self._fail(self._mapped(exc))
                raise
            self._fail(closing())  # where it was not the reader who aborted
        finally:
            self._phases.sooner = None  # else each exchange would be a circle that only the collector can break
            if self._drain is not None:
                self._drain.cancel()

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
        drained = 0
        async for data in body:
            if self._cancelled:  # and the transport took no notice
                return
            if self._released:
                drained += len(data)
                if drained > DRAIN_BYTES:
                    return
            elif data:
                self._last = self._clock.now()
                if not self._chunks:
                    self._first = self._last
                self._chunks.append(data)
                self._size += len(data)
                self._wake()
                if self._size >= AHEAD:
                    self._room = asyncio.get_running_loop().create_future()
                    await self._room
                    self._room = None
        self._ended = True
        self._end = self._clock.now()
        self._wake()

    async def _close(self, response: httpx.Response, body: AsyncIterator[bytes]) -> None:
        """Give the connection back; one whose answer was not read to its end is dropped by the transport."""
        if self._ended and left_over(response):
            await response.extensions["network_stream"].aclose()
        await response.stream.aclose()  # type: ignore[union-attr]  # as above
        if not self._ended and isinstance(body, AsyncGenerator):
            await body.aclose()

    def _mapped(self, exc: BaseException) -> Failed:
        failure = broken(exc) if self.status else unreachable(exc, self._phases.phase)
        failure.__cause__ = exc
        for cause in causes(exc):  # a traceback holds frames, and they hold us: only the collector would free that
            cause.__traceback__ = None
        return failure

    def _fail(self, failure: Failed) -> None:
        """The exchange ended; nobody minds where its answer is whole."""
        if not self._ended:
            self._failed = True
            self._failure = failure
            self._end = self._clock.now()
            self._wake()

    # Both

    def _taken(self) -> Failed:
        """The failure, which is then no longer held here, for the same reason."""
        failure, self._failure = self._failure, None
        return failure or Broken("http_response_incomplete", "The answer had broken before.")

    @property
    def _over(self) -> bool:
        return self._ended or self._failed

    async def _wait(self, when: int) -> bool:
        """Wait until the task has something to tell; `False` when the time came first."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            return await until(self._waiter, when, self._clock)
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None:
            resolve(self._waiter, True)


def _nothing_more(limit: Limit) -> TimedOut:
    return TimedOut(limit, f"The provider sent nothing more before its limit `{limit}`.")
