"""A view that keeps closed requests, so that a test or a demo can look at their records."""

from __future__ import annotations

import asyncio

from tracegate.record import Record, Recorder
from tracegate.telemetry.view import View


class Collected:
    """Keeps requests in the order in which they closed, and hands them on.

    Args:
        onwards: Other views that are told too.
    """

    def __init__(self, *onwards: View) -> None:
        self.requests: list[Recorder] = []
        self._onwards = onwards
        self._changed = asyncio.Event()

    def add(self, request: Recorder) -> None:
        """See `View.add`."""
        self.requests.append(request)
        self._changed.set()
        for view in self._onwards:
            view.add(request)

    def late(self, request: Recorder, record: Record) -> None:
        """See `View.late`."""
        for view in self._onwards:
            view.late(request, record)

    def start(self) -> None:
        """See `View.start`."""
        for view in self._onwards:
            view.start()

    async def flush(self, by: int) -> None:
        """See `View.flush`."""
        for view in self._onwards:
            await view.flush(by)

    async def close(self, by: int) -> None:
        """See `View.close`."""
        for view in self._onwards:
            await view.close(by)

    async def until(self, count: int, within_s: float = 10.0) -> list[Recorder]:
        """Wait until so many requests have closed; raises `TimeoutError` when they do not."""
        async with asyncio.timeout(within_s):
            while len(self.requests) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.requests
