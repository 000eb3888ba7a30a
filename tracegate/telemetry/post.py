"""Posting OTLP over HTTP/1.1: one kept connection per poster, over plain asyncio streams.

Not a general HTTP client: it posts one body at a time and reads a small answer. Redirects are not followed, proxies not
asked, cookies not kept, and nothing is sent twice: who gets no answer is told whether the body may have arrived.
A server that breaks HTTP is like one that hangs up.
Source: RFC 9112; OTLP specification 1.x, OTLP/HTTP.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlsplit

from tracegate import __version__

Headers = Sequence[tuple[str, str]]

ANSWER = 64 * 1024
"""Bytes of an answer's head, and of its body, that are read; what OTLP answers has a few."""

INTERIM = 8
"""Interim answers (1xx) that are skipped before one is taken for a fault."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered; names of header fields are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a field."""
        return next((value for key, value in self.headers if key == name), None)


class Unanswered(ConnectionError):
    """It was sent, at least in part, and there is no answer that can be read: the receiver may have taken it."""


class Post(Protocol):
    """Sends one body."""

    async def __call__(self, url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        """Post it and return the answer.

        Raises:
            Unanswered: It may have arrived.
            OSError: It can't have arrived.
        """


def tls_context(ca: str | None, cert: str | None, key: str | None) -> ssl.SSLContext:
    """What `https` is verified with: a CA bundle instead of the system's, and a client certificate (paths, PEM).

    Raises:
        OSError: A file can't be read, or is none (`ssl.SSLError`).
    """
    context = ssl.create_default_context(cafile=ca)
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


class Poster:
    """A `Post` over asyncio streams.

    Args:
        tls: For `https`; by default the system's trust.
    """

    __slots__ = ("_idle", "_tls")

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._idle: _Connection | None = None

    async def __call__(self, url: str, headers: Headers, body: bytes, timeout_ns: int, method: str = "POST") -> Answer:
        """See `Post`; another method than POST is sent in the same way, but none whose answer has no body (HEAD)."""
        origin = _origin(url)
        lines = [
            f"{method} {origin.target} HTTP/1.1",
            f"Host: {origin.host_field}",
            f"User-Agent: tracegate/{__version__}",
        ]
        lines += [f"{name}: {value}" for name, value in headers]
        lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(timeout_ns / 1e9):
                connection = self._take(origin) or await self._connect(origin)
                return await self._exchange(connection, head, body)
        except TimeoutError as exc:
            if connection is None:
                raise
            raise Unanswered("no answer in time") from exc

    async def close(self) -> None:
        """Close the kept connection."""
        idle, self._idle = self._idle, None
        if idle is not None:
            idle.abort()
            with suppress(OSError):  # it is dropped: how it ended says nothing
                await idle.writer.wait_closed()

    def _take(self, origin: _Origin) -> _Connection | None:
        idle, self._idle = self._idle, None
        if idle is None:
            return None
        if idle.origin == origin and not idle.reader.at_eof() and not idle.writer.is_closing():
            return idle
        idle.abort()
        return None

    async def _connect(self, origin: _Origin) -> _Connection:
        tls = (self._tls or tls_context(None, None, None)) if origin.secure else None
        reader, writer = await asyncio.open_connection(origin.host, origin.port, ssl=tls, limit=ANSWER)
        return _Connection(origin, reader, writer)

    async def _exchange(self, connection: _Connection, head: bytes, body: bytes) -> Answer:
        try:
            connection.writer.writelines((head, body))
            await connection.writer.drain()
            answer, kept = await _read(connection.reader)
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            connection.abort()
            raise Unanswered("the receiver closed the connection") from exc
        except (asyncio.LimitOverrunError, ValueError) as exc:
            connection.abort()
            raise Unanswered(f"the receiver does not speak HTTP/1.1: {exc}") from exc
        except BaseException:
            connection.abort()
            raise
        if kept:
            self._idle = connection
        else:
            connection.abort()
        return answer


@dataclass(frozen=True, slots=True)
class _Origin:
    host: str
    port: int
    secure: bool
    host_field: str
    target: str


@dataclass(frozen=True, slots=True)
class _Connection:
    origin: _Origin
    reader: StreamReader
    writer: StreamWriter

    def abort(self) -> None:
        """Close it at once."""
        self.writer.transport.abort()


@lru_cache(16)
def _origin(url: str) -> _Origin:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Origin(host, parts.port or (443 if secure else 80), secure, parts.netloc.rpartition("@")[2], target)


async def _read(reader: StreamReader) -> tuple[Answer, bool]:
    """One answer, and whether the connection can be used again."""
    for _ in range(INTERIM):
        lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        version, _, rest = lines[0].partition(b" ")
        status = int(rest[:3])
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not 100 <= status <= 599:
            raise ValueError(f"status line {lines[0][:40]!r}")
        if status >= 200:
            break
    else:
        raise ValueError("only interim answers")
    fields = tuple(_field(line) for line in lines[1:])
    answer = Answer(status, fields, b"")
    body, whole = (b"", True) if status in (204, 304) else await _body(reader, answer)
    closes = "close" in (answer.header("connection") or "").lower()
    return Answer(status, fields, body), whole and not closes and version == b"HTTP/1.1"


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon:
        raise ValueError(f"header field {line[:40]!r}")
    return name.decode("latin-1").lower(), value.strip(b" \t").decode("latin-1")


async def _body(reader: StreamReader, answer: Answer) -> tuple[bytes, bool]:
    """The body, and whether it was read to its end; at most `ANSWER` bytes of it."""
    if (answer.header("transfer-encoding") or "").lower() == "chunked":
        return await _chunks(reader)
    length = answer.header("content-length")
    if length is None:
        return await reader.read(ANSWER), False
    size = int(length)
    return await reader.readexactly(min(size, ANSWER)), size <= ANSWER


async def _chunks(reader: StreamReader) -> tuple[bytes, bool]:
    found = b""
    while True:
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        if size == 0:
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass  # trailers
            return found, True
        if len(found) + size > ANSWER:
            return found, False
        found += (await reader.readexactly(size + 2))[:-2]
