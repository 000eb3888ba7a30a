"""Clients who ask at a pace, however long answers take: what one took is counted from when it was due."""

from __future__ import annotations

import asyncio
from collections import deque

from tests.bench.load import PATIENCE_S, Crowd, _Client
from tests.bench.work import Ask


class Pace(Crowd):
    """So many connections to one server, on which requests are sent at a pace; an async context manager.

    Args:
        port: On 127.0.0.1.
        ask: What is asked.
        clients: Connections; a request that finds none free waits for one.
    """

    def __init__(self, port: int, ask: Ask, clients: int) -> None:
        super().__init__(port, ask, clients)
        self._idle: list[_Client] | None = None  # while requests are sent at a pace
        self._due: deque[float] = deque()  # of those that wait for a connection
        self._more = False

    async def ask_at(self, per_s: float, seconds: float) -> int:
        """Send requests, evenly spaced, then wait for what is under way; returns how many were answered.

        Raises:
            WrongAnswer: At the first one.
            TimeoutError: An answer did not come.
        """
        for client in self._connections:
            await client.opened()
        self._done = asyncio.get_running_loop().create_future()
        self.took, self._open, self._idle = [], 0, [*self._connections]
        start, self._more = self.now(), True
        for number in range(most := int(per_s * seconds)):
            due = start + number / per_s
            if (early := due - self.now()) > 0:
                await asyncio.sleep(early)  # the pace is real time
            self._open += 1
            self._due.append(self.now() if early > 0 else due)  # a timer may be late by a millisecond
            if self._idle:
                self._next(self._idle.pop())
            self._more = number + 1 < most
        async with asyncio.timeout(PATIENCE_S):
            await self._done
        return len(self.took)

    def answered(self, client: _Client, took: float) -> None:
        """A right answer came."""
        if self._idle is None:
            super().answered(client, took)
            return
        self.took.append(took)
        self._open -= 1
        if self._due:
            self._next(client)
            return
        self._idle.append(client)
        if not self._open and not self._more and not self._done.done():
            self._done.set_result(None)

    def _next(self, client: _Client) -> None:
        if self._idle is None:
            super()._next(client)
            return
        client.send()
        client._sent = self._due.popleft()
