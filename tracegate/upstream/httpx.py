"""An exchange over any httpx transport, called directly and never through a client.

So nothing follows a redirect, keeps a cookie or retries behind our back. Limits are kept here, exactly, whatever the
transport does with its own; where it supports trace hooks they tell connection times, and the phases that the connect
and write limits bound. Foreign exceptions are mapped here, once.

Source of the hooks' names: https://www.encode.io/httpcore/extensions/#trace
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tracegate.clock import Clock
from tracegate.dialects.dialect import Outgoing
from tracegate.errors import Failed, TimedOut
from tracegate.facts import Connection, Limit
from tracegate.upstream.mapping import broken, unreachable
from tracegate.wire.headers import Headers

DRAIN_S = 0.1  # the framing behind an answer is read for at most this long (ruling 15)
FRESH_TRIES = 4  # a request whose idle connection had died is sent again, as the same attempt, at most this often

SPAN = "tracegate.span"
"""Request extension: trace id and span id of the attempt, for a transport that makes spans of its own below it."""


class HttpxExchange:
    """Exchanges with one origin.

    Args:
        transport: Any httpx transport; closed with the exchange.
        clock: Stamps the connection facts.
        most: Exchanges that may be open or waiting at once: the transport's pool and `pool.waiting`.
        traces: Whether the transport supports httpcore's trace hooks. Without them connection facts are absent, the
            transport keeps the connect and write limits itself, and only `until` is kept here.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, clock: Clock, most: int, *, traces: bool = True) -> None:
        self._traces = traces
        self._transport = transport
        self._clock = clock
        self._most = most
        self._open = 0
        self._closing: set[asyncio.Task[None]] = set()

    async def send(
        self, outgoing: Outgoing, connection: Connection, *, connect_by: int, write_by: int, until: int, limit: Limit
    ) -> HttpxIncoming:
        """See `Exchange.send`."""
        if self._open >= self._most:
            raise _pool_full()
        self._open += 1
        try:
            for fresh in range(FRESH_TRIES, -1, -1):
                phases = _Phases(self._clock, connection, connect_by, write_by, until, limit)
                try:
                    response = await self._once(outgoing, phases)
                except httpx.HTTPError as exc:
                    if fresh and phases.died_idle and isinstance(exc, httpx.NetworkError | httpx.RemoteProtocolError):
                        continue
                    raise unreachable(exc) from exc
                connection.first_byte = connection.first_byte or self._clock.now()
                _describe(response, connection)
                return HttpxIncoming(response, self)
            raise AssertionError("unreachable: the last round returns or raises")  # pragma: no cover  # as it says
        except BaseException:
            self._open -= 1
            raise

    async def close(self) -> None:
        """See `Exchange.close`."""
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)
        await self._transport.aclose()

    async def _once(self, outgoing: Outgoing, phases: _Phases) -> httpx.Response:
        target = outgoing.target
        url = httpx.URL(scheme=target.scheme, host=target.host, port=target.port, path=outgoing.path)
        extensions: dict[str, Any] = {"trace": phases.trace} if self._traces else {"timeout": phases.own()}
        if outgoing.span is not None:
            extensions[SPAN] = outgoing.span
        request = httpx.Request(
            outgoing.method, url, headers=outgoing.headers, content=outgoing.body, extensions=extensions
        )
        try:
            async with asyncio.timeout(None) as phases.timeout:
                phases.enter("connect" if self._traces else "head")
                return await self._transport.handle_async_request(request)
        except TimeoutError as exc:
            raise phases.timed_out() from exc

    def settle(self, coroutine: Any) -> None:
        """Finish what closing an answer needs, in a task of its own, joined by `close`."""
        self._open -= 1
        task = asyncio.get_running_loop().create_task(coroutine)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def within(self, until: int) -> asyncio.Timeout:
        """A scope that ends at a monotonic time of the clock."""
        return asyncio.timeout((until - self._clock.now()) / 1e9)


