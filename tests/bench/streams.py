"""Clients of streams: so many at once, who count what comes and note when the first word came.

Like those of `load` they are lean, check every answer, and go nowhere but to 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType

from tests.bench.load import END, PATIENCE_S, Kept, WrongAnswer
from tests.bench.work import CHUNKS, Ask

EVENT = b"data: "
FEWER = 3
"""Events that a gateway may leave out: one for the role, one for the finish reason, `[DONE]`."""


class Streams:
    """Open streams of one server; an async context manager.

    Args:
        port: On 127.0.0.1.
        ask: What each client asks.
        clients: How many.
        spread_s: They begin evenly over so many seconds.
    """

    def __init__(self, port: int, ask: Ask, clients: int, spread_s: float) -> None:
        self.asked = ask
        self.now = time.perf_counter  # uvloop's own time is of whole milliseconds
        self.events = 0
        """Of all streams so far."""
        self.first: list[float] = []
        """Seconds from each request to its first word."""
        self.ended = 0
        self._until = 0.0  # when the last stream may begin
        self._port, self._clients, self._spread_s = port, clients, spread_s
        self._streams: list[_Stream] = []
        self._changed = asyncio.Event()
        self._wrong: Exception | None = None

    async def play(self, seconds: float) -> int:
        """Begin all, and whenever one ends another one, for so long; wait for the end of all; returns how many.

        Args:
            seconds: 0 begins each once.

        Raises:
            WrongAnswer: At the first stream that is not as it should be.
            TimeoutError: One did not end.
        """
        self.ended, self._until = 0, self.now() + seconds
        await self.begin()
        await self.until(lambda: all(stream.idle for stream in self._streams))
        return self.ended

    async def begin(self) -> None:
        """Begin every stream."""
        pause = self._spread_s / self._clients
        for stream in self._streams:
            await stream.opened()
            stream.begin()
            if pause:
                await asyncio.sleep(pause)  # real clients do not begin in one moment, nor do paced ones here

    async def until(self, so: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Wait until something is so; raises as `play` does."""
        async with asyncio.timeout(patience_s):
            while not so() or self._wrong is not None:
                if self._wrong is not None:
                    raise self._wrong
                self._changed.clear()
                await self._changed.wait()

    def seen(self, events: int) -> None:
        """Events came."""
        self.events += events

    def end(self, stream: _Stream) -> None:
        """A stream ended well."""
        self.ended += 1
        if self.now() < self._until:
            stream.begin()
        else:
            self._changed.set()

    def began(self, took: float) -> None:
        """The first word of a stream came."""
        self.first.append(took)
        self._changed.set()

    def failed(self, exc: Exception) -> None:
        """One is not as it should be."""
        self._wrong = self._wrong or exc
        self._changed.set()

    async def __aenter__(self) -> Streams:
        self._streams = [_Stream(self, self._port) for _ in range(self._clients)]
        for stream in self._streams:
            await stream.opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            stream.close()


class _Stream(Kept):
    """One client, with one stream at a time."""

    __slots__ = ("_before", "_crowd", "_events", "_sent", "_waiting")

    def __init__(self, crowd: Streams, port: int) -> None:
        super().__init__(port, crowd.failed)
        self._crowd = crowd
        self._before = b""  # the last bytes seen
        self._events = 0
        self._sent = 0.0
        self._waiting = False

    def begin(self) -> None:
        self._waiting, self._events, self._before = True, 0, b""
        self._sent = self._crowd.now()
        self.write(self._crowd.asked.request)

    def data_received(self, data: bytes) -> None:
        if not self._before and not data.startswith(b"HTTP/1.1 200 "):
            self._crowd.failed(WrongAnswer(f"{data[:800]!r}"))
            return
        known = self._before[1 - len(EVENT) :] + data  # too little of what was counted to hold another event
        if events := known.count(EVENT):
            if self._waiting and self._crowd.asked.first in known:
                self._waiting = False
                self._crowd.began(self._crowd.now() - self._sent)
            self._events += events
            self._crowd.seen(events)
        self._before = (self._before + data)[-len(END) :] if len(data) < len(END) else data[-len(END) :]
        if self._before == END:
            self.idle = True
            if self._events < CHUNKS + 1 - FEWER:
                self._crowd.failed(WrongAnswer(f"a stream of {self._events} events"))
            else:
                self._crowd.end(self)
