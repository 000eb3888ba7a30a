"""A bare HTTP/1.1 client over asyncio streams, which reads what comes and can hang up at any moment."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader
from contextlib import suppress
from typing import Any

from tests.agreement.client import Answer


async def ask(
    port: int,
    body: dict[str, Any],
    *,
    leave_ns: int | None = None,
    leave_after: int | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One chat completion, read to its end or left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = Answer(None)
    try:
        data = json.dumps(body).encode()
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-length: {len(data)}\r\n{extra}\r\n"
        writer.write(head.encode() + data)
        async with asyncio.timeout(None if leave_ns is None else leave_ns / 1e9):
            await _read(reader, answer, leave_after)
    except TimeoutError:
        answer.left = True
    finally:
        writer.close()
        with suppress(OSError):  # what the other end did to the connection meanwhile
            await writer.wait_closed()
    return answer


async def _read(reader: StreamReader, answer: Answer, leave_after: int | None) -> None:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    answer.status = int(lines[0].split()[1])
    answer.headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines[1:] if line)]
    length = answer.header("content-length")
    if length is not None:
        answer.body = await reader.readexactly(int(length))
        return
    chunks = 0
    while size := int(await reader.readline(), 16):
        answer.body += await reader.readexactly(size)
        await reader.readexactly(2)
        chunks += 1
        if leave_after is not None and chunks >= leave_after:
            answer.left = True
            return
    await reader.readline()
