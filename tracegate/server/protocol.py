"""Limits on what a client may send before there is a request, which ASGI servers do not keep (ruling 46).

A subclass of uvicorn's httptools protocol: the size of the header section (431), the time for it (408), and the time
for which a new connection may be idle.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

STATE = "tracegate.wire_limits"
"""Where the application's lifespan state holds the limits."""


@dataclass(frozen=True, slots=True)
class WireLimits:
    """Bytes of the header section with its request line, and nanoseconds."""

    header: int = 32_000
    header_time_ns: int = 10_000_000_000
    keep_alive_ns: int = 75_000_000_000


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, with limits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits: WireLimits = self.app_state.get(STATE, WireLimits())
        self._in_head = False
        self._head = 0  # bytes of the header section so far
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A client connected; it may not be idle for ever."""
        super().connection_made(transport)
        self._arm(self._limits.keep_alive_ns, self._idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came; those of a header section are counted and timed."""
        if self._refused:
            return
        self._disarm()
        before = self._head if self._in_head else 0
        super().data_received(data)
        if not self._in_head:
            return
        self._head = before + len(data)
        if self._head > self._limits.header:
            self._refuse_size()
        elif self._head:
            self._arm(self._limits.header_time_ns, self._slow)

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        super().on_message_begin()
        self._in_head = True
        self._head = 0

    def on_url(self, url: bytes) -> None:
        """A part of the request line came."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field is whole."""
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """The header section is whole."""
        self._in_head = False
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body came."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._refused:
            super().on_message_complete()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > self._limits.header and not self._refused:
            self._refuse_size()

    def _refuse_size(self) -> None:
        limit = self._limits.header
        self._refuse(
            b"431 Request Header Fields Too Large",
            "header_too_large",
            f"The header section is larger than {limit} bytes: send fewer or shorter fields.",
        )

    def _slow(self) -> None:
        self._refuse(b"408 Request Timeout", "request_timeout", "The header section did not arrive in time.")

    def _idle(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, status: bytes, code: str, message: str) -> None:
        """Answer and close; what still comes is ignored. An answer that is under way is cut by the close."""
        self._refused = True
        self._in_head = False
        self._disarm()
        body = b'{"error":{"message":"%s","type":"invalid_request_error","param":null,"code":"%s"}}' % (
            message.encode(),
            code.encode(),
        )
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever uvicorn's types say
        if cycle is None or cycle.response_complete:
            self.transport.write(
                b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
                % (status, len(body), body)
            )
        self.transport.close()

    def _arm(self, ns: int, fn: Any) -> None:
        self._timer = self.loop.call_later(ns / 1e9, fn)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
