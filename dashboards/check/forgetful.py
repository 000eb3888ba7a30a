"""A receiver that a gateway can't be sure of: it takes the first request whole, and goes without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tracegate.stack import fetch


@asynccontextmanager
async def forgetful(otlp: str) -> AsyncIterator[str]:
    """Run one that hands what comes later to `/v1/traces` of another; gives its address.

    Args:
        otlp: The address of the other.
    """
    came = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        body = await reader.readexactly(int(fields[b"content-length"]))
        came += 1
        if came > 1:
            kind = {"Content-Type": fields[b"content-type"].decode()}
            answer = await fetch.ask(f"{otlp}/v1/traces", body, kind)
            writer.write(f"HTTP/1.1 {answer.status} .\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
