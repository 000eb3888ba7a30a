"""One connection of the simulator: reads requests, plays plans onto the socket, notices at once when the caller leaves.

It speaks HTTP/1.1 itself, for no server library resets a connection, breaks its framing or splits a head on request.
Requests are parsed by httptools; one that is malformed is answered with 400 and the connection closed.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import httptools

from tracegate.clock import Clock
from tracegate.testing.script_play import Turn
from tracegate.testing.simulator_log import Entry
from tracegate.testing.simulator_playing import Playing
from tracegate.wire.headers import Headers

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, no time: closing sends a reset instead of an end


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; times are monotonic nanoseconds of its first byte and of its last."""

    method: str
    path: str
    headers: Headers
    body: bytes
    began: int
    arrived: int
    keep_alive: bool


class Connection(asyncio.Protocol):
    """The server's side of one connection.

    Args:
        number: Of this connection, from 1.
        clock: Stamps times.
        answer: Called with each request, one at a time; it plays the answer through `play` or `write`.
        closed: Called when the connection is gone.
    """

    def __init__(
        self,
        number: int,
        clock: Clock,
        answer: Callable[[Connection, Request], Awaitable[None]],
        closed: Callable[[Connection], None],
    ) -> None:
        self.number = number
        self.requests = 0
        self._clock = clock
        self._answer = answer
        self._closed = closed
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._entry: Entry | None = None  # of the call that is being answered
        self._drained: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None  # an idle death, or late garbage
        self._dies_on_next = False
        self._began = 0
        self._fed = 0
        self._url = b""
        self._fields: list[tuple[str, str]] = []
        self._body: list[bytes] = []

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # so that `_drain` means: the kernel has it all

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._fed = self._clock.now()
        if self._dies_on_next:
            self.end(reset=True)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.end(reset=False)

    def eof_received(self) -> None:
        """See `asyncio.Protocol`; a caller that only stops sending counts as one that left."""
        self._hung_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._hung_up()
        self._disarm()
        self._closed(self)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():  # its task may have been cancelled meanwhile
            drained.set_result(None)

    # What httptools calls

    def on_message_begin(self) -> None:
        """A request's first byte is here."""
        self._disarm()
        self._began = self._fed
        self._url = b""
        self._fields = []
        self._body = []

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field."""
        self._fields.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if ("expect", "100-continue") in self._fields:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        method = self._parser.get_method().decode("latin-1")
        path = self._url.decode("latin-1")
        now, keep_alive = self._clock.now(), self._parser.should_keep_alive()
        request = Request(method, path, tuple(self._fields), b"".join(self._body), self._began, now, keep_alive)
        self._waiting.append(request)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    # What the server calls

    def write(self, status: str, body: bytes, kind: str = "application/json") -> None:
        """Answer plainly; for everything that is no simulated call."""
        head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    async def play(self, turn: Turn, entry: Entry) -> None:
        """Play a plan to its end, and stamp the log's entry; cancelled when the caller leaves."""
        self._entry = entry
        await Playing(self._clock, turn, entry, self._send).run()
        self._entry = None
        if entry.closed is not None:
            self.end(reset=entry.closed == "reset")
            return
        step = turn.plan.step
        if step.garbage is not None and step.garbage_after:
            self._arm(step.garbage_after, self._transport.write, step.garbage.encode())
        elif step.idle in ("close", "reset"):
            self._arm(step.idle_after, self._die, step.idle == "reset")
        self._dies_on_next = step.idle == "next"

    def end(self, *, reset: bool) -> None:
        """End the connection."""
        self._entry = None
        if reset:
            self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        else:
            self._transport.close()

    async def stop(self) -> None:
        """Drop the connection and wait for what it was doing."""
        self._hung_up()
        self._transport.abort()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _serve(self) -> None:
        while self._waiting and not self._transport.is_closing():
            self.requests += 1
            request = self._waiting.popleft()
            await self._answer(self, request)
            if not request.keep_alive:
                self.end(reset=False)
        self._task = None

    async def _send(self, data: bytes, size: int | None) -> None:
        """Give bytes to the kernel, all of them; in writes of `size`."""
        for at in range(0, len(data), size or len(data)):
            self._transport.write(data[at : at + size] if size else data)
            if self._drained is not None:
                await self._drained
            if size:
                await asyncio.sleep(0)  # so that a reader in this loop sees each write

    def _hung_up(self) -> None:
        """Stop what is being played: nobody reads it."""
        entry, self._entry = self._entry, None
        if entry is not None:
            entry.hung_up = self._clock.now()
        if self._task is not None:
            self._task.cancel()

    def _die(self, reset: bool) -> None:
        self.end(reset=reset)

    def _arm(self, ns: int, fn: Callable[..., object], *args: object) -> None:
        self._timer = asyncio.get_running_loop().call_later(ns / 1e9, fn, *args)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _socket(self) -> socket.socket:
        return cast(socket.socket, self._transport.get_extra_info("socket"))
