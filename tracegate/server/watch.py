"""Notices a client that leaves, and frees a request whose client does not read.

One timer for all requests that are young, another for those that last longer than 200 ms: quick ones never pay for it.
Our own server tells that a client left; under any other, a task listens for it.
Source: the hard cases of the seams, and ruling 34: a cancel comes from outside, and its message is the reason.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tracegate.alarms import NEVER, Alarms
from tracegate.clock import Clock, Handle
from tracegate.server.client import Client

FIRST_LOOK_NS = 200_000_000  # a client that leaves is noticed within a second; this is the part we choose
GRACE_NS = 1_000_000_000  # after the deadline: for the error that the deadline caused to be written

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Rounds:
    """The first looks at all requests of a gateway, by one timer: nearly all of them are over by then.

    Args:
        clock: Drives the timers.

    Attributes:
        later: The further looks at those that are not.
    """

    __slots__ = ("_handle", "_open", "_young", "clock", "later")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.later = Alarms(clock)
        self._young: deque[Watch] = deque()  # by the time of their first look; those that need none are passed over
        self._open = 0
        self._handle: Handle | None = None

    def join(self, watch: Watch) -> None:
        """A request began; they do so in the order of their times."""
        self._open += 1
        self._young.append(watch)
        if self._handle is None:
            self._handle = self.clock.call_at(watch.first, self._look)

    def leave(self) -> None:
        """A request is over. While there is none, nothing is armed and nothing held."""
        self._open -= 1
        if not self._open and self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._young.clear()

    def _look(self) -> None:
        self._handle = None
        young, now = self._young, self.clock.now()
        while young and (not young[0].young or young[0].first <= now):
            watch = young.popleft()
            if watch.young:
                watch.ring()
        if young:
            self._handle = self.clock.call_at(young[0].first, self._look)


class Watch:
    """Watches one request to its end.

    It cancels the request's task: with `client_disconnect` when the client left, with `deadline` when the deadline
    passed and the client is to blame, for it sends its body or reads the answer too slowly. A deadline that passes
    upstream is the leaf's to raise; whatever is not over a while after it is cancelled all the same.

    Args:
        rounds: Of the gateway.
        receive: The ASGI channel; only the watch reads it once the body is there.
        task: The request's.
        start, deadline: Monotonic nanoseconds.
        client: Where our own server serves it.
    """

    __slots__ = (
        "_deadline",
        "_listener",
        "_listening",
        "_rounds",
        "_task",
        "armed",
        "body_read",
        "client",
        "first",
        "receive",
        "sending",
        "young",
    )

    def __init__(
        self,
        rounds: Rounds,
        receive: Receive,
        task: asyncio.Task[Any],
        start: int,
        deadline: int,
        client: Client | None = None,
    ) -> None:
        self._rounds = rounds
        self.receive = receive
        self._task = task
        self.client = client
        self._listening = False
        self._listener: asyncio.Task[None] | None = None
        self._deadline = deadline
        self.body_read = False  # from then on the watch may listen
        self.sending = False  # the client is to take what is being sent
        self.armed = NEVER
        self.first = start + FIRST_LOOK_NS
        self.young = True  # the first look is to come
        rounds.join(self)
        if deadline < self.first:
            self._arm(deadline)

    def until(self, deadline: int) -> None:
        """The deadline of the route, now that it is known."""
        sooner = deadline < self._deadline
        self._deadline = deadline
        if sooner and deadline < self._rounds.clock.now() + FIRST_LOOK_NS:
            self._arm(deadline)

    def extend(self, until: int) -> None:
        """The deadline is not earlier than this: the log is waited for, before an error is told."""
        self._deadline = max(self._deadline, until)

    def stop(self) -> None:
        """The request is over."""
        self._rounds.leave()
        self.young = False
        self._rounds.later.take(self)
        if self._listener is not None:
            self._listener.cancel()
        elif self._listening and self.client is not None:
            self.client.left(self._left, False)

    def ring(self) -> None:
        """Look: begin to listen, if it is time; cut off who is to blame."""
        now, deadline = self._rounds.clock.now(), self._deadline
        if self.body_read and not self._listening:
            self._listening = True
            if self.client is not None:
                self.client.left(self._left, True)
                del self.receive  # nobody asks for more
            else:
                self._listener = asyncio.get_running_loop().create_task(self._listen())
        if now < deadline:
            later = deadline if self._listening else min(deadline, now + FIRST_LOOK_NS)
        else:
            later = now + GRACE_NS
            if self.sending or not self.body_read or now >= deadline + GRACE_NS:
                self._task.cancel("deadline")
        self._arm(later)

    def _arm(self, when: int) -> None:
        """Look at that time, and not at another."""
        self.young = False
        self._rounds.later.set(self, when)

    async def _listen(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self._left()

    def _left(self) -> None:
        self._task.cancel("client_disconnect")
