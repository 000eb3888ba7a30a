"""A flag that one task at a time waits for: `asyncio.Event` without its queue, which takes more memory than the rest.

uvicorn has two for every connection: whether something came, and whether the client takes more.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from uvicorn.protocols.http.flow_control import FlowControl


class Flag(asyncio.Event):
    """An `asyncio.Event` for one who waits."""

    __slots__ = ("_up", "_waiter")

    def __init__(self, *, up: bool = False) -> None:
        # Not the event's own: what that makes is what is saved.
        self._up = up
        self._waiter: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"Flag({'up' if self._up else 'down'})"

    def is_set(self) -> bool:
        """See `asyncio.Event`."""
        return self._up

    def set(self) -> None:
        """See `asyncio.Event`."""
        self._up = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        """See `asyncio.Event`."""
        self._up = False

    async def wait(self) -> Literal[True]:
        """See `asyncio.Event`."""
        if not self._up:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return True


class Flow(FlowControl):
    """uvicorn's flow control with such a flag.

    Args:
        transport: The client's.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = False
        self.write_paused = False
        self._is_writable_event = Flag(up=True)
