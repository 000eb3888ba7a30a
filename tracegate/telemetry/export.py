"""One signal's way out: a bounded queue in memory, and a task that posts what is in it, with patience.

Nobody waits for it. What does not fit is refused and counted, so what waits stays whole and in order; a receiver that
is gone, hangs or refuses costs memory up to the bound and nothing else.
What was sent and not answered may have arrived: it is sent again, and counted as what may be there twice.
Source: OTLP specification 1.x, OTLP/HTTP: which answers are retried, `Retry-After`, partial success.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from tracegate.clock import Clock
from tracegate.telemetry import names
from tracegate.telemetry.answer import RETRIED, UNSURE, partial_success, retry_after_ns
from tracegate.telemetry.metrics_tally import Losses, Repeats
from tracegate.telemetry.otlp import Envelope
from tracegate.telemetry.post import Answer, Post, Unanswered

Signal = Literal["traces", "logs", "metrics", "content"]
"""What has a way out of its own; `content` are log events with prompts and answers, apart from all others."""

SECOND_NS = 1_000_000_000
BASE_NS = SECOND_NS
CAP_NS = 5 * SECOND_NS
PATIENCE_NS = 300 * SECOND_NS
"""First and longest pause between tries, and how long one batch is tried.

Source: the Collector's exporter helper, but for the longest pause, which is 30 s there: that would fill the queue of a
busy gateway while the receiver is back already.
"""

MINUTE_NS = 60 * SECOND_NS
BODY = 1_000_000
"""Bytes of one request, about: far below what a Collector takes (20 MiB), enough to make a request cheap."""

WHERE = {
    "traces": (names.LOST_TRACES_QUEUE, names.LOST_TRACES_EXPORT, names.LOST_TRACES_REJECTED),
    "logs": (names.LOST_LOGS_QUEUE, names.LOST_LOGS_EXPORT, names.LOST_LOGS_REJECTED),
    "content": (names.LOST_CONTENT_QUEUE, names.LOST_CONTENT_EXPORT, names.LOST_CONTENT_REJECTED),
    "metrics": (names.LOST_METRICS_EXPORT, names.LOST_METRICS_EXPORT, names.LOST_METRICS_REJECTED),
}
ITEMS = {
    "traces": "spans",
    "logs": "log events",
    "content": "prompts with answers",
    "metrics": "exports of metrics",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one signal goes.

    Args:
        url: The whole URL of the signal.
        headers: Sent with each request; they may hold keys.
        gzip: Whether bodies are compressed.
        timeout_ns: For one try.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    gzip: bool = False
    timeout_ns: int = 10 * SECOND_NS


@dataclass(slots=True)
class _Batch:
    items: list[bytes]
    count: int
    size: int
    unsure: int = 0  # how many of the items may have arrived already


class Channel:
    """The queue and the sender of one signal.

    Args:
        signal: Decides under which names losses are counted.
        endpoint: Where it goes.
        envelope: What stands around the items of a request.
        post: Sends a request.
        clock: Times pauses and log lines.
        random: A number in [0, 1), for jitter.
        losses: Where losses are counted.
        limit: Bytes that may wait, those on their way included.
        repeats: Where it is counted what was sent again though it may have arrived.
    """

    __slots__ = (
        "_clock",
        "_endpoint",
        "_envelope",
        "_headers",
        "_limit",
        "_losses",
        "_lost",
        "_next_line",
        "_post",
        "_queue",
        "_random",
        "_repeats",
        "_task",
        "_wake",
        "held",
        "signal",
    )

    def __init__(
        self,
        signal: Signal,
        endpoint: Endpoint,
        envelope: Envelope,
        post: Post,
        clock: Clock,
        random: Callable[[], float],
        losses: Losses,
        limit: int,
        repeats: Repeats | None = None,
    ) -> None:
        self.signal: Signal = signal
        self.held = 0
        self._endpoint = endpoint
        self._envelope = envelope
        self._post = post
        self._clock = clock
        self._random = random
        self._losses = losses
        self._limit = limit
        self._repeats = Repeats() if repeats is None else repeats
        self._queue: deque[_Batch] = deque()
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Future[None] | None = None
        self._lost = 0  # since the last log line
        self._next_line = clock.now()
        encoding = (("Content-Encoding", "gzip"),) if endpoint.gzip else ()
        self._headers = (("Content-Type", "application/x-protobuf"), *encoding, *endpoint.headers)

    def put(self, items: bytes, count: int) -> None:
        """Queue encoded items; refuse and count them where they do not fit. Metrics replace what waits."""
        if self.signal == "metrics":
            self._forget()  # counts are cumulative: the newest have it all
        if self.held + len(items) > self._limit:
            self.refuse(count)
            return
        self._queue.append(_Batch([items], count, len(items)))
        self.held += len(items)

    def refuse(self, count: int) -> None:
        """Count items for which there is no room, encoded or not."""
        self._lose(0, count, "the queue is full")

    def kick(self) -> None:
        """Start to send, unless that is under way."""
        if self._task is None and self._queue:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def drain(self, by: int) -> None:
        """Send what is queued, without pauses that were begun before, until monotonic nanosecond `by`.

        What was not sent by then stays queued, and nothing runs any more.
        """
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        self.kick()
        if (task := self._task) is None:
            return
        timer = self._clock.call_at(by, task.cancel)
        try:
            await asyncio.wait((task,))
        finally:
            timer.cancel()
            task.cancel()
        if self._queue:
            count = sum(batch.count for batch in self._queue)
            self._say(f"{count} {ITEMS[self.signal]} wait and were not sent in time", now=True)

    def drop(self) -> None:
        """Give up what is queued, and count it."""
        count = sum(batch.count for batch in self._queue)
        self._forget()
        if count:
            self._lose(1, count, "not sent before the end", now=True)

    def _forget(self) -> None:
        self.held -= sum(batch.size for batch in self._queue)
        self._queue.clear()

    async def _run(self) -> None:
        try:
            while self._queue:
                batch = self._take()
                try:
                    await self._deliver(batch)
                except asyncio.CancelledError:
                    if self.signal != "metrics" or not self._queue:
                        self._queue.appendleft(batch)
                        self.held += batch.size
                    raise
                finally:
                    self.held -= batch.size
        finally:
            self._task = None

    def _take(self) -> _Batch:
        """As much as fits into one request, at least one batch."""
        taken = self._queue.popleft()
        while self._queue and taken.size + self._queue[0].size <= BODY:
            more = self._queue.popleft()
            taken.items += more.items
            taken.count += more.count
            taken.unsure += more.unsure
            taken.size += more.size
        return taken

    async def _deliver(self, batch: _Batch) -> None:
        """Post a batch until it was taken, refused for good, or patience ends."""
        body = self._envelope.wrap(batch.items)
        if self._endpoint.gzip:
            body = await asyncio.to_thread(gzip.compress, body, 1, mtime=0)  # the loop has requests to serve
        until = self._clock.now() + PATIENCE_NS
        pause = BASE_NS
        while True:
            wait: int | None = None
            before = batch.unsure
            if before:
                self._repeats.add(self.signal, before)
            batch.unsure = batch.count  # also for whoever cancels
            try:
                answer = await self._post(self._endpoint.url, self._headers, body, self._endpoint.timeout_ns)
            except Unanswered as exc:
                if not before:
                    continue  # a kept connection that has ended says so only when it is used
                why = f"no answer: {exc}"
            except OSError as exc:
                batch.unsure = before
                why = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
            except Exception as exc:  # noqa: BLE001  # a poster of somebody's own may raise anything
                self._lose(1, batch.count, f"the poster failed: {type(exc).__name__}")
                return
            else:
                if 200 <= answer.status < 300:
                    self._accepted(answer)
                    return
                why = f"status {answer.status}"
                if answer.status not in UNSURE:
                    batch.unsure = before
                if answer.status not in RETRIED:
                    self._lose(1, batch.count, why)
                    return
                wait = retry_after_ns(answer.header("retry-after"), self._clock.wall())
            if wait is None:
                wait = int(pause * (0.5 + self._random() / 2))
                pause = min(2 * pause, CAP_NS)
            outdated = self.signal == "metrics" and bool(self._queue)
            if outdated or self._clock.now() + wait > until:
                self._lose(1, batch.count, why)
                return
            self._say(why)
            await self._pause(wait)

    async def _pause(self, ns: int) -> None:
        """Wait, unless somebody is in a hurry."""
        self._wake = wake = asyncio.get_running_loop().create_future()
        timer = self._clock.call_at(self._clock.now() + ns, _set, wake)
        try:
            await wake
        finally:
            timer.cancel()
            self._wake = None

    def _accepted(self, answer: Answer) -> None:
        """Count what the receiver took only in part."""
        if not answer.body:
            return
        rejected, said = partial_success(answer.body)
        if rejected:
            self._lose(2, rejected, f"rejected by the receiver: {said[:200]}")
        elif said:
            self._say(f"the receiver warns: {said[:200]}")

    def _lose(self, how: int, count: int, why: str, *, now: bool = False) -> None:
        self._losses.add(WHERE[self.signal][how], count)
        self._lost += count
        self._say(why, now=now)

    def _say(self, why: str, *, now: bool = False) -> None:
        """Tell the operator, at most once a minute."""
        time = self._clock.now()
        if time < self._next_line and not now:
            return
        self._next_line = time + MINUTE_NS
        lost, self._lost = self._lost, 0
        logger.warning(
            "Exporting %s to %s: %s. Lost since the last such line: %d %s.",
            self.signal,
            _shown(self._endpoint.url),
            why,
            lost,
            ITEMS[self.signal],
        )


def _shown(url: str) -> str:
    """A URL without what may be secret: user and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
