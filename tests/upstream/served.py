"""Servers that do to a transport what no simulated provider can, and exchanges that meet them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracegate.clock import Clock, SystemClock
from tracegate.dialects.dialect import Outgoing
from tracegate.facts import Connection, Limit, Target
from tracegate.upstream.exchange import Exchange
from tracegate.upstream.fast.exchange import fast_exchange
from tracegate.upstream.origin import TransportSettings
from tracegate.upstream.transport import Maker, Wrap, httpx_exchange
from tracegate.wire.headers import Headers

MS = 1_000_000
S = 1_000_000_000
LATE = 3 * S  # how late a busy machine may be; what is exact is shown on virtual time
TLS = Path(__file__).parent / "tls"

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
"""A whole answer."""

Making = Callable[..., Exchange]
STOCK: Mapping[str, Making] = {"httpx": httpx_exchange, "fast": fast_exchange}
"""What makes exchanges over our own transports."""

stock = STOCK["httpx"]  # the fixture `transport` takes another

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def go(
    main: Callable[[], Coroutine[Any, Any, None]], loop: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> None:
    """Run a test; fails when it leaves tasks behind, or sockets, which tell it when they are collected."""

    async def whole() -> None:
        async with asyncio.timeout(60):
            await main()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(whole())
    gc.collect()


@contextlib.asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server on a free port, which it yields; each connection is the handler's until it returns."""
    open_: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            open_.discard(task)

    server = await asyncio.start_server(handle, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(open_):
            task.cancel()
        if open_:
            await asyncio.wait(open_)
        await server.wait_closed()


def answering(*answers: bytes) -> Handler:
    """A handler that answers the requests of each connection with these bytes, one each, and then hangs up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await received(reader)
            writer.write(answer)
            await writer.drain()

    return handle


async def received(reader: asyncio.StreamReader) -> bytes:
    """One request, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.partition(b":")[2]))
    return head


def tls_server(name: str = "server", *, clients: bool = False) -> ssl.SSLContext:
    """The server's side of TLS; with `clients`, only for callers with a certificate of the tests' authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(TLS / "ca.pem"))
    context.load_cert_chain(TLS / f"{name}.pem")
    context.verify_mode = ssl.CERT_REQUIRED if clients else ssl.CERT_NONE
    return context


def outgoing(
    port: int,
    model: str = "m",
    *,
    scheme: str = "http",
    host: str = "127.0.0.1",
    path: str = "/v1/chat/completions",
    headers: tuple[tuple[str, str], ...] = (),
    stream: bool = False,
    body: bytes | None = None,
) -> Outgoing:
    """A request to a server of the test."""
    if body is None:
        streams = b"true" if stream else b"false"
        body = b'{"model":"%b","messages":[{"role":"user","content":"hi"}],"stream":%b}' % (model.encode(), streams)
    target = Target("t", "p", "openai", model, scheme=scheme, host=host, port=port)
    return Outgoing(target, path, [("content-type", "application/json"), *headers], body)


@dataclass
class Answer:
    """What came of one exchange."""

    status: int = 0
    headers: Headers = ()
    body: bytes = b""
    connection: Connection = field(default_factory=Connection)


async def asked(
    exchange: Exchange,
    request: Outgoing,
    *,
    connection: Connection | None = None,
    connect: int = 5 * S,
    write: int = 5 * S,
    within: int = 10 * S,
    limit: Limit = "attempt",
) -> Answer:
    """Send a request, read the answer, give the connection back; limits count from now."""
    facts = connection or Connection()
    now = SystemClock.now()
    until = now + within
    incoming = await exchange.send(
        request, facts, connect_by=now + connect, write_by=now + write, until=until, limit=limit
    )
    body = b""
    try:
        while data := await incoming.read(until, limit):
            body += data
    except BaseException:
        incoming.abort()
        raise
    incoming.release()
    return Answer(incoming.status, incoming.headers, body, facts)


@contextlib.asynccontextmanager
async def exchanging(
    *,
    scheme: str = "http",
    host: str = "127.0.0.1",
    port: int | None = None,
    connections: int = 200,
    waiting: int = 1000,
    idle: int = 20 * S,
    proxy: str = "none",
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    maker: Maker | None = None,
    wrap: Wrap | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Exchange]:
    """An exchange that is closed in the end."""
    settings = TransportSettings(scheme, host, port, connections, idle, proxy, ca, cert, key)
    exchange: Exchange
    if maker is None and wrap is None and proxy == "none":
        exchange = stock(settings, clock or SystemClock(), waiting=waiting)
    else:
        exchange = httpx_exchange(settings, clock or SystemClock(), waiting=waiting, maker=maker, wrap=wrap)
    try:
        yield exchange
    finally:
        await exchange.close()


async def quiet() -> None:
    """Let the loop do what is ready, so that what was handed to a task of its own is done."""
    for _ in range(20):
        await asyncio.sleep(0)


def sending_alerts(context: ssl.SSLContext) -> Handler:
    """A handler whose TLS alerts arrive: asyncio's own server hangs up before they could."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(came, sent, server_side=True)
        refused = False
        while not refused:
            try:
                server.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(sent.read())
                came.write(await reader.read(65536))
            except ssl.SSLError:
                writer.write(sent.read())
                refused = True
        while await reader.read(65536):
            pass

    return handle
