"""The answer of a simulated provider in memory: the provider's side and the transport's, in one exact timeline.

What happens is decided by the plan and the clock alone, so nothing runs while nobody looks: what is due is played when
the answer is read, given back or dropped, and stamped with the time at which it was due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tracegate.clock import Clock
from tracegate.errors import Broken, Failed, TimedOut, Unreachable
from tracegate.facts import Connection, Limit
from tracegate.testing.script import NEVER, Drip, Step
from tracegate.testing.script_play import Turn, head_bytes
from tracegate.testing.simulator_log import Entry
from tracegate.testing.wire_actions import Close, Data, End, Head, Pause, Raw
from tracegate.wire.headers import Headers

DRAIN_NS = 100_000_000  # what is left of the framing is waited for at most this long (ruling 15)

_FAULTS: Mapping[str, str] = {
    "connection_refused": "The provider refused the connection.",
    "destination_ip_unroutable": "There is no route to the provider's address.",
    "dns_error": "The provider's host name could not be resolved.",
    "tls_alert_received": "TLS with the provider failed.",
    "tls_certificate_error": "The provider's certificate is not valid.",
    "tls_protocol_error": "TLS with the provider failed.",
}


class Link:
    """One connection: its number, the requests it carried, and from when to when it is idle."""

    __slots__ = ("dies", "idle_from", "number", "peer", "requests")

    def __init__(self, number: int, peer: str) -> None:
        self.number = number
        self.peer = peer
        self.requests = 0
        self.idle_from = 0
        self.dies = NEVER


class MemoryIncoming:
    """One answer; see `Incoming`. It is the provider's side too: what is due is played when somebody looks."""

    __slots__ = (
        "_actions",
        "_at",
        "_clock",
        "_entry",
        "_gone",
        "_idle",
        "_link",
        "_next",
        "_rest",
        "_turn",
        "_waiter",
        "headers",
        "status",
    )

    def __init__(self, clock: Clock, idle: list[Link], turn: Turn, entry: Entry, now: int) -> None:
        self.status: int = turn.plan.status
        self.headers: Headers = turn.headers
        self._clock = clock
        self._idle = idle  # where the connection goes when the answer was read
        self._turn = turn
        self._entry = entry
        self._actions = turn.plan.actions
        self._next = 0
        self._at = now  # the provider's time: when the next action happens
        self._link: Link | None = None
        self._gone = False  # released or aborted
        self._rest = b""  # of a read that is split
        self._waiter: asyncio.Future[None] | None = None

    async def trouble(
        self, step: Step, fresh: bool, connect: tuple[int, Limit], write: tuple[int, Limit], until: tuple[int, Limit]
    ) -> None:
        """Play what happens before the request is sent. The limit that fires first is named; at a tie, `until`'s."""
        if fresh:
            self._at += step.connect
            await self._due(*min((until, connect), key=_by))
        if step.fault is not None:
            self._entry.ended = self._at
            if step.fault == "connection_limit_reached":
                raise Failed("overloaded", step.fault, "No connection to the provider was free.")
            raise Unreachable(step.fault, _FAULTS[step.fault])
        if step.unread:
            self._at = NEVER
            await self._due(*min((until, write), key=_by))

    def begin(self, link: Link, now: int) -> None:
        """The request arrived whole."""
        self._link = link
        self._at = now
        entry = self._entry
        entry.connection = link.number
        entry.nth = link.requests
        entry.began = entry.arrived = now

    def answered(self, connection: Connection, now: int, until: int) -> bool:
        """Whether the head comes at once and whole: the quick case of `head`."""
        action = self._actions[0]
        if not isinstance(action, Head) or action.drip is not None or action.part != "whole" or now > until:
            return False
        self._entry.first_sent = connection.first_byte = now
        self._entry.status = self.status
        self._next = 1
        return True

    async def head(self, connection: Connection, until: int, limit: Limit) -> None:
        """Play up to the end of the head."""
        entry = self._entry
        while True:
            action = self._actions[self._next]
            if isinstance(action, Pause):
                self._at += action.ns
                self._next += 1
                continue
            if not self._at <= self._clock.now() <= until:
                await self._due(until, limit)
            if isinstance(action, Head):
                if entry.first_sent is None:
                    entry.first_sent = connection.first_byte = self._at
                if action.drip is not None:
                    self._at += self._head_takes(action.drip)
                    await self._due(until, limit)
                self._next += 1
                if action.part != "first":
                    entry.status = self.status
                    return
                continue
            self._end(action)
            if isinstance(action, Raw):
                raise Broken("http_protocol_error", "The head of the provider's answer is malformed.")
            raise Unreachable("connection_terminated", "The provider closed the connection before it answered.")

    @property
    def arrived(self) -> int:
        """See `Incoming.arrived`; known exactly here."""
        return self._at

    async def read(self, until: int, limit: Limit) -> bytes:
        """See `Incoming.read`."""
        while True:
            if self._gone:
                raise Broken("http_response_incomplete", "The answer was given back or dropped.")
            action = self._actions[self._next]
            if isinstance(action, Pause):
                self._at += action.ns
                self._next += 1
                continue
            if not self._at <= self._clock.now() <= until:
                await self._due(until, limit)
            if isinstance(action, Data):
                return self._data(action)
            self._end(action)
            if isinstance(action, End):
                return b""
            if isinstance(action, Raw):
                raise Broken("http_protocol_error", "The framing of the provider's answer is malformed.")
            raise Broken("http_response_incomplete", "The provider's answer was cut off.")

    def release(self) -> None:
        """See `Incoming.release`."""
        if self._gone:
            return
        self._gone = True
        entry, link, step = self._entry, self._link, self._turn.plan.step
        if entry.ended is None:
            drained = self._clock.now() + DRAIN_NS
            self._play(drained)
            if entry.ended is None:
                entry.hung_up = drained
                return
        if link is not None and entry.closed is None and step.keep_alive and self._turn.plan.framing != "close":
            # A good transport looks: what stands behind the answer, or a connection that died, is never used again.
            link.idle_from = entry.ended
            link.dies = NEVER
            if step.garbage is not None or step.idle == "next":
                link.dies = entry.ended
            elif step.idle is not None:
                link.dies = entry.ended + step.idle_after
            self._idle.append(link)

    def abort(self) -> None:
        """See `Incoming.abort`."""
        if self._gone:
            return
        self._gone = True
        now = self._clock.now()
        if self._link is not None:
            self._play(now)
        if not self._entry.over:
            self._entry.hung_up = now
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _data(self, action: Data) -> bytes:
        """Take one piece of the body, or as much of it as one read may bring."""
        size = self._turn.plan.step.split
        data = self._rest or self._turn.fill(action.data)
        if size is not None and len(data) > size:
            data, self._rest = data[:size], data[size:]
        else:
            self._rest = b""
            self._next += 1
            self._entry.events += action.event
        entry = self._entry
        if entry.first_body is None:
            entry.first_body = self._at
        entry.last_sent = self._at
        entry.size += len(data)
        return data

    def _end(self, action: object) -> None:
        """The provider has nothing more to do."""
        entry = self._entry
        if entry.ended is None:
            entry.ended = self._at
            if isinstance(action, Raw):
                entry.first_sent = entry.first_sent or self._at
            last = self._actions[-1]
            if isinstance(last, Close):  # at once, or behind the end of an answer whose connection is not kept
                entry.closed = "reset" if last.reset else "close"

    def _play(self, now: int) -> None:
        """Play what happens up to a time without a reader."""
        entry = self._entry
        while entry.ended is None and self._at <= now:
            action = self._actions[self._next]
            if isinstance(action, Data):
                self._data(action)
                continue
            if isinstance(action, Pause):
                self._at += action.ns
            elif isinstance(action, Head):
                entry.first_sent = entry.first_sent or self._at
                self._at += self._head_takes(action.drip) if action.drip is not None else 0
                if action.part != "first" and self._at <= now:
                    entry.status = self.status
            else:
                self._end(action)
            self._next += 1

    async def _due(self, until: int, limit: Limit) -> None:
        """Wait for the provider's time; a limit that comes before it, or a cancel, is the caller hanging up."""
        clock = self._clock
        now = clock.now()
        while now < self._at and now < until:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiter = waiter
            when = min(self._at, until)
            timer = clock.call_at(when, _wake, waiter) if when < NEVER else None
            try:
                await waiter
            except asyncio.CancelledError:
                self.abort()
                raise
            finally:
                if timer is not None:
                    timer.cancel()
            if self._gone:
                raise Broken("http_response_incomplete", "The exchange was dropped while it was read.")
            now = clock.now()
        if max(now, self._at) > until:
            self.abort()
            raise TimedOut(limit, f"The provider did not answer before its limit `{limit}`.")

    def _head_takes(self, drip: Drip) -> int:
        """How long a head takes in drips."""
        written = len(head_bytes(self._turn))
        return (written - 1) // drip.size * drip.every


def _by(limit: tuple[int, Limit]) -> int:
    return limit[0]


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
