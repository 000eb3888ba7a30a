"""Notices a client that leaves, and frees a request whose client does not read.

One timer per request; a task only for requests that last longer than 200 ms, so quick ones never pay for it.
Source: the hard cases of the seams, and ruling 34: a cancel comes from outside, and its message is the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tracegate.clock import Clock, Handle

FIRST_LOOK_NS = 200_000_000  # a client that leaves is noticed within a second; this is the part we choose
GRACE_NS = 1_000_000_000  # after the deadline: for the error that the deadline caused to be written

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Watch:
    """Watches one request to its end.

    It cancels the request's task: with `client_disconnect` when the client left, with `deadline` when the deadline
    passed and the client is to blame, for it sends its body or reads the answer too slowly. A deadline that passes
    upstream is the leaf's to raise; whatever is not over a while after it is cancelled all the same.

    Args:
        clock: Drives the timer.
        receive: The ASGI channel; only the watch reads it once the body is there.
        task: The request's.
        start, deadline: Monotonic nanoseconds.
    """

    __slots__ = ("_clock", "_deadline", "_handle", "_listener", "_receive", "_task", "body_read", "sending")

    def __init__(self, clock: Clock, receive: Receive, task: asyncio.Task[Any], start: int, deadline: int) -> None:
        self._clock = clock
        self._receive = receive
        self._task = task
        self._listener: asyncio.Task[None] | None = None
        self._deadline = deadline
        self.body_read = False  # from then on the watch may listen
        self.sending = False  # the client is to take what is being sent
        self._handle: Handle = clock.call_at(min(start + FIRST_LOOK_NS, deadline), self._look)

    def until(self, deadline: int) -> None:
        """The deadline of the route, now that it is known."""
        sooner = deadline < self._deadline
        self._deadline = deadline
        if sooner and deadline < self._clock.now() + FIRST_LOOK_NS:
            self._handle.cancel()
            self._handle = self._clock.call_at(deadline, self._look)

    def extend(self, until: int) -> None:
        """The deadline is not earlier than this: the log is waited for, before an error is told."""
        self._deadline = max(self._deadline, until)

    def stop(self) -> None:
        """The request is over."""
        self._handle.cancel()
        if self._listener is not None:
            self._listener.cancel()

    def _look(self) -> None:
        now, deadline = self._clock.now(), self._deadline
        if self.body_read and self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self._listen())
        if now < deadline:
            later = deadline if self._listener is not None else min(deadline, now + FIRST_LOOK_NS)
        else:
            later = now + GRACE_NS
            if self.sending or not self.body_read or now >= deadline + GRACE_NS:
                self._task.cancel("deadline")
        self._handle = self._clock.call_at(later, self._look)

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._task.cancel("client_disconnect")
