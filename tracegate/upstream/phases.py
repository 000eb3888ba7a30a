"""Where one request is: connecting, writing it, or waiting for the head of the answer; and the limit of each.

It listens to the trace hooks of httpcore, fills in the connection facts that they tell, and knows at any time which
limit fires next. A transport without hooks is in the last phase all the time: then connection facts stay absent, the
transport keeps the connect and write limits itself as well as it can, and only `until` is kept here.

Source of the hooks' names: https://www.encode.io/httpcore/extensions/#trace
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from tracegate.clock import Clock
from tracegate.errors import TimedOut
from tracegate.facts import Connection, Limit
from tracegate.upstream.faults import Phase, too_late
from tracegate.upstream.origin import authority


class Phases:
    """The phases of one request.

    Args:
        clock: Stamps facts.
        connection: Filled with them.
        connect_by, write_by, until: When each phase must be over, in monotonic nanoseconds.
        limit: The name of `until`.

    Attributes:
        phase: The present one.
        by: When it must be over.
        writing: When the request began to be written; `None` before.
        sooner: Called when `by` becomes an earlier time than it was.
    """

    __slots__ = (
        "_began",
        "_clock",
        "_connect_by",
        "_connection",
        "_limit",
        "_tunnel",
        "_until",
        "_write_by",
        "by",
        "phase",
        "sooner",
        "writing",
    )

    def __init__(
        self, clock: Clock, connection: Connection, *, connect_by: int, write_by: int, until: int, limit: Limit
    ) -> None:
        self._clock = clock
        self._connection = connection
        self._connect_by = connect_by
        self._write_by = write_by
        self._until = until
        self._limit: Limit = limit
        self._began: int | None = None  # when connecting began; `None` where a connection is reused
        self._tunnel = False  # whether what is exchanged is CONNECT, with a proxy
        self.phase: Phase = "head"
        self.by = until
        self.writing: int | None = None
        self.sooner: Callable[[], None] | None = None

    def begin(self) -> None:
        """Connecting begins, or begins anew; for transports whose hooks are known to work."""
        self._began = self.writing = None
        self._connection.reused = None
        self._enter("connect", self._connect_by)

    def own(self) -> dict[str, float | None]:
        """The limits that a transport is asked to keep itself, in seconds, under httpx's names."""
        now = self._clock.now()
        connect = max(0, self._connect_by - now) / 1e9
        return {"connect": connect, "pool": connect, "write": max(0, self._write_by - now) / 1e9, "read": None}

    def timed_out(self) -> TimedOut:
        """What the request fails with when the time of its phase is over."""
        limit = self._limit
        if self.by < self._until:
            limit = "write" if self.phase == "write" else "connect"
        return too_late(limit)

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take an event of the transport; see the source above."""
        step = _STEPS.get(event)
        if step is not None:
            step(self, info)

    def _enter(self, phase: Phase, by: int) -> None:
        before = self.by
        self.phase = phase
        self.by = min(by, self._until)
        if self.by < before and self.sooner is not None:
            self.sooner()

    def _connecting(self, info: Mapping[str, Any]) -> None:
        self._began = self._clock.now()
        self._enter("connect", self._connect_by)

    def _securing(self, info: Mapping[str, Any]) -> None:
        self.phase = "tls"

    def _connected(self, info: Mapping[str, Any]) -> None:
        """TCP or TLS stands, maybe not the last of either."""
        self.phase = "connect"
        describe_stream(info["return_value"], self._connection)

    def _writing(self, info: Mapping[str, Any]) -> None:
        self._tunnel = info["request"].method == b"CONNECT"
        if self._tunnel:
            return
        now = self.writing = self._clock.now()
        self._connection.reused = self._began is None
        if self._began is not None:
            self._connection.connect_ns = now - self._began
        self._enter("write", self._write_by)

    def _written(self, info: Mapping[str, Any]) -> None:
        if not self._tunnel:
            self._connection.sent = self._clock.now()

    def _waiting(self, info: Mapping[str, Any]) -> None:
        """Also where the request could not be written whole: the provider may have answered before its end."""
        if not self._tunnel:
            self._enter("head", self._until)

    def _answered(self, info: Mapping[str, Any]) -> None:
        if not self._tunnel:
            self._connection.first_byte = self._clock.now()


_STEPS: Mapping[str, Callable[[Phases, Mapping[str, Any]], None]] = {
    "connection.connect_tcp.started": Phases._connecting,
    "connection.connect_tcp.complete": Phases._connected,
    "connection.connect_unix_socket.started": Phases._connecting,
    "connection.start_tls.started": Phases._securing,
    "connection.start_tls.complete": Phases._connected,
    "proxy.start_tls.started": Phases._securing,
    "proxy.start_tls.complete": Phases._connected,
    "http11.send_request_headers.started": Phases._writing,
    "http11.send_request_body.complete": Phases._written,
    "http11.receive_response_headers.started": Phases._waiting,
    "http11.receive_response_headers.complete": Phases._answered,
    "http2.send_request_headers.started": Phases._writing,
    "http2.send_request_body.complete": Phases._written,
    "http2.receive_response_headers.started": Phases._waiting,
    "http2.receive_response_headers.complete": Phases._answered,
}


def describe_stream(stream: Any, connection: Connection) -> None:
    """Fill in what a stream of httpcore tells: who the peer is, and how TLS protects it."""
    peer = stream.get_extra_info("server_addr")
    if isinstance(peer, tuple):
        host, port = peer[:2]
        connection.peer = authority(host, port)
    secured = stream.get_extra_info("ssl_object")
    if isinstance(secured, ssl.SSLObject):
        connection.tls = secured.version()


def describe(response: httpx.Response, connection: Connection) -> None:
    """Fill in what an answer tells of its connection, the protocol included."""
    version = response.extensions.get("http_version")
    if isinstance(version, bytes):
        connection.protocol = "h2" if version == b"HTTP/2" else version.decode("latin-1").lower()
    stream = response.extensions.get("network_stream")
    if stream is not None and connection.peer is None:
        describe_stream(stream, connection)
