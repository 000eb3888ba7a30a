"""The OTLP receiver on a socket: a small HTTP/1.1 server of its own, on 127.0.0.1 only.

It reads requests strictly (RFC 9112) and hands them to a `Receiver`; a sender that hangs up while it waits is noticed,
so what was not answered was not taken.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tracegate.testing.otlp.values import Malformed, need
from tracegate.testing.receiver import Answer, Received, Receiver

_LINE = re.compile(rb"([A-Z]+) (/[^ ]*) HTTP/1\.1")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\x00]*?)[ \t]*")
_SIZE = re.compile(rb"([0-9A-Fa-f]+)(?:;[^\r\n]*)?\r\n")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, whole."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """All values of a field, its name in lower case."""
        return [value for key, value in self.headers if key == name]


def take_request(buffer: bytearray) -> HttpRequest | None:
    """Cut a whole request off the front of a buffer; `None` when it is not whole yet.

    Raises:
        Malformed: When it never can be.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = bytes(buffer[:end]).split(b"\r\n")
    match = _LINE.fullmatch(first)
    if match is None:
        raise Malformed(f"HTTP: the request line is {first!r}")
    headers = [_field(line) for line in lines]
    request = HttpRequest(match[1].decode(), match[2].decode("latin-1"), headers, b"")
    lengths, codings = request.values("content-length"), request.values("transfer-encoding")
    need(len(request.values("host")) == 1, "HTTP: one `Host` is needed")
    need(len(lengths) + len(codings) <= 1, f"HTTP: framing is ambiguous: {lengths} {codings}")
    body, rest = None, end + 4
    if codings:
        need(codings == ["chunked"], f"HTTP: transfer-encoding is {codings}")
        body, rest = _chunked(buffer, rest)
    else:
        need(all(length.isdigit() for length in lengths), f"HTTP: content-length is {lengths}")
        size = int(lengths[0]) if lengths else 0
        if len(buffer) >= rest + size:
            body, rest = bytes(buffer[rest : rest + size]), rest + size
    if body is None:
        return None
    del buffer[:rest]
    return HttpRequest(request.method, request.path, headers, body)


def _field(line: bytes) -> tuple[str, str]:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise Malformed(f"HTTP: a header field is {line!r}")
    return match[1].decode().lower(), match[2].decode("latin-1")


def _chunked(buffer: bytearray, at: int) -> tuple[bytes | None, int]:
    """The body in chunks from a place on, and where it ends; `None` when it is not whole yet. No trailers."""
    parts: list[bytes] = []
    while True:
        if b"\r\n" not in buffer[at:]:
            return None, at
        match = _SIZE.match(buffer, at)
        if match is None:
            raise Malformed(f"HTTP: a chunk begins with {bytes(buffer[at : at + 20])!r}")
        start, size = match.end(), int(match[1], 16)
        if len(buffer) < start + size + 2:
            return None, at
        need(buffer[start + size : start + size + 2] == b"\r\n", "HTTP: a chunk is longer than it says")
        if not size:
            return b"".join(parts), start + 2
        parts.append(bytes(buffer[start : start + size]))
        at = start + size + 2


class _Connection(asyncio.Protocol):
    """One connection: requests in, answers out, one after the other."""

    def __init__(self, receiver: Receiver, open_ones: set[_Connection]) -> None:
        self._receiver = receiver
        self._open_ones = open_ones
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # asyncio says so: a stream's is a Transport
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.discard(self)
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> None:
        """Reset the connection."""
        peer = self._transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST instead of FIN
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def _next(self) -> None:
        if self._task is not None or self._transport.is_closing():
            return
        try:
            request = take_request(self._buffer)
        except Malformed as exc:
            failed = Received("", [], bytes(self._buffer), 0, self._port(), status=400, error=str(exc))
            self._receiver.requests.append(failed)
            self._write(Answer(400, [], b""), last=True)
            return
        if request is not None:
            self._task = asyncio.create_task(self._answer(request))

    async def _answer(self, request: HttpRequest) -> None:
        last = "close" in request.values("connection")
        if request.method == "POST":
            try:
                answer = await self._receiver.post(request.path, request.headers, request.body, port=self._port())
            except ConnectionResetError:
                self.abort()
                return
        else:
            answer = Answer(405, [("allow", "POST")], b"")
        self._write(answer, last)
        self._task = None
        self._next()

    def _port(self) -> int:
        port: int = self._transport.get_extra_info("peername")[1]
        return port

    def _write(self, answer: Answer, last: bool) -> None:
        fields = [*answer.headers, ("content-length", str(len(answer.body))), *([("connection", "close")] * last)]
        head = f"HTTP/1.1 {answer.status} \r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
        self._transport.write(head.encode("latin-1") + b"\r\n" + answer.body)
        if last:
            self._transport.close()


class Listening:
    """A receiver's server; made by `listen`. `port` stays the same over `die` and `revive`."""

    def __init__(self, receiver: Receiver) -> None:
        self.port = 0
        self._receiver = receiver
        self._server: asyncio.Server | None = None
        self._open_ones: set[_Connection] = set()

    @property
    def url(self) -> str:
        """What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open_ones)

    async def revive(self) -> None:
        """Open the port (again)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self._receiver, self._open_ones), "127.0.0.1", self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def die(self) -> None:
        """Close the port and drop every connection; who connects now is refused."""
        if self._server is not None:
            self._server.close()
            tasks = [one._task for one in self._open_ones if one._task is not None]
            for one in list(self._open_ones):
                one.abort()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None


@asynccontextmanager
async def listen(receiver: Receiver) -> AsyncIterator[Listening]:
    """Serve a receiver on a free port of 127.0.0.1 while the block runs."""
    listening = Listening(receiver)
    await listening.revive()
    try:
        yield listening
    finally:
        await listening.die()
