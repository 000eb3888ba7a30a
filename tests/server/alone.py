"""A connection of our server without a socket, on the fake clock, and requests for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from tracegate.alarms import Alarms
from tracegate.server.limits import WIRE, Wire
from tracegate.server.protocol import LimitedProtocol
from tracegate.testing.clock import FakeClock

S = 1_000_000_000

REQUESTS = {
    "plain": b"GET /a HTTP/1.1\r\nHost: gw.test\r\nX-A: b\r\n\r\n",
    "percent, query": b"DELETE /a%20b%C3%A4?x=%20&y HTTP/1.1\r\nhost: gw.test\r\n\r\n",
    "the form for proxies": b"GET http://gw.test/a?b HTTP/1.1\r\nhost: gw.test\r\n\r\n",
    "HEAD": b"HEAD / HTTP/1.1\r\nhost: gw.test\r\n\r\n",
    "the version before": b"GET /a HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    "the last one": b"POST /a HTTP/1.1\r\nconnection: close\r\ncontent-length: 2\r\n\r\nab",
    "a body": b"POST /a HTTP/1.1\r\ncontent-length: 9\r\n\r\n123456789",
    "chunks": b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\nx-t: u\r\n\r\n",
    "a body that is asked for": b"PUT /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nab",
    "two": b"POST /a HTTP/1.1\r\ncontent-length: 2\r\n\r\nabGET /b HTTP/1.1\r\n\r\n",
    "long": b"GET /" + b"a" * 300 + b" HTTP/1.1\r\n\r\n",
}


class Transport(asyncio.Transport):
    """What was written to a client."""

    def __init__(self, address: object = ("127.0.0.1", 8080)) -> None:
        super().__init__({"sockname": address, "peername": address})
        self.written = b""
        self.calls: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.Transport`."""
        self.written += data

    def is_closing(self) -> bool:
        """See `asyncio.Transport`."""
        return "close" in self.calls

    def can_write_eof(self) -> bool:
        """See `asyncio.Transport`."""
        return False

    def close(self) -> None:
        """See `asyncio.Transport`."""
        self.calls.append("close")

    def abort(self) -> None:
        """See `asyncio.Transport`."""
        self.calls.append("abort")

    def pause_reading(self) -> None:
        """See `asyncio.Transport`."""
        self.calls.append("pause")

    def resume_reading(self) -> None:
        """See `asyncio.Transport`."""
        self.calls.append("resume")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """An application that tells all it was told."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    told = sorted((name, value) for name, value in scope.items() if name not in ("state", "extensions"))
    text = repr((told, body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text[:50], "more_body": True})
    await send({"type": "http.response.body", "body": text[50:]})


def settings(app: Any = echo, root_path: str = "") -> uvicorn.Config:
    """Those of a server."""
    made = uvicorn.Config(app, ws="none", lifespan="off", access_log=False, log_config=None, root_path=root_path)
    made.load()
    return made


async def turns() -> None:
    """What is to happen happens."""
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass
class Alone:
    """A connection on the fake clock, its application the one given."""

    app: Any = echo
    wire: Wire = field(default_factory=lambda: Wire(header_time_ns=S, keep_alive_ns=75 * S, alarms=Alarms(FakeClock())))

    def __post_init__(self) -> None:
        self.transport = Transport()
        self.state = ServerState()
        self.connection = LimitedProtocol(settings(self.app), self.state, {WIRE: self.wire})
        self.connection.connection_made(self.transport)

    def wait(self, seconds: float) -> list[str]:
        """Let time pass; what became of the connection."""
        clock = self.wire.alarms.clock
        assert isinstance(clock, FakeClock)
        clock.advance(round(seconds * S))
        return self.transport.calls
