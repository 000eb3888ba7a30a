"""A function that answers requests on a socket of 127.0.0.1: what the small servers of the test kit run behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tracegate.testing.otlp.values import Malformed
from tracegate.testing.receiver import Answer
from tracegate.testing.receiving import HttpRequest, take_request

READ = 65_536  # bytes at a time


@asynccontextmanager
async def answering(answer: Callable[[HttpRequest], Awaitable[Answer]]) -> AsyncIterator[str]:
    """Serve while the block runs; gives the URL without a path. What it has not answered at the end, it never does."""
    open_ones: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = bytearray()
        try:
            while True:
                try:
                    request = take_request(buffer)
                except Malformed:
                    writer.write(b"HTTP/1.1 400 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                if request is not None:
                    writer.write(_bytes(await answer(request)))
                elif more := await reader.read(READ):
                    buffer += more
                else:
                    return
        except (asyncio.CancelledError, ConnectionError):  # the block is left, or the client is gone
            return
        finally:
            writer.close()
            with suppress(OSError):  # how it ended says nothing
                await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        open_ones.add(task)
        task.add_done_callback(open_ones.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(open_ones):
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)
        await server.wait_closed()


def _bytes(answer: Answer) -> bytes:
    fields = [*answer.headers, ("content-length", str(len(answer.body)))]
    head = f"HTTP/1.1 {answer.status} \r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
    return head.encode("latin-1") + b"\r\n" + answer.body
