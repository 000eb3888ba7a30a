"""The OpenTelemetry SDK behind the replay renderer: providers of our own making, or a host's.

Our own are made from settings and `OTEL_*`, never registered as global, and ended by us: nothing waits at exit.
Batches are small and quick, because the export threads hold the interpreter's lock while they encode.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from tracegate.clock import Clock
from tracegate.errors import ConfigError
from tracegate.telemetry import names
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Counts, Losses
from tracegate.telemetry.model import Value
from tracegate.telemetry.sdk import Replay, Replays
from tracegate.telemetry.sdk_exporters import (
    CHATTY,
    Counted,
    OncePerMinute,
    Receiver,
    log_exporters,
    metric_exporters,
    span_exporters,
)
from tracegate.telemetry.sdk_metrics import Metrics, views
from tracegate.telemetry.sdk_spans import Finished, Logs, SpanReplay, Started

BATCH = 128
BATCH_DELAY_MS = 500
ITEM_BYTES = 2048
"""What one waiting span weighs, about; turns a queue in bytes into one in items."""


@dataclass(frozen=True, slots=True)
class Sdk:
    """How our own providers are made.

    Args:
        traces, metrics, logs: Where each signal goes; `None`: it is not exported.
        resource: Attributes of this process.
        metrics_every_ns: Time between exports of metrics.
        queue: Bytes kept for what is not sent yet.
        environ: For what settings don't say: `OTEL_*_EXPORTER`, `OTEL_BSP_*`, `OTEL_BLRP_*`.
    """

    traces: Receiver | None
    metrics: Receiver | None
    logs: Receiver | None
    resource: Mapping[str, Value] = field(default_factory=dict)
    metrics_every_ns: int = 15_000_000_000
    queue: int = 16_000_000
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Providers:
    """What the SDK is entered by; `None`: that signal is not exported."""

    traces: trace.TracerProvider | None = None
    metrics: metrics.MeterProvider | None = None
    logs: _logs.LoggerProvider | None = None
    ours: bool = False


def our_providers(sdk: Sdk, clock: Clock, losses: Losses) -> Providers:
    """Providers with exporters as settings and `OTEL_*_EXPORTER` say.

    Raises:
        ConfigError: A named exporter is not installed.
    """
    resource = Resource.create(dict(sdk.resource))
    meters = _meters(sdk, sdk.metrics, resource, losses) if sdk.metrics is not None else None
    providers = Providers(
        traces=_tracers(sdk, sdk.traces, resource, losses, meters) if sdk.traces is not None else None,
        metrics=meters,
        logs=_loggers(sdk, sdk.logs, resource, losses, meters) if sdk.logs is not None else None,
        ours=True,
    )
    quiet = OncePerMinute(clock)
    for name in CHATTY:
        chatty = logging.getLogger(name)
        for before in [known for known in chatty.filters if isinstance(known, OncePerMinute)]:
            chatty.removeFilter(before)  # of providers made earlier in this process, with a minute of its own
        chatty.addFilter(quiet)
    return providers


def host_providers() -> Providers:
    """The global providers, as far as somebody set them to the SDK's."""
    tracers, meters, loggers = trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()
    return Providers(
        traces=tracers if isinstance(tracers, TracerProvider) else None,
        metrics=meters if isinstance(meters, MeterProvider) else None,
        logs=loggers if isinstance(loggers, LoggerProvider) else None,
    )


def file_providers(path: str) -> Providers:
    """The providers that an OpenTelemetry configuration file describes (`OTEL_CONFIG_FILE`); they become global.

    Raises:
        ConfigError: The package that reads such files is not installed, or it does not accept the file.
    """
    try:
        from opentelemetry import configuration  # type: ignore[attr-defined]  # an optional package
    except ImportError as exc:
        raise ConfigError(
            "OTEL_CONFIG_FILE is set, but the package that reads it is missing: pip install opentelemetry-configuration"
        ) from exc
    try:
        configuration.configure_sdk(configuration.load_config_file(path))
    except configuration.ConfigurationError as exc:
        raise ConfigError(f"OTEL_CONFIG_FILE: {exc}") from exc
    return host_providers()


def replay(
    providers: Providers, clock: Clock, measurements: Measurements, losses: Losses, tallies: Sequence[Counts] = ()
) -> Replay:
    """The replay renderer over providers.

    Args:
        providers: Ours or a host's.
        clock: Times the batches.
        measurements: Makes the measurements of a request.
        losses: Counts what is lost; exported like `tallies`.
        tallies: Counts that are kept elsewhere, e.g. requests in flight.

    Raises:
        TypeError: A tracer provider that is not the SDK's.
    """
    spans: SpanReplay | None = None
    if providers.traces is not None:
        spans = Finished(providers.traces) if providers.ours else Started(providers.traces)
    made = Replays(
        spans=spans,
        logs=None if providers.logs is None else Logs(providers.logs),
        metrics=None
        if providers.metrics is None
        else Metrics(providers.metrics, (*tallies, losses), measurements.zeros()),
        flush=_each(providers, "force_flush"),
        close=_each(providers, "shutdown") if providers.ours else _nothing,
        tracers=providers.traces,
        meters=providers.metrics,
    )
    return Replay(clock, made, measurements, losses)


