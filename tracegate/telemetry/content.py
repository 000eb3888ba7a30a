"""The view of prompts and answers: one log event for each attempt that answered, into a pipeline of its own.

Off by default, and then none of this exists. It renders late, a request at a time, because prompts may be large; what
it can't keep, render or send is counted like all other telemetry. Which renderer the other signals have does not matter
here: these events are always written directly.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from tracegate.clock import Clock, Handle
from tracegate.facts import Attempt
from tracegate.record import Record, Recorder
from tracegate.telemetry.content_event import answered, details
from tracegate.telemetry.content_kept import Answers, Kept
from tracegate.telemetry.export import Channel
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.otlp import Encoder
from tracegate.telemetry.unrendered import Unrendered
from tracegate.telemetry.view import View

TICK_NS = 100_000_000
"""How long a request waits for others, in nanoseconds."""

TURN = 256_000
"""Bytes of prompts and answers that are rendered in one turn of the loop, or one request where it has more."""

logger = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    request: Recorder
    records: Sequence[tuple[Record, Attempt]]
    answers: Answers
    size: int


class Content:
    """A `View` of prompts and answers.

    Args:
        clock: Times the batches.
        channel: The way out; no other telemetry goes there.
        kept: Has the answers.
        losses: Where losses are counted.
        limit: Bytes that may wait, encoded or not; one request may always.
        value_limit: Longest text in characters.
        close: Ends what sends.
    """

    __slots__ = (
        "_channel",
        "_clock",
        "_close",
        "_closed",
        "_encoder",
        "_held",
        "_kept",
        "_limit",
        "_pending",
        "_soon",
        "_timer",
        "_unrendered",
    )

    def __init__(
        self,
        clock: Clock,
        channel: Channel,
        kept: Kept,
        losses: Losses,
        *,
        limit: int,
        value_limit: int | None = None,
        close: Callable[[], Awaitable[object]],
    ) -> None:
        self._clock = clock
        self._channel = channel
        self._kept = kept
        self._limit = limit
        self._encoder = Encoder(value_limit)
        self._close = close
        self._closed = False
        self._pending: deque[_Waiting] = deque()
        self._held = 0
        self._timer: Handle | None = None
        self._soon = False  # the timer is that of the next turn
        self._unrendered = Unrendered(losses, logger)

    def add(self, request: Recorder) -> None:
        """See `View.add`."""
        records = [(record, attempt) for record in request.records if (attempt := answered(record)) is not None]
        self._take(request, records, self._kept.taken(request))

    def late(self, request: Recorder, record: Record) -> None:
        """See `View.late`; nothing of it was released."""
        if (attempt := answered(record)) is not None:
            self._take(request, [(record, attempt)], {})

    def start(self) -> None:
        """See `View.start`; nothing is."""

    async def flush(self, by: int) -> None:
        """See `View.flush`; what could not be sent by then stays queued."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._pending:
            self._some()
            await asyncio.sleep(0)  # requests go on while we flush
        await self._channel.drain(by)

    async def close(self, by: int) -> None:
        """Flush, then give up what could not be sent, and count it."""
        self._closed = True
        await self.flush(by)
        self._channel.drop()
        await self._close()

    def _take(self, request: Recorder, records: Sequence[tuple[Record, Attempt]], answers: Answers) -> None:
        if not records:
            return
        body = request.inbound.body
        size = sum(said.held for said in answers.values()) + (0 if body is None else len(body.raw))
        held = self._held + self._channel.held
        if self._closed or (held and held + size > self._limit):
            self._channel.refuse(len(records))
            return
        self._pending.append(_Waiting(request, records, answers, size))
        self._held += size
        soon = self._held > TURN
        if self._timer is not None:
            if self._soon or not soon:
                return
            self._timer.cancel()
        self._arm(soon=soon)

    def _arm(self, *, soon: bool) -> None:
        self._soon = soon
        self._timer = self._clock.call_at(self._clock.now() + (0 if soon else TICK_NS), self._turn)

    def _turn(self) -> None:
        self._timer = None
        self._some()
        if self._pending:
            self._arm(soon=True)
        self._channel.kick()

    def _some(self) -> None:
        """Render some requests, at least one."""
        done = 0
        while self._pending and done < TURN:
            waiting = self._pending.popleft()
            self._held -= waiting.size
            done += waiting.size
            for record, attempt in waiting.records:
                try:
                    event = details(waiting.request, record, attempt, waiting.answers.get(attempt))
                    self._channel.put(self._encoder.logs([event]), 1)
                except Exception as exc:  # noqa: BLE001  # telemetry never breaks the gateway
                    self._unrendered(exc)


class Beside:
    """A `View` of everything else, and that of content beside it.

    Content is ended first and gets a third of the time, so that what it lost is in the last metrics.

    Args:
        clock: Divides the time at the end.
        view: Of spans, metrics and log events; what an instrumentation takes from it is taken from here, too.
        content: Of prompts and answers.
    """

    __slots__ = ("_clock", "_content", "_view", "meters", "tracers")

    def __init__(self, clock: Clock, view: View, content: Content) -> None:
        self._clock = clock
        self._view = view
        self._content = content
        self.tracers = getattr(view, "tracers", None)
        self.meters = getattr(view, "meters", None)

    def add(self, request: Recorder) -> None:
        """See `View.add`."""
        self._view.add(request)
        self._content.add(request)

    def late(self, request: Recorder, record: Record) -> None:
        """See `View.late`."""
        self._view.late(request, record)
        self._content.late(request, record)

    def start(self) -> None:
        """See `View.start`."""
        self._view.start()

    async def flush(self, by: int) -> None:
        """See `View.flush`."""
        await self._content.flush(self._third(by))
        await self._view.flush(by)

    async def close(self, by: int) -> None:
        """See `View.close`."""
        await self._content.close(self._third(by))
        await self._view.close(by)

    def _third(self, by: int) -> int:
        now = self._clock.now()
        return now + (by - now) // 3
