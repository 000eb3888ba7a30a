"""The direct renderer: a view that writes closed requests as OTLP, later and in small batches, and posts them.

It computes nothing itself: `spans`, `events` and `metrics` make the values, `otlp` and `otlp_metrics` encode them,
`export` sends them. Everything runs on the event loop, off the path of requests, a millisecond or so at a time; the
OpenTelemetry SDK is not needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tracegate.clock import Clock, Handle
from tracegate.record import Record, Recorder
from tracegate.telemetry import names
from tracegate.telemetry.aggregate import Aggregator
from tracegate.telemetry.events import events, events_of
from tracegate.telemetry.export import Channel
from tracegate.telemetry.forms import Forms
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.model import LogView, SpanView
from tracegate.telemetry.otlp import Encoder
from tracegate.telemetry.otlp_metrics import encode_metrics
from tracegate.telemetry.spans import span, spans
from tracegate.telemetry.unrendered import Unrendered

BATCH = 32
"""Requests rendered in one turn of the loop: about a millisecond of it."""

TICK_NS = 100_000_000
"""How long a request waits for others, in nanoseconds."""

HEAVY = 1_000_000
"""Bytes of clients' bodies that waiting requests may hold before they are rendered without waiting for others."""

SEND = 256_000
"""Encoded bytes of a signal that are sent without waiting for more."""

logger = logging.getLogger(__name__)

T = TypeVar("T", SpanView, LogView)
_Pending = tuple[Recorder, Record | None, Sequence[Record]]
_Render = Callable[[Recorder, Record | None, Sequence[Record], list[SpanView], list[LogView]], None]


@dataclass(frozen=True, slots=True)
class Channels:
    """The way out of each signal; `None`: it is not exported. `close` closes their connections."""

    traces: Channel | None
    logs: Channel | None
    metrics: Channel | None
    close: Callable[[], Awaitable[object]]


