"""Limits on what a client may send before there is a request, which ASGI servers do not keep (ruling 46).

A subclass of uvicorn's httptools protocol. It bounds the header section in size (431) and time (408), what may come
without making sense, connections that are idle, and requests that wait behind another. It also mends what uvicorn does
not do: a client that leaves is noticed by the request that runs, also when others wait behind it, and an application
may drop a connection whose client does not read.

The size of a header section is that of its target and of `name: value` with its line end for every field, however
the bytes are cut into reads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tracegate.errors import Rejected
from tracegate.server.auth import CALLED
from tracegate.server.cycle import Cycle
from tracegate.server.endpoint import DROP
from tracegate.server.flag import Flag, Flow
from tracegate.server.watch import LEFT

WIRE = "tracegate.wire"
"""Where the application's lifespan state holds its `Wire`."""

WAITING = 16  # requests that a client may send behind one that is not answered yet; no common client sends any
OFFER = frozenset((b"upgrade", b"http2-settings"))
LINGER_S = 2.0  # after a refusal: for the client to read it, before unread bytes reset the connection

Phase = Literal["idle", "head", "rest"]

_NONE = deque[Any]()  # nobody waits, of all connections: an empty queue takes a large part of a kilobyte


def _nothing() -> None:
    """The application wants to know nothing."""


def _plain(refusal: Rejected) -> bytes:
    return b"HTTP/1.1 %d \r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % refusal.status


