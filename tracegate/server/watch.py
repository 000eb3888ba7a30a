"""Notices a client that leaves, and frees a request whose client does not read.

One timer per request; a task only for requests that last longer than 200 ms, so quick ones never pay for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tracegate.clock import Clock, Handle

FIRST_LOOK_NS = 200_000_000  # a client that leaves is noticed within a second; this is the part we choose
GRACE_NS = 1_000_000_000  # after the deadline: time to write the error that the deadline caused

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Watch:
    """Watches one request, from its body's end to its answer's end.

    It cancels the request's task: with `client_disconnect` when the client left, with `deadline` when the deadline
    passed while the client did not read. A deadline that passes upstream is the leaf's to raise.

    Args:
        clock: Drives the timer.
        receive: The ASGI channel; only the watch reads it once the body is there.
        task: The request's.
        start: When the request began, in monotonic nanoseconds.
        deadline: Monotonic nanoseconds, until `bound` says another.
    """

    __slots__ = ("_clock", "_handle", "_listener", "_next", "_receive", "_task", "body_read", "deadline", "sending")

    def __init__(self, clock: Clock, receive: Receive, task: asyncio.Task[Any], start: int, deadline: int) -> None:
        self._clock = clock
        self._receive = receive
        self._task = task
        self._listener: asyncio.Task[None] | None = None
        self.deadline = deadline
        self.body_read = False
        self.sending = False
        self._next = start + FIRST_LOOK_NS
        self._handle: Handle = clock.call_at(self._next, self._look)

    def bound(self, deadline: int) -> None:
        """The deadline of the route that was selected."""
        self.deadline = deadline
        if deadline < self._next:
            self._handle.cancel()
            self._arm(deadline)

    def stop(self) -> None:
        """The request is over; harmless when called twice."""
        self._handle.cancel()
        if self._listener is not None:
            self._listener.cancel()

    def _look(self) -> None:
        now = self._clock.now()
        if self.body_read and self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self._listen())
        if now < self.deadline:
            later = self.deadline if self._listener is not None else min(self.deadline, now + FIRST_LOOK_NS)
        elif self.sending or not self.body_read or now >= self.deadline + GRACE_NS:
            self._task.cancel("deadline")
            return
        else:
            later = self.deadline + GRACE_NS
        self._arm(later)

    def _arm(self, when: int) -> None:
        self._next = when
        self._handle = self._clock.call_at(when, self._look)

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._task.cancel("client_disconnect")
