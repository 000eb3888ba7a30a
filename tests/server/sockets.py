"""A gateway behind a real socket, its one provider in memory, and a client that speaks HTTP by hand."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvloop

from tests.agreement.house import loaded
from tests.server.opened import CALL, config
from tracegate.clock import SystemClock
from tracegate.server.assemble import Assembled, assemble
from tracegate.server.serve import bind, serving
from tracegate.testing.collected import Collected
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.script_text import Scripted

SOON_S = 30.0
"""A bound on anything that is waited for; nothing takes nearly so long."""

POST = "POST /v1/chat/completions HTTP/1.1\r\nhost: gw.test\r\ncontent-type: application/json\r\n"


def call(model: str = "chat", stream: bool = False, fields: str = "") -> bytes:
    """A whole request."""
    body = json.dumps({**CALL, "model": model, "stream": stream}).encode()
    return f"{POST}content-length: {len(body)}\r\n{fields}\r\n".encode() + body


@dataclass
class Answer:
    """One answer as it came."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of the error, which has our shape."""
        assert self.fields["content-type"] == "application/json"
        assert len(self.fields["x-request-id"]) == 36
        assert self.fields["via"] == "1.1 tracegate-test"
        return str(json.loads(self.body)["error"]["code"])


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """Hand over bytes."""
        self.writer.write(data)

    async def trickle(self, data: bytes, every_s: float = 0.0) -> None:
        """Hand over byte by byte, each in a packet of its own."""
        for byte in data:
            self.writer.write(bytes((byte,)))
            await self.writer.drain()
            await asyncio.sleep(every_s)  # as slow as a client that trickles

    async def answer(self) -> Answer:
        """Read one answer."""
        async with asyncio.timeout(SOON_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = dict(line.split(": ", 1) for line in head[1:] if line)
            status = int(head[0].split()[1])
            if "content-length" in fields:
                return Answer(status, fields, await self.reader.readexactly(int(fields["content-length"])))
            body = b""
            while size := int(await self.reader.readline(), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readline()
            return Answer(status, fields, body)

    async def closed(self) -> bytes:
        """What is left to read when the server closes."""
        async with asyncio.timeout(SOON_S):
            return await self.reader.read()


class Served:
    """A gateway behind a socket, its one provider in memory."""

    def __init__(self, made: Assembled, view: Collected, exchange: MemoryExchange, port: int) -> None:
        self.made = made
        self.view = view
        self.exchange = exchange
        self.address = "127.0.0.1", port

    @asynccontextmanager
    async def client(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
        """A connection."""
        reader, writer = await asyncio.open_connection(*self.address, ssl=tls)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()


def on_sockets(
    loop: str,
    asked: Callable[[Served], Awaitable[None]],
    model: str = "sim-ok",
    scripts: Mapping[str, Scripted] | None = None,
    *,
    listen: str = "127.0.0.1:0",
    limits: str = "",
    more: str = "",
    route: str = "",
    afterwards: Callable[[], Awaitable[None]] | None = None,
) -> Served:
    """Serve a gateway on a loop, and let something be asked of it; `afterwards` runs when it has stopped."""
    made: list[Served] = []

    async def main() -> None:
        clock = SystemClock()
        text = config(model, route=route, more=f"listen: {listen}\nlimits: {{{limits}}}\n{more}")
        configured, exchange, view = loaded(text), MemoryExchange(clock, scripts), Collected()
        assembled = assemble(configured, view, exchanges={"p0": exchange})
        with bind(configured.listen) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)  # what a slow client leaves unread, counts
            served = Served(assembled, view, exchange, sock.getsockname()[1])
            made.append(served)
            async with serving(assembled.app, sock, configured):
                await asked(served)
        if afterwards is not None:
            await afterwards()
        assert assembled.gateway.open == 0

    (uvloop.run if loop == "uvloop" else asyncio.run)(main())
    return made[0]


async def until(happened: Callable[[], bool]) -> None:
    """Wait until something was seen by the server."""
    async with asyncio.timeout(SOON_S):
        while not happened():  # noqa: ASYNC110  # nobody there sets an event
            await asyncio.sleep(0.005)  # up to `SOON_S`: as the line above says


def read_all(sock: socket.socket) -> bytes:
    """Read to the end."""
    data = b""
    while part := sock.recv(1_000_000):
        data += part
    return data
