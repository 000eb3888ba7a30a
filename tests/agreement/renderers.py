"""The two renderers in process, each ending in an OTLP receiver that believes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tracegate.build.telemetry import telemetry_of
from tracegate.clock import Clock, Ids
from tracegate.config.model import Config
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.post import Answer, Headers
from tracegate.telemetry.sdk_metrics import views
from tracegate.telemetry.sdk_providers import Providers, replay
from tracegate.telemetry.view import View
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.receiver import PROTOBUF, Receiver

Renderer = Literal["direct", "sdk"]
RENDERERS: tuple[Renderer, ...] = ("direct", "sdk")
S = 1_000_000_000


@dataclass
class Export:
    """A view, the receiver behind it, and what brings everything there."""

    view: View
    receiver: Receiver
    finish: Callable[[], object]


async def finish(export: Export, clock: Clock) -> Receiver:
    """Bring everything to the receiver and have it judged."""
    await export.view.close(clock.now() + 60 * S)
    result = export.finish()
    if result is not None:
        await result  # type: ignore[misc]  # of the SDK's: it posts what was kept in memory
    export.receiver.check()
    return export.receiver


def export_of(renderer: Renderer, config: Config, clock: Clock, ids: Ids) -> Export:
    """A renderer for a configuration, in process."""
    receiver = Receiver(clock, Registry.ours())
    return _direct(config, clock, ids, receiver) if renderer == "direct" else _sdk(config, clock, receiver)


def _direct(config: Config, clock: Clock, ids: Ids, receiver: Receiver) -> Export:
    async def post(url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        async with asyncio.timeout(timeout_ns / 1e9):
            answer = await receiver.post(urlsplit(url).path, headers, body)
        return Answer(answer.status, tuple(answer.headers), answer.body)

    return Export(telemetry_of(config, clock, ids, {}, post=post).view, receiver, lambda: None)


def _sdk(config: Config, clock: Clock, receiver: Receiver) -> Export:
    resource = Resource({"service.name": "tracegate"})
    spans, logs, points = InMemorySpanExporter(), InMemoryLogRecordExporter(), InMemoryMetricReader()  # type: ignore[no-untyped-call]  # the SDK's has no types
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    meters = MeterProvider([points], resource, AlwaysOnExemplarFilter(), views=views())
    measurements = Measurements((settings.target for settings in config.targets.values()), config.routes)
    providers = Providers(tracers, meters, loggers, ours=True)

    async def deliver() -> None:
        headers = {"content-type": PROTOBUF}
        await receiver.post("/v1/traces", headers, encode_spans(spans.get_finished_spans()).SerializeToString())
        if found := logs.get_finished_logs():
            await receiver.post("/v1/logs", headers, encode_logs(found).SerializeToString())
        data = points.get_metrics_data()
        if data is not None:
            await receiver.post("/v1/metrics", headers, encode_metrics(data).SerializeToString())

    return Export(Kept(replay(providers, clock, measurements, Losses())), receiver, deliver)


class Kept:
    """The replay view without the end of its providers: what is in memory is read after it."""

    def __init__(self, view: View) -> None:
        self.add = view.add
        self.late = view.late
        self.start = view.start
        self.flush = view.flush
        self.close = view.flush