class BoundedSpans(BatchSpanProcessor):
    """A batch processor that refuses and counts what it has no room for, instead of dropping the oldest unseen.

    Args:
        exporter: Whose exports are counted.
        export: Its `export`, counted.
        losses: Where refusals are counted.
        size: Spans that may wait.
        settings: As for the SDK's processor.
    """

    def __init__(self, exporter: Any, export: Counted, losses: Losses, size: int, **settings: Any) -> None:
        super().__init__(exporter, max_queue_size=size, **settings)
        self._counted = export
        self._losses = losses
        self._room = size
        self._given = 0

    def on_end(self, span: ReadableSpan) -> None:
        """See `SpanProcessor.on_end`."""
        if self._given - self._counted.taken >= self._room:
            self._losses.add(names.LOST_TRACES_QUEUE)
            return
        if span.context is not None and span.context.trace_flags.sampled:  # others it does not take
            self._given += 1
        super().on_end(span)


class BoundedLogs(BatchLogRecordProcessor):
    """As `BoundedSpans`, for log events."""

    def __init__(self, exporter: Any, export: Counted, losses: Losses, size: int, **settings: Any) -> None:
        super().__init__(exporter, max_queue_size=size, **settings)
        self._counted = export
        self._losses = losses
        self._room = size
        self._given = 0

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """See `LogRecordProcessor.on_emit`."""
        if self._given - self._counted.taken >= self._room:
            self._losses.add(names.LOST_LOGS_QUEUE)
            return
        self._given += 1
        super().on_emit(log_record)


def _tracers(
    sdk: Sdk, to: Receiver, resource: Resource, losses: Losses, meters: MeterProvider | None
) -> TracerProvider:
    provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False, meter_provider=meters)
    size, settings = _batching(sdk, "OTEL_BSP", meters)
    for exporter in span_exporters(to, sdk.environ):
        counted = _count(exporter, losses, names.LOST_TRACES_EXPORT)
        provider.add_span_processor(BoundedSpans(exporter, counted, losses, size, **settings))
    return provider


def _loggers(
    sdk: Sdk, to: Receiver, resource: Resource, losses: Losses, meters: MeterProvider | None
) -> LoggerProvider:
    provider = LoggerProvider(resource, shutdown_on_exit=False, meter_provider=meters)
    size, settings = _batching(sdk, "OTEL_BLRP", meters)
    for exporter in log_exporters(to, sdk.environ):
        counted = _count(exporter, losses, names.LOST_LOGS_EXPORT)
        provider.add_log_record_processor(BoundedLogs(exporter, counted, losses, size, **settings))
    return provider


def _meters(sdk: Sdk, to: Receiver, resource: Resource, losses: Losses) -> MeterProvider:
    readers: list[MetricReader] = []
    for made in metric_exporters(to, sdk.environ):
        if isinstance(made, MetricExporter):
            _count(made, losses, names.LOST_METRICS_EXPORT, whole=True)
            readers.append(PeriodicExportingMetricReader(made, sdk.metrics_every_ns / 1e6, to.timeout_ns / 1e6))
        else:
            readers.append(made)
    exponential = sdk.environ.get("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "")
    pinned = exponential.strip().lower() != "base2_exponential_bucket_histogram"
    return MeterProvider(readers, resource, shutdown_on_exit=False, views=views(pinned=pinned))


def _batching(sdk: Sdk, prefix: str, meters: MeterProvider | None) -> tuple[int, dict[str, Any]]:
    """Queue and settings of a batch processor: the environment's, else ours."""
    batch = _number(sdk.environ, f"{prefix}_MAX_EXPORT_BATCH_SIZE", BATCH)
    size = _number(sdk.environ, f"{prefix}_MAX_QUEUE_SIZE", max(sdk.queue // ITEM_BYTES, batch))
    delay = _number(sdk.environ, f"{prefix}_SCHEDULE_DELAY", BATCH_DELAY_MS)
    if batch > size:
        raise ConfigError(f"{prefix}_MAX_EXPORT_BATCH_SIZE is {batch}, which is more than the queue holds: {size}.")
    return size, {"max_export_batch_size": batch, "schedule_delay_millis": delay, "meter_provider": meters}


def _number(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not int(text):
        raise ConfigError(f"{variable} is `{text}`; it must be a whole number of at least 1.")
    return int(text)


def _count(exporter: Any, losses: Losses, where: str, *, whole: bool = False) -> Counted:
    counted = Counted(exporter.export, losses, where, whole=whole)
    exporter.export = counted
    return counted


def _each(providers: Providers, method: str) -> Callable[[], None]:
    """Call a method of every provider; metrics come last, so that what the others lost is in them."""
    found = [
        getattr(each, method) for each in (providers.traces, providers.logs, providers.metrics) if each is not None
    ]

    def run() -> None:
        for call in found:
            call()

    return run


def _nothing() -> None:
    """A host's providers are the host's to end."""
