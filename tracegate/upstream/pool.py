"""Who may use a connection: so many exchanges at once, so many in line; first come, first served.

It holds no connections, those are the transport's. The line is here and not in the transport's pool, because only here
it is bounded by an absolute time and known for what it is, whatever the transport; and because httpcore's own line
loses a connection for good when a waiter leaves in the turn of the loop in which it was served.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from tracegate.clock import Clock
from tracegate.errors import Failed, TimedOut
from tracegate.facts import Limit
from tracegate.upstream.until import resolve, until


class Pool:
    """Counts the exchanges with one origin.

    Args:
        clock: Of the limits.
        connections: Most exchanges at once, at least 1.
        waiting: Most exchanges in line.

    Attributes:
        closed: Nobody is let in any more.
    """

    __slots__ = ("_clock", "_free", "_line", "_waiting", "closed")

    def __init__(self, clock: Clock, connections: int, waiting: int) -> None:
        self._clock = clock
        self.closed = False
        self._free = connections
        self._waiting = waiting
        self._line: deque[asyncio.Future[bool]] = deque()

    def at_once(self) -> bool:
        """Take a turn if one is free, without the price of a coroutine; it is to be given back."""
        if self._free and not self.closed:
            self._free -= 1
            return True
        return False

    async def take(self, by: int) -> bool:
        """Wait for a turn, which is to be given back; `False` when none came before monotonic nanosecond `by`.

        Raises:
            Failed: `overloaded`, `connection_limit_reached`: the line is full, or the pool closed.
        """
        if self.closed:
            raise closing()
        if self.at_once():
            return True
        if len(self._line) >= self._waiting:
            raise _full()
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            served = await until(turn, by, self._clock)
        except asyncio.CancelledError:
            if turn.cancelled() or not turn.result():
                self._leave(turn)
            else:
                self.give()  # served, and cancelled in the same turn of the loop
            raise
        if not served:
            self._leave(turn)
            if self.closed:
                raise closing()
        return served

    def give(self) -> None:
        """Give a turn back; the next in line has it at once."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                resolve(turn, True)
                return
        self._free += 1

    def close(self) -> None:
        """Let nobody in any more; whoever waits fails at once."""
        self.closed = True
        for turn in self._line:
            resolve(turn, False)

    def _leave(self, turn: asyncio.Future[bool]) -> None:
        with contextlib.suppress(ValueError):  # `give` may have passed over it already
            self._line.remove(turn)


def no_turn(connect_by: int, until: int, limit: Limit) -> Failed:
    """What an exchange fails with whose turn did not come in time: our own limit, unless `until` came first."""
    if until <= connect_by:
        return TimedOut(limit, f"No connection to the provider was free before the limit `{limit}`.")
    return _full()


def _full() -> Failed:
    """What an exchange fails with that got no turn."""
    return Failed("overloaded", "connection_limit_reached", "No connection to the provider was free: `pool` is full.")


def closing() -> Failed:
    """What an exchange fails with that the end of the gateway cuts off."""
    return Failed("overloaded", "connection_limit_reached", "The connections to the provider are being closed.")