@dataclass(frozen=True, slots=True)
class Wire:
    """What the protocol needs of the application.

    Args:
        header: Bytes of a header section.
        header_time_ns: For the header section, from its first byte on.
        keep_alive_ns: For a connection on which nothing is asked.
        refusal: Renders a whole answer that closes the connection.
        stopping: Called when the server begins to stop, once for every connection that is open then.
    """

    header: int = 32_000
    header_time_ns: int = 10_000_000_000
    keep_alive_ns: int = 75_000_000_000
    refusal: Callable[[Rejected], bytes] = _plain
    stopping: Callable[[], object] = _nothing


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, with limits."""

    # uvicorn's has no slots; with ours in its dictionary too, that would no longer share its keys with all others.
    __slots__ = (
        "_extensions",
        "_head",
        "_heard",
        "_in_head",
        "_in_message",
        "_left",
        "_limit",
        "_offered",
        "_phase",
        "_refused",
        "_running",
        "_timer",
        "_unheard",
        "_wire",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pipeline = _NONE
        self._wire: Wire = self.app_state.get(WIRE) or Wire()
        self._limit = self._wire.header
        self.timeout_keep_alive = self._wire.keep_alive_ns / 1e9  # type: ignore[assignment]  # a loop takes fractions
        self._extensions: dict[str, object] = {DROP: self.drop, LEFT: self.left, CALLED: None}
        self._left: Callable[[], object] | None = None  # called when the client leaves
        self._running: RequestResponseCycle | None = None  # the request that is being answered, or was last
        self._in_head = False
        self._in_message = False
        self._offered = False  # another protocol, by this request
        self._head = 0  # bytes of this header section and of the trailers
        self._heard = False  # whether the parser made something of this read
        self._unheard = 0  # bytes since it did
        self._refused = False
        self._phase: Phase | None = None  # what the timer is armed for
        self._timer: asyncio.TimerHandle | None = None

    def drop(self) -> None:
        """Drop the connection at once, unsent bytes included; the running request is over."""
        if self._running is not None:
            self._running.disconnected = True
        self.transport.abort()

    def left(self, call: Callable[[], object], wanted: bool) -> None:
        """Call back when the client of the running request leaves, or not any more; see `LEFT`.

        What the client still sends is read meanwhile. A request that ends late gives up its own call, never that of the
        next one on the connection.
        """
        if wanted:
            self._left = call
            self.flow.resume_reading()
            if self._running is not None and self._running.disconnected:
                call()
        elif self._left == call:
            self._left = None

    # --- events of the transport and of the server ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A client connected; it may not be idle for ever."""
        super().connection_made(transport)
        self.flow = Flow(transport)
        self._enter("idle")

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, which the running request is told even if others wait behind it."""
        self._enter(None)
        super().connection_lost(exc)
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
            if self._left is not None:
                self._left()
        self._left = None
        self._extensions = {}  # it refers to us

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._refused:
            return
        self._heard = False
        self._unset_keepalive_if_required()
        self._parse(data)
        self._unheard = 0 if self._heard else self._unheard + len(data)
        if self._unheard > self._limit:
            self._too_large()
        elif not self._refused:
            running = self._running
            if running is not None and not running.response_complete:
                self._enter(None)  # an answer under way is bounded by its request's deadline
            else:
                self._enter("head" if self._in_head else "rest" if self._in_message else "idle")

    def shutdown(self) -> None:
        """The server stops: the last answer of this connection is the one that runs."""
        self._wire.stopping()
        super().shutdown()

    # --- events of the parser; those that come for each field do what uvicorn's do themselves, which is quicker ---

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        super().on_message_begin()
        self._heard = self._in_head = self._in_message = True
        self._head = 0

    def on_url(self, url: bytes) -> None:
        """The request's target is whole."""
        self.url += url
        self._heard = True
        self._head += len(url)
        if self._head > self._limit:
            self._too_large()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field, of the header section or of the trailers, is whole."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        self._heard = True
        self._head += len(name) + len(value) + 4
        if self._head > self._limit:
            self._too_large()

    def on_headers_complete(self) -> None:
        """The header section is whole."""
        self._in_head = False
        self._offered = self.parser.should_upgrade()
        if self._refused or self._offered:
            return
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # ours is not in uvicorn's type
        self._begin()
        if len(self.pipeline) > WAITING:
            self._refuse(Rejected(429, "too_many_requests", "Too many requests wait on this connection."))

    def on_body(self, body: bytes) -> None:
        """A part of the body came."""
        self._heard = True
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._heard = True
        self._in_message = False
        if not self._refused and not self._offered:
            super().on_message_complete()
            self.scope = self.headers = None  # type: ignore[assignment]  # as before a request: it has its own, if any

    def _begin(self) -> None:
        """Start the request, or let it wait behind another; as uvicorn does it, with a cycle of our own."""
        parser, scope = self.parser, self.scope
        version, url = parser.get_http_version(), httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = self.root_path + (unquote(path) if "%" in path else path)
        scope["raw_path"] = self.root_path.encode("ascii") + url.path
        scope["query_string"] = url.query or b""
        running = self._running
        self.cycle = Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=Flag(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if running is None or running.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            if not self.pipeline:
                self.pipeline = deque()
            self.pipeline.appendleft((self.cycle, self.app))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _parse(self, data: bytes) -> None:
        """Feed the parser.

        It stops at an offer to speak another protocol, as if the rest were that already. Clients offer HTTP/2 with
        every request (Java's does) and go on in HTTP/1.1 unless it is taken, so the same head is parsed without it.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as exc:
                if self.parser.get_method() != b"CONNECT" and not self._refused:
                    data = self._without_offer() + data[exc.args[0] :]
                    continue
            except httptools.HttpParserError:
                pass
            else:
                return
            self._refuse(Rejected(400, "invalid_http", "This is not a valid HTTP/1.1 request."))
            return

    def _without_offer(self) -> bytes:
        """The head that was parsed, without the fields that offer another protocol (RFC 9110, section 7.8)."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                options = [option.strip() for option in value.split(b",")]
                value = b", ".join(option for option in options if option.lower() not in OFFER)
            if name not in OFFER:
                lines.append(b"%s: %s" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        return b"\r\n".join([*lines, b"", b""])

    # --- limits ---

    def _too_large(self) -> None:
        text = f"The header section is larger than {self._limit} bytes: send fewer or shorter fields."
        self._refuse(Rejected(431, "header_too_large", text))

    def _refuse(self, refusal: Rejected) -> None:
        """Refuse all that still comes, once; said only where it can't be taken for the answer to an earlier request."""
        if self._refused:
            return
        self._refused = True
        self._enter(None)
        running, transport = self._running, self.transport
        if running is not None and not running.response_complete:
            running.keep_alive = False  # its answer is the last one
        elif not transport.is_closing():
            transport.write(self._wire.refusal(refusal))
            if transport.can_write_eof():
                transport.write_eof()  # unread bytes would reset the connection before the refusal is read
                self._timer = self.loop.call_later(LINGER_S, transport.abort)
            else:
                transport.close()

    def _enter(self, phase: Phase | None) -> None:
        """Time a phase from its beginning, however many bytes trickle in while it lasts."""
        if phase == self._phase and (phase is not None or self._timer is None):
            return
        self._phase = phase
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if phase == "head":
            self._timer = self.loop.call_later(self._wire.header_time_ns / 1e9, self._late)
        elif phase is not None:
            self._timer = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _late(self) -> None:
        self._refuse(Rejected(408, "request_timeout", "The header section did not arrive in time.", reason="timeout"))
