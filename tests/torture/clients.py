"""Clients who ask until the gateway is gone, and keep every byte of what they got."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

PATH = "/v1/chat/completions"
PATIENCE_S = 30.0

RECORD = re.compile(rb"\r\ntracegate-record: (tg-[0-9a-f-]+)\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_RECEIPT = re.compile(rb"^: tracegate-receipt [\w-]+\n", re.MULTILINE)
_NUMBER = re.compile(rb"Who serves\? (\d+)")
END = b"0\r\n\r\n"


@dataclass(slots=True)
class Held:
    """What a client got for one request.

    Args:
        asked: The body that it sent.
        raw: Every byte, as it came.
    """

    asked: bytes
    raw: bytes = b""

    @property
    def status(self) -> int | None:
        """Of the answer; `None` where not even that came."""
        return int(self.raw[9:12]) if len(self.raw) > 12 else None

    @property
    def record(self) -> str | None:
        """The record that it names."""
        found = RECORD.search(self._head)
        return found[1].decode() if found else None

    @property
    def streamed(self) -> bool:
        """Whether it is a stream."""
        return b"text/event-stream" in self._head

    @property
    def receipt(self) -> bool:
        """Whether it is a stream with its receipt."""
        return _RECEIPT.search(self.raw) is not None

    @property
    def whole(self) -> bool:
        """Whether nothing of it is missing."""
        length = _LENGTH.search(self._head)
        if length is not None:
            return len(self.raw) >= len(self._head) + int(length[1])
        return bool(self._head) and self.raw.endswith(END)

    @property
    def _head(self) -> bytes:
        end = self.raw.find(b"\r\n\r\n")
        return self.raw[: end + 4] if end >= 0 else b""


_numbers = count()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request.

    Args:
        model: What is asked for.
        stream: Whether a stream is wanted.
        more: Bytes that it is larger.
    """

    model: str
    stream: bool = False
    more: int = 0

    def asked(self) -> bytes:
        """The body of one that is like no other."""
        content = f"Who serves? {next(_numbers)} {'x' * self.more}"
        asked: dict[str, object] = {"model": self.model, "messages": [{"role": "user", "content": content}]}
        return json.dumps(asked | ({"stream": True} if self.stream else {})).encode()


def number_of(asked: bytes) -> int:
    """Which request it is, also as a provider was sent it."""
    return int(_NUMBER.search(asked)[1])  # type: ignore[index]  # each has one


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, held: Held) -> bool:
    """Send one request and read its answer; returns whether it came whole."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(held.asked)}\r\n\r\n".encode() + held.asked)
    while not held.whole:
        async with asyncio.timeout(PATIENCE_S):
            piece = await reader.read(65_536)
        if not piece:
            return False
        held.raw += piece
    return True


async def ask_once(port: int, kind: Kind) -> Held:
    """One request on a connection of its own."""
    held = Held(kind.asked())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await ask(reader, writer, held)
    except ConnectionError:
        pass
    finally:
        writer.close()
    return held


async def ask_on(port: int, kinds: Sequence[Kind], chance: Random, got: list[Held]) -> None:
    """Ask for one after the other, by chance, until the gateway is gone; `got` grows."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                got.append(Held(chance.choice(kinds).asked()))
                if not await ask(reader, writer, got[-1]):
                    return
        finally:
            writer.close()
    except ConnectionError:
        return
