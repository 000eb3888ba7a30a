"""Playing a plan onto a socket: what happens at one time goes out in one write, and times are stamped around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tracegate.clock import Clock
from tracegate.testing.script import NEVER
from tracegate.testing.script_play import Turn, head_bytes
from tracegate.testing.simulator_log import Entry
from tracegate.testing.wire_actions import Data, End, Head, Pause, Raw


class Playing:
    """Plays one plan.

    Args:
        clock: Stamps the entry's times.
        turn: What is played.
        entry: Where it is logged; `closed` says afterwards how the connection is to end, if it is.
        send: Gives bytes to the kernel, in writes of a size, and returns when it has them all.
    """

    def __init__(
        self, clock: Clock, turn: Turn, entry: Entry, send: Callable[[bytes, int | None], Awaitable[None]]
    ) -> None:
        self._clock = clock
        self._turn = turn
        self._entry = entry
        self._send = send
        self._out: list[bytes] = []
        self._body = 0  # bytes of the body, and events, in `_out`
        self._events = 0

    async def run(self) -> None:
        """Play to the end; cancelled when the caller leaves."""
        turn, entry, out = self._turn, self._entry, self._out
        chunked = turn.plan.framing == "chunked"
        for action in turn.plan.actions:
            match action:
                case Pause():
                    await self._flush()
                    await asyncio.sleep(action.ns / 1e9) if action.ns < NEVER else await asyncio.Future()
                case Head():
                    await self._head(action)
                case Data():
                    data = turn.fill(action.data)
                    out.append(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
                    self._body += len(data)
                    self._events += action.event
                case Raw():
                    out.append(action.data)
                case End():
                    if chunked:
                        out.append(b"0\r\n\r\n")
                    if turn.plan.step.garbage is not None and not turn.plan.step.garbage_after:
                        out.append(turn.plan.step.garbage.encode())
                case _:
                    await self._flush()
                    entry.closed = "reset" if action.reset else "close"
        await self._flush()
        entry.ended = entry.ended or self._clock.now()

    async def _head(self, action: Head) -> None:
        head = head_bytes(self._turn)
        half = len(head) // 2
        part = {"whole": head, "first": head[:half], "second": head[half:]}[action.part]
        if action.drip is not None:
            for at in range(0, len(part), action.drip.size):
                if at:
                    await asyncio.sleep(action.drip.every / 1e9)
                self._out.append(part[at : at + action.drip.size])
                await self._flush()
        else:
            self._out.append(part)
        if action.part != "first":
            self._entry.status = self._turn.plan.status

    async def _flush(self) -> None:
        if not self._out:
            return
        entry = self._entry
        before = self._clock.now()
        entry.first_sent = entry.first_sent or before
        if self._body and entry.first_body is None:
            entry.first_body = before
        data = b"".join(self._out)
        self._out.clear()
        await self._send(data, self._turn.plan.step.split)
        if self._body:
            entry.last_sent = self._clock.now()
            entry.size += self._body
            entry.events += self._events
            self._body = self._events = 0