class Direct:
    """A `View` that writes OTLP.

    Args:
        clock: Times the batches and the exports of metrics.
        channels: The way out of each signal.
        measurements: Makes the measurements of a request.
        aggregator: Sums them up.
        losses: Counts requests that could not be rendered.
        metrics_every_ns: Time between exports of metrics.
        value_limit: Longest text value in characters.
    """

    __slots__ = (
        "_aggregator",
        "_channels",
        "_clock",
        "_closed",
        "_encoder",
        "_every",
        "_forms",
        "_heavy",
        "_losses",
        "_measurements",
        "_next_metrics",
        "_pending",
        "_renders",
        "_soon",
        "_tick",
        "_unrendered",
    )

    def __init__(
        self,
        clock: Clock,
        channels: Channels,
        measurements: Measurements,
        aggregator: Aggregator,
        losses: Losses,
        *,
        metrics_every_ns: int,
        value_limit: int | None = None,
    ) -> None:
        self._clock = clock
        self._channels = channels
        self._measurements = measurements
        self._aggregator = aggregator
        self._every = metrics_every_ns
        self._encoder = Encoder(value_limit)
        counted = aggregator if channels.metrics is not None else None
        # Forms know no limit of texts: who sets one gets every span the usual way.
        fits = channels.traces is not None and value_limit is None
        self._forms = Forms(measurements, counted, self._encoder) if fits else None
        self._pending: deque[_Pending] = deque()
        self._heavy = 0
        self._tick: Handle | None = None
        self._soon: Handle | None = None
        self._next_metrics: Handle | None = None
        self._losses = losses
        self._unrendered = Unrendered(losses, logger)
        self._closed = False
        self._renders: list[_Render] = []
        if channels.metrics is not None:
            self._renders.append(self._measured)
        if channels.traces is not None:
            self._renders.append(self._spans)
        if channels.logs is not None:
            self._renders.append(self._logs)

    def start(self) -> None:
        """See `View.start`: begin to export metrics; the first request does it, too."""
        channel = self._channels.metrics
        if self._next_metrics is None and channel is not None:
            self._next_metrics = self._clock.call_at(self._clock.now() + self._every, self._export_metrics, channel)

    def add(self, request: Recorder) -> None:
        """See `View.add`."""
        if self._closed:
            self._losses.add(names.LOST_TRACES_EXPORT, len(request.records))
            return
        self._pending.append((request, None, [record for record in request.records if record.outcome is None]))
        body = request.inbound.body
        if body is not None:
            self._heavy += len(body.raw)
        if self._tick is None or (self._soon is None and (len(self._pending) >= BATCH or self._heavy > HEAVY)):
            self._arm()

    def late(self, request: Recorder, record: Record) -> None:
        """See `View.late`."""
        if self._closed:
            self._losses.add(names.LOST_TRACES_EXPORT)
            return
        self._pending.append((request, record, ()))
        self._arm()

    async def flush(self, by: int) -> None:
        """See `View.flush`; what could not be sent by then stays queued, and nothing runs any more."""
        await self._flush(by, last=False)

    async def close(self, by: int) -> None:
        """See `View.close`; what could not be sent by then is lost, and counted."""
        self._closed = True
        await self._flush(by, last=True)
        if self._channels.metrics is not None:
            self._channels.metrics.drop()

    async def _flush(self, by: int, *, last: bool) -> None:
        for timer in (self._tick, self._soon, self._next_metrics):
            if timer is not None:
                timer.cancel()
        self._tick = self._soon = self._next_metrics = None
        while self._pending:
            self._some()
            await asyncio.sleep(0)  # requests go on while we flush
        channels, now = self._channels, self._clock.now()
        part = now + (by - now) * 2 // 3  # metrics come last, so that what the others lost is in them
        others = [channel for channel in (channels.traces, channels.logs) if channel is not None]
        await asyncio.gather(*(channel.drain(part) for channel in others))
        if last:
            for channel in others:
                channel.drop()
        if channels.metrics is not None:
            self._collect(channels.metrics)
            await channels.metrics.drain(by)
        await channels.close()

    def _arm(self) -> None:
        now = self._clock.now
        if self._tick is None:
            self.start()
            self._tick = self._clock.call_at(now() + TICK_NS, self._on_tick)
        if self._soon is None and (len(self._pending) >= BATCH or self._heavy > HEAVY):
            self._soon = self._clock.call_at(now(), self._on_soon)

    def _on_soon(self) -> None:
        """There is enough to do: do a part of it, and send when there is enough to send."""
        self._soon = None
        self._some()
        if len(self._pending) >= BATCH:
            self._soon = self._clock.call_at(self._clock.now(), self._on_soon)
        for channel in (self._channels.traces, self._channels.logs):
            if channel is not None and channel.held >= SEND:
                channel.kick()

    def _on_tick(self) -> None:
        """Time is up: do what there is, in parts, then send."""
        self._tick = None
        self._some()
        if self._pending:
            self._tick = self._clock.call_at(self._clock.now(), self._on_tick)
            return
        for channel in (self._channels.traces, self._channels.logs):
            if channel is not None:
                channel.kick()

    def _export_metrics(self, channel: Channel) -> None:
        self._next_metrics = None
        self.start()
        self._collect(channel)
        channel.kick()

    def _collect(self, channel: Channel) -> None:
        """Queue what was counted so far."""
        try:
            channel.put(encode_metrics(self._aggregator.snapshot()), 1)
        except Exception as exc:  # noqa: BLE001  # telemetry never breaks the gateway
            self._unrendered(exc)

    def _some(self) -> None:
        """Render some requests: each kind of value for all of them, then all bytes; by turns it takes a third more."""
        found: list[SpanView] = []
        told: list[LogView] = []
        some = [self._pending.popleft() for _ in range(min(BATCH, len(self._pending)))]
        if self._forms is not None:
            some = self._filled(self._forms, some)
        for render in self._renders:
            for request, record, without in some:
                try:
                    render(request, record, without, found, told)
                except Exception as exc:  # noqa: BLE001  # one that fails does not stop the others
                    self._unrendered(exc)
        if not self._pending:
            self._heavy = 0
        if self._channels.traces is not None:
            self._put(self._channels.traces, self._encoder.spans, found)
        if self._channels.logs is not None:
            self._put(self._channels.logs, self._encoder.logs, told)

    def _filled(self, forms: Forms, some: list[_Pending]) -> list[_Pending]:
        """Render what has a form; returns what has none."""
        left: list[_Pending] = []
        written: list[bytes] = []
        logs: list[bytes] = []
        count = told = 0
        for pending in some:
            request, record, without = pending
            try:
                filled = None if record is not None or without else forms.fill(request)
                if filled is None:
                    left.append(pending)
                    continue
                spans_, logs_, events_ = filled
                written.append(spans_)
                count += len(request.records)
                if events_:
                    logs.append(logs_)
                    told += events_
            except Exception as exc:  # noqa: BLE001  # one that fails does not stop the others
                self._unrendered(exc)
        try:
            forms.count()
        except Exception as exc:  # noqa: BLE001  # telemetry never breaks the gateway
            self._unrendered(exc)
        if written and self._channels.traces is not None:
            self._channels.traces.put(b"".join(written), count)
        if logs and self._channels.logs is not None:
            self._channels.logs.put(b"".join(logs), told)
        return left

    def _put(self, channel: Channel, encode: Callable[[list[T]], bytes], views: list[T]) -> None:
        if not views:
            return
        try:
            channel.put(encode(views), len(views))
        except Exception as exc:  # noqa: BLE001  # one view that can't be encoded does not cost the others
            if len(views) == 1:
                self._unrendered(exc)
                return
            for view in views:
                self._put(channel, encode, [view])

    def _measured(self, request: Recorder, record: Record | None, without: Sequence[Record], *_: object) -> None:
        of = self._measurements
        self._aggregator.add(of(request, without) if record is None else of.late(request, record))

    def _spans(
        self, request: Recorder, record: Record | None, without: Sequence[Record], found: list[SpanView], _: object
    ) -> None:
        found += spans(request, without) if record is None else [span(request, record)]

    def _logs(
        self, request: Recorder, record: Record | None, without: Sequence[Record], _: object, told: list[LogView]
    ) -> None:
        told += events(request, without) if record is None else events_of(request, record)
