"""Receivers that are not to be relied on: of the first request, one goes without an answer, the other forgets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from tracegate.stack import fetch

OK = b"HTTP/1.1 200 .\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@asynccontextmanager
async def forgetful(otlp: str) -> AsyncIterator[str]:
    """Run one that a gateway can't be sure of: it takes the first request whole, and hangs up; gives its address.

    Args:
        otlp: The address of another, which gets what comes later.
    """
    async with _before(otlp, lambda body: b"") as url:
        yield url


@asynccontextmanager
async def swallowing(otlp: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run one that loses what it said it has: the first request; gives its address, and what it lost.

    Args:
        otlp: The address of another, which gets what comes later.
    """
    lost: list[bytes] = []

    def lose(body: bytes) -> bytes:
        lost.append(body)
        return OK

    async with _before(otlp, lose) as url:
        yield url, lost


@asynccontextmanager
async def _before(otlp: str, first: Callable[[bytes], bytes]) -> AsyncIterator[str]:
    came = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        head = await reader.readuntil(b"\r\n\r\n")
        request, *lines = head.split(b"\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in lines if line)
        body = await reader.readexactly(int(fields[b"content-length"]))
        came += 1
        if came == 1:
            writer.write(first(body))
        else:
            kind = {"Content-Type": fields[b"content-type"].decode()}
            answer = await fetch.ask(f"{otlp}{request.split()[1].decode()}", body, kind)
            writer.write(f"HTTP/1.1 {answer.status} .\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        writer.close()
        with suppress(OSError):  # how it ended says nothing
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