class HttpxIncoming:
    """One answer; see `Incoming`."""

    __slots__ = ("_body", "_ended", "_exchange", "_response", "_settled", "headers", "status")

    def __init__(self, response: httpx.Response, exchange: HttpxExchange) -> None:
        self.status = response.status_code
        self.headers: Headers = tuple((k.lower(), v) for k, v in response.headers.multi_items())
        self._response = response
        self._exchange = exchange
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101  # an async transport's answer
        self._body: AsyncIterator[bytes] = aiter(response.stream)
        self._ended = False
        self._settled = False

    @property
    def arrived(self) -> None:
        """See `Incoming.arrived`; a transport does not tell when bytes came that lay in its socket."""

    async def read(self, until: int, limit: Limit) -> bytes:
        """See `Incoming.read`."""
        try:
            async with self._exchange.within(until):
                while (data := await anext(self._body, None)) is not None:
                    if data:
                        return data
        except TimeoutError as exc:
            raise TimedOut(limit, f"The provider sent nothing more before its limit `{limit}`.") from exc
        except httpx.HTTPError as exc:
            raise broken(exc) from exc
        self._ended = True
        return b""

    def release(self) -> None:
        """See `Incoming.release`."""
        if not self._settled:
            self._settled = True
            self._exchange.settle(self._drain())

    def abort(self) -> None:
        """See `Incoming.abort`."""
        if not self._settled:
            self._settled = True
            self._exchange.settle(self._close())

    async def _drain(self) -> None:
        """Read the end of the framing, then give the connection back, unless something stands behind the answer."""
        try:
            async with asyncio.timeout(DRAIN_S):
                while not self._ended:
                    self._ended = await anext(self._body, None) is None
        except (TimeoutError, httpx.HTTPError):
            pass  # then closing drops the connection, because its answer is not read to its end
        if _left_over(self._response):
            await self._response.extensions["network_stream"].aclose()
        await self._close()

    async def _close(self) -> None:
        closing = getattr(self._body, "aclose", None)
        try:
            if closing is not None:
                await closing()
            await self._response.stream.aclose()  # type: ignore[union-attr]  # an async stream: see __init__
        except (httpx.HTTPError, OSError):
            pass  # the connection is gone, which is what closing wanted


class _Phases:
    """Where one request is: connecting, writing, or waiting for the head; keeps the limit of each."""

    def __init__(
        self, clock: Clock, connection: Connection, connect_by: int, write_by: int, until: int, limit: Limit
    ) -> None:
        self.timeout = asyncio.timeout(None)
        self._clock = clock
        self._connection = connection
        self._until = until
        self._limit: Limit = limit
        self._by: dict[str, tuple[int, Limit]] = {
            "connect": (connect_by, "connect"),
            "write": (write_by, "write"),
            "head": (until, limit),
        }
        self._phase = "connect"
        self._began: int | None = None  # when connecting began; None while waiting for the pool, or reused
        self._head = False

    @property
    def died_idle(self) -> bool:
        """Whether a connection was reused and ended before any byte of an answer."""
        return self._connection.reused is True and not self._head

    def own(self) -> dict[str, float | None]:
        """The limits that a transport without hooks keeps itself, in seconds."""
        now = self._clock.now()
        connect, write = ((self._by[phase][0] - now) / 1e9 for phase in ("connect", "write"))
        return {"connect": connect, "pool": connect, "write": write, "read": None}

    def enter(self, phase: str) -> None:
        """Go to a phase and arm its limit."""
        self._phase = phase
        by, _ = min(self._by[phase], (self._until, self._limit), key=lambda pair: pair[0])
        self.timeout.reschedule(asyncio.get_running_loop().time() + (by - self._clock.now()) / 1e9)

    def timed_out(self) -> Failed:
        """The limit that fired, named by the phase."""
        by, limit = self._by[self._phase]
        if self._until <= by:
            limit = self._limit
        elif self._phase == "connect" and self._began is None:
            return _pool_full()  # no connection was begun: the time went into waiting for one
        return TimedOut(limit, f"The provider did not answer before its limit `{limit}`.")

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """One event of the transport."""
        name = event.partition(".")[2]
        facts, now = self._connection, self._clock.now()
        if name in ("connect_tcp.started", "connect_unix_socket.started"):
            self._began = now
        elif name in ("connect_tcp.complete", "start_tls.complete", "connect_unix_socket.complete"):
            facts.connect_ns = now - (self._began or now)
        elif name == "send_request_headers.started":
            facts.reused = self._began is None
            self.enter("write")
        elif name == "send_request_body.complete":
            facts.sent = now
            self.enter("head")
        elif name == "receive_response_headers.complete":
            facts.first_byte = now
            self._head = True


def _describe(response: httpx.Response, connection: Connection) -> None:
    version = response.extensions.get("http_version")
    if version is not None:
        connection.protocol = {b"HTTP/2": "h2"}.get(version, version.decode("latin-1").lower())
    stream = response.extensions.get("network_stream")
    if stream is None:
        return
    peer = stream.get_extra_info("server_addr")
    if isinstance(peer, tuple):
        connection.peer = f"{peer[0]}:{peer[1]}"
    secured = stream.get_extra_info("ssl_object")
    if isinstance(secured, ssl.SSLObject):
        connection.tls = secured.version()


def _left_over(response: httpx.Response) -> bool:
    """Whether bytes stand behind the answer in httpcore's parser: they would be read as the next request's answer.

    httpcore checks an idle socket for such bytes, but not its parser's buffer, so we look where it does not.
    """
    found: Any = response.stream
    for name in ("_httpcore_stream", "_stream", "_connection", "_h11_state", "trailing_data"):
        found = getattr(found, name, None)
        if found is None:
            return False
    return bool(found[0])


def _pool_full() -> Failed:
    return Failed("overloaded", "connection_limit_reached", "No connection to the provider was free: `pool` is full.")
