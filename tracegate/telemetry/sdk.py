"""The replay renderer: a view that hands closed requests to the OpenTelemetry SDK, later and in small batches.

It renders nothing itself: `spans`, `events` and `metrics` make the same values as for the direct renderer, and
`sdk_spans` and `sdk_metrics` replay them. `sdk_providers` makes the providers behind it.
Everything here runs on the event loop, off the path of requests; what blocks (a flush, a shutdown) runs in a thread
that nobody has to wait for.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from tracegate.clock import Clock, Handle
from tracegate.record import Record, Recorder
from tracegate.telemetry import names
from tracegate.telemetry.events import events, events_of
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.sdk_metrics import MetricReplay
from tracegate.telemetry.sdk_spans import LogReplay, SpanReplay
from tracegate.telemetry.spans import span, spans
from tracegate.telemetry.unrendered import Unrendered

BATCH = 16
"""Requests replayed in one turn of the loop: about 3 ms of it."""

DELAY_NS = 50_000_000
"""How long a request waits for others, in nanoseconds."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Replays:
    """Where what is rendered goes; `None`: that signal is not exported.

    Args:
        spans, logs, metrics: Take rendered values; quick, never wait.
        flush: Sends what was taken; may block for long.
        close: Ends what sends; may block for long.
        tracers, meters: The providers themselves, for instrumentations below an attempt.
    """

    spans: SpanReplay | None
    logs: LogReplay | None
    metrics: MetricReplay | None
    flush: Callable[[], object]
    close: Callable[[], object]
    tracers: TracerProvider | None = None
    meters: MeterProvider | None = None


class Replay:
    """A `View` over the OpenTelemetry SDK.

    Args:
        clock: Times the batches.
        replays: Where what is rendered goes.
        measurements: Makes the measurements of a request.
        losses: Counts requests that could not be kept or rendered.
        limit: Requests that may wait.
    """

    __slots__ = (
        "_clock",
        "_limit",
        "_losses",
        "_measurements",
        "_queue",
        "_renders",
        "_replays",
        "_timer",
        "_unrendered",
        "meters",
        "tracers",
    )

    def __init__(
        self, clock: Clock, replays: Replays, measurements: Measurements, losses: Losses, *, limit: int = 2048
    ) -> None:
        self._clock = clock
        self._replays = replays
        self._measurements = measurements
        self._losses = losses
        self._limit = limit
        self._queue: deque[tuple[Recorder, Record | None, tuple[Record, ...]]] = deque()
        self._timer: Handle | None = None
        self._unrendered = Unrendered(losses, logger)
        self.tracers = replays.tracers
        self.meters = replays.meters
        self._renders = (self._spans, self._logs, self._metrics)  # one that fails does not stop the others

    def add(self, request: Recorder) -> None:
        """See `View.add`."""
        self._take(request, None, tuple(record for record in request.records if record.outcome is None))

    def late(self, request: Recorder, record: Record) -> None:
        """See `View.late`."""
        self._take(request, record, ())

    def start(self) -> None:
        """See `View.start`; the SDK has schedules of its own."""

    async def flush(self, by: int) -> None:
        """See `View.flush`."""
        while self._queue and self._clock.now() < by:
            self._some()
            await asyncio.sleep(0)  # requests go on while we flush
        if not self._queue and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await in_thread(self._replays.flush, self._clock, by)

    async def close(self, by: int) -> None:
        """Flush, then end what sends, until monotonic nanosecond `by`."""
        await self.flush(by)
        await in_thread(self._replays.close, self._clock, by)

    def _take(self, request: Recorder, record: Record | None, without: tuple[Record, ...]) -> None:
        if len(self._queue) >= self._limit:
            self._losses.add(names.LOST_TRACES_QUEUE, len(request.records) if record is None else 1)
            return
        self._queue.append((request, record, without))
        if self._timer is None:
            self._timer = self._clock.call_at(self._clock.now() + DELAY_NS, self._turn)

    def _turn(self) -> None:
        self._some()
        self._timer = self._clock.call_at(self._clock.now(), self._turn) if self._queue else None

    def _some(self) -> None:
        for _ in range(min(BATCH, len(self._queue))):
            item = self._queue.popleft()
            for render in self._renders:
                try:
                    render(*item)
                except Exception as exc:  # noqa: BLE001  # telemetry never breaks the gateway
                    self._unrendered(exc)

    def _spans(self, request: Recorder, record: Record | None, without: tuple[Record, ...]) -> None:
        if self._replays.spans is not None:
            self._replays.spans(spans(request, without) if record is None else [span(request, record)])

    def _logs(self, request: Recorder, record: Record | None, without: tuple[Record, ...]) -> None:
        if self._replays.logs is not None:
            self._replays.logs(events(request, without) if record is None else events_of(request, record))

    def _metrics(self, request: Recorder, record: Record | None, without: tuple[Record, ...]) -> None:
        if self._replays.metrics is not None:
            of = self._measurements
            self._replays.metrics(of(request, without) if record is None else of.late(request, record))


async def in_thread(work: Callable[[], object], clock: Clock, by: int) -> bool:
    """Do blocking work in a thread, and wait for it no longer than to monotonic nanosecond `by`.

    The thread is a daemon: unlike one of the loop's executor it holds up neither the end of the loop nor of the
    process.

    Returns:
        Whether the work was done.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bool] = loop.create_future()

    def settle(result: bool) -> None:
        if not done.done():
            done.set_result(result)

    def run() -> None:
        try:
            work()
        except Exception as exc:  # noqa: BLE001  # telemetry never breaks the gateway
            logger.error("Telemetry could not be flushed: %s.", type(exc).__name__)
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(settle, True)

    Thread(target=run, name="tracegate-telemetry", daemon=True).start()
    timer = clock.call_at(by, settle, False)
    try:
        return await done
    finally:
        timer.cancel()
