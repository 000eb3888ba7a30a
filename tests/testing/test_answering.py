"""A function behind a socket: whole requests in, answers out, nothing left at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tracegate.testing.answering import answering
from tracegate.testing.receiver import Answer
from tracegate.testing.receiving import HttpRequest

ONE = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"


async def echo(request: HttpRequest) -> Answer:
    """What came."""
    return Answer(200, [("x-method", request.method)], request.body)


def connected(
    test: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    answer: Callable[[HttpRequest], Awaitable[Answer]] = echo,
) -> None:
    """Run a test over one connection."""

    async def main() -> None:
        async with asyncio.timeout(10), answering(answer) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            try:
                await test(reader, writer)
            finally:
                writer.close()

    asyncio.run(main())


def test_requests_are_answered_one_after_the_other() -> None:
    """Over one connection, however they are cut."""

    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in (ONE[:20], ONE[20:] + ONE):
            writer.write(part)
            await writer.drain()
        expected = b"HTTP/1.1 200 \r\nx-method: POST\r\ncontent-length: 4\r\n\r\nbody"
        assert await reader.readexactly(2 * len(expected)) == 2 * expected

    connected(test)


def test_what_is_no_request_is_refused() -> None:
    """And the connection closed."""

    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"nothing\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")

    connected(test)


def test_what_is_not_answered_at_the_end_never_is() -> None:
    """Nobody waits for it."""
    asked = asyncio.Event()

    async def never(request: HttpRequest) -> Answer:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ONE)
        await asked.wait()

    connected(test, never)


def test_a_client_that_is_gone_is_let_go() -> None:
    """Between two requests."""

    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ONE)
        await reader.readuntil(b"body")
        writer.write_eof()
        assert await reader.read() == b""

    connected(test)
