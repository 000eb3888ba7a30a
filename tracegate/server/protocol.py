"""The connection of a client: HTTP/1.1 as httptools reads it, with limits on what may come before there is a request.

uvicorn serves, and makes one of these for each connection; its own protocol keeps no limits (ruling 46). The header
section is bounded in size (431) and time (408), and so is what may come without making sense, a connection that is
idle, and how many requests wait behind another. A client that leaves is noticed by the request that runs, also when
others wait behind it, and an application may drop a connection whose client does not read.

The size of a header section is that of its target and of `name: value` with its line end for every field.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, cast

import httptools

from tracegate.alarms import NEVER
from tracegate.errors import Rejected
from tracegate.server.client import CLIENT
from tracegate.server.cycle import App, Cycle, Fields
from tracegate.server.limits import UNREAD, WAITING, WIRE, Wire, invalid, too_large, too_late, too_many
from tracegate.server.scope import Address, address, fresh, scope_of, without_offer

if TYPE_CHECKING:
    import uvicorn
    from uvicorn.server import ServerState

    from tracegate.server.auth import Caller

Phase = Literal["idle", "head", "rest", "closing"]

_NONE = deque[Cycle]()  # nobody waits, of all connections: an empty queue takes a large part of a kilobyte
_NO_FIELDS: list[tuple[bytes, bytes]] = []  # of no request; whoever begins one makes its own


class LimitedProtocol(asyncio.Protocol):
    """See the module.

    Args:
        config: uvicorn's, loaded.
        server_state: uvicorn's: what is open, and the fields of every answer.
        app_state: What the application's lifespan gave.

    Attributes:
        armed: See `Alarm`.
        called, gone, full: See `Client` and `Connection`.
    """

    __slots__ = (
        "_app",
        "_app_state",
        "_by",
        "_client",
        "_expects",
        "_head",
        "_headers",
        "_heard",
        "_in_head",
        "_in_message",
        "_left",
        "_loop",
        "_offered",
        "_parser",
        "_phase",
        "_pipeline",
        "_reading",
        "_receiving",
        "_refused",
        "_room",
        "_root",
        "_running",
        "_scheme",
        "_server",
        "_state",
        "_unheard",
        "_url",
        "_wire",
        "armed",
        "called",
        "full",
        "gone",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app_state = app_state
        self.armed = NEVER
        self.called: tuple[bytes, Caller] | None = None
        self.full = self.gone = False
        self._app = cast("App", config.loaded_app)
        self._root = config.root_path
        self._loop = _loop or asyncio.get_running_loop()
        self._state = server_state
        self._wire: Wire = app_state.get(WIRE) or Wire()
        self._scheme = "http"
        self._server: Address | None = None
        self._client: Address | None = None
        self._by = NEVER  # when the phase must be over
        self._phase: Phase | None = None
        self._parser: httptools.HttpRequestParser | None = None  # not while an answer takes long
        self._reading = True
        self._room: asyncio.Future[None] | None = None  # the application, while it waits for the client to take more
        self._left: Callable[[], object] | None = None  # called when the client leaves
        self._running: Cycle | None = None  # the request that is being answered
        self._receiving: Cycle | None = None  # the request whose body is still to come
        self._pipeline = _NONE  # requests that wait behind that, the last one first
        self._in_head = self._in_message = False
        self._offered = False  # another protocol, by this request
        self._expects = False  # the client, to be asked for the body
        self._url = b""
        self._headers = _NO_FIELDS
        self._head = 0  # bytes of this header section and of the trailers
        self._heard = False  # whether the parser made something of this read
        self._unheard = 0  # bytes since it did
        self._refused = False

    # --- what the application asks for; see `Client` ---

    def drop(self) -> None:
        """See `Client.drop`."""
        self.gone = True
        self.transport.abort()

    def left(self, call: Callable[[], object], wanted: bool) -> None:
        """See `Client.left`. What the client still sends is read meanwhile."""
        if wanted:
            self._left = call
            self.read()
            if not self._in_message:
                self._parser = self._client = None  # the answer takes long, and the next request need not come soon
            if self.gone:
                call()
        elif self._left == call:
            self._left = None

    # --- what the running request asks for; see `Connection` ---

    @property
    def fields(self) -> Fields:
        """See `Connection`."""
        return self._state.default_headers

    def read(self) -> None:
        """See `Connection.read`."""
        if not self._reading:
            self._reading = True
            self.transport.resume_reading()

    async def room(self) -> None:
        """See `Connection.room`."""
        self._room = self._loop.create_future()
        try:
            await self._room
        finally:
            self._room = None

    def close(self) -> None:
        """See `Connection.close`. With TLS the client is to agree, for which it has no more than `linger_ns`."""
        self.transport.close()
        if not self.gone:
            self._enter("closing")

    def answered(self) -> None:
        """See `Connection.answered`: the next request begins, or the connection is idle."""
        self._running = None
        self._state.total_requests += 1
        if not self.transport.is_closing():
            self.read()
            if self._pipeline:
                self._start(self._pipeline.pop())
            else:
                self._enter("idle")

    def ended(self, task: asyncio.Task[None]) -> None:
        """See `Connection.ended`."""
        self._state.tasks.discard(task)

    # --- events of the transport and of the server ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what a socket has can do all this, of whatever class
        """A client connected; it may not be idle for ever."""
        self._state.connections.add(cast("Any", self))  # which uvicorn asks for no more than `shutdown`
        self.transport = transport
        self._server = address(transport, "sockname")
        if transport.get_extra_info("sslcontext"):
            self._scheme = "https"
        self._enter("idle")

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, which the running request is told even if others wait behind it."""
        self._state.connections.discard(cast("Any", self))
        self.gone = True
        self._wire.alarms.take(self)
        self.resume_writing()
        running, left = self._running, self._left
        self._running = self._receiving = self._left = self._parser = self.called = None
        self._pipeline = _NONE
        if running is not None:
            running.tell()
            if left is not None:
                left()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._refused:
            return
        self._heard = False
        self._parse(data)
        self._unheard = 0 if self._heard else self._unheard + len(data)
        if self._unheard > self._wire.header:
            self._refuse(too_large(self._wire.header))
        elif not self._refused:
            if self._running is not None:
                self._enter(None)  # an answer under way is bounded by its request's deadline
            else:
                self._enter("head" if self._in_head else "rest" if self._in_message else "idle")

    def pause_writing(self) -> None:
        """The client takes too little."""
        self.full = True

    def resume_writing(self) -> None:
        """It took what there was."""
        self.full = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def shutdown(self) -> None:
        """The server stops: the last answer of this connection is the one to the last request that came."""
        self._wire.stopping()
        last = self._pipeline[0] if self._pipeline else self._running
        if last is None:
            self.close()
        else:
            last.keep_alive = False

    # --- events of the parser ---

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        self._heard = self._in_head = self._in_message = True
        self._expects = False
        self._url = b""
        self._headers = []
        self._head = 0

    def on_url(self, url: bytes) -> None:
        """A part of the request's target came."""
        self._url += url
        self._heard = True
        self._head += len(url)
        if self._head > self._wire.header:
            self._refuse(too_large(self._wire.header))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field, of the header section or of the trailers, is whole."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects = True
        self._headers.append((name, value))
        self._heard = True
        self._head += len(name) + len(value) + 4
        if self._head > self._wire.header:
            self._refuse(too_large(self._wire.header))

    def on_headers_complete(self) -> None:
        """The header section is whole: the request begins, or waits behind another."""
        parser = self._parser
        assert parser is not None  # noqa: S101  # it calls
        self._in_head = False
        self._offered = parser.should_upgrade()
        if self._refused or self._offered:
            return
        version = parser.get_http_version()
        scope = scope_of(parser.get_method(), self._url, version, self._headers, self._root)
        if self._client is None:
            self._client = address(self.transport, "peername")
        scope["server"], scope["client"], scope["scheme"] = self._server, self._client, self._scheme
        scope["state"], scope["extensions"] = self._app_state.copy(), {CLIENT: self}
        keep_alive = version != "1.0" and parser.should_keep_alive()
        cycle = Cycle(self, scope, keep_alive=keep_alive, expects=self._expects)
        self._receiving = cycle
        if self._running is None:
            self._start(cycle)
            return
        self._pause()
        if not self._pipeline:
            self._pipeline = deque()
        self._pipeline.appendleft(cycle)
        if len(self._pipeline) > WAITING:
            self._refuse(too_many())

    def on_body(self, body: bytes) -> None:
        """A part of the body came."""
        self._heard = True
        receiving = self._receiving
        if receiving is not None and not (receiving.complete or self._refused) and receiving.came(body) > UNREAD:
            self._pause()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._heard = True
        self._in_message = False
        if self._offered:
            return  # its head is to be parsed once more
        receiving, self._receiving = self._receiving, None
        self._url, self._headers = b"", _NO_FIELDS
        if receiving is not None and not self._refused:
            receiving.more = False
            receiving.tell()

    def _start(self, cycle: Cycle) -> None:
        self._running = cycle
        self._state.tasks.add(cycle.start(self._app, self._loop))

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self.transport.pause_reading()

    def _parse(self, data: bytes) -> None:
        """Feed the parser.

        It stops at an offer to speak another protocol, as if the rest were that already. Clients offer HTTP/2 with
        every request (Java's does) and go on in HTTP/1.1 unless it is taken, so the same head is parsed without it.
        """
        while True:
            parser = self._parser = self._parser or fresh(self)
            try:
                parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as exc:
                if parser.get_method() != b"CONNECT" and not self._refused:
                    head = without_offer(parser.get_method(), self._url, parser.get_http_version(), self._headers)
                    data = head + data[exc.args[0] :]
                    self._parser = None
                    continue
            except httptools.HttpParserError:
                pass
            self._refuse(invalid())
            return

    def _refuse(self, refusal: Rejected) -> None:
        """Refuse all that still comes, once; said only where it can't be taken for the answer to an earlier request."""
        if self._refused:
            return
        self._refused = True
        self._enter(None)
        transport = self.transport
        if self._running is not None:
            self._running.keep_alive = False  # its answer is the last one
        elif not transport.is_closing():
            transport.write(self._wire.refusal(refusal))
            if transport.can_write_eof():
                transport.write_eof()  # unread bytes would reset the connection before the refusal is read
                self._enter("closing")
            else:
                self.close()

    def _enter(self, phase: Phase | None) -> None:
        """Time a phase from its beginning, however many bytes trickle in while it lasts.

        The alarm is set anew only for an earlier time; so most requests need not set it.
        """
        if phase == self._phase:
            return
        self._phase = phase
        if phase is None:
            self._by = NEVER
            return
        wire = self._wire
        lasts = wire.header_time_ns if phase == "head" else wire.linger_ns if phase == "closing" else wire.keep_alive_ns
        self._by = by = wire.alarms.clock.now() + lasts
        if by < self.armed:
            wire.alarms.set(self, by)

    def ring(self) -> None:
        """See `Alarm`: the phase lasts too long, unless it is another one by now."""
        if self._by == NEVER:
            return
        if self._wire.alarms.clock.now() < self._by:
            self._wire.alarms.set(self, self._by)
        elif self._phase == "head":
            self._refuse(too_late())
        elif self._phase == "closing":
            self.transport.abort()
        else:
            self.close()
