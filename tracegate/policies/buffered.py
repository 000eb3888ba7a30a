"""Buffered: nothing is released before the whole answer is there.

Around a target, a stream that dies looks to the policies above like any failure before the commit, so the next
candidate may give the whole answer (`restart`). Around a whole route, the client gets a clean error instead.
"""

from __future__ import annotations

from collections import deque

from tracegate.errors import Broken
from tracegate.events import Event, Final
from tracegate.hop import Call, Hop, Reply


class Buffer:
    """The source of a reply that was read to its final already."""

    __slots__ = ("_events",)

    def __init__(self, events: deque[Event]) -> None:
        self._events = events

    async def next(self) -> Event:
        """See `Source.next`."""
        return self._events.popleft()

    def abort(self) -> None:
        """See `Source.abort`."""
        self._events.clear()


class Buffered:
    """Reads the reply of a hop to its final before it returns.

    Args:
        hop: What is asked.
        limit: Most bytes that are kept for one answer.
    """

    __slots__ = ("_hop", "_limit")

    def __init__(self, hop: Hop, limit: int) -> None:
        self._hop = hop
        self._limit = limit

    async def __call__(self, call: Call) -> Reply:
        """Commit when the answer is whole."""
        reply = await self._hop(call)
        events: deque[Event] = deque()
        size = 0
        try:
            async with reply:
                while True:
                    event = await reply.next()
                    events.append(event)
                    if isinstance(event, Final):
                        return Reply(reply.attempt, Buffer(events), whole=True)
                    size += len(event.data)
                    if size > self._limit:
                        raise Broken("http_response_body_size", "The buffered answer is larger than `limits.answer`.")
        except BaseException:
            reply.attempt.committed = None  # nothing of it was released: it never committed to anybody
            raise
