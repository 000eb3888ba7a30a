"""The SDK end to end: providers of our own and a host's, over real sockets, and what happens when nobody takes it."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import grpc  # type: ignore[import-untyped]  # it ships no types
import pytest
from opentelemetry import _logs, metrics, trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanContext

from tests.telemetry.recorders import ROUTES, TARGETS, failed_over, plain
from tests.telemetry.test_metrics_table import CONVENTIONS
from tests.telemetry.test_sdk_spans import as_encoded
from tracegate.clock import SystemClock
from tracegate.errors import ConfigError
from tracegate.telemetry import names
from tracegate.telemetry.events import events
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Active, Losses
from tracegate.telemetry.sdk import Replay
from tracegate.telemetry.sdk_exporters import CHATTY, Receiver
from tracegate.telemetry.sdk_providers import (
    Providers,
    Sdk,
    file_providers,
    host_providers,
    our_providers,
    replay,
)
from tracegate.telemetry.sdk_spans import Finished, Logs
from tracegate.telemetry.spans import spans
from tracegate.testing.clock import FakeClock
from tracegate.testing.otlp.decode import decode_traces
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.receiver import Receiver as Collector
from tracegate.testing.receiver import Refuse
from tracegate.testing.receiving import listen

SECOND = 1_000_000_000
RESOURCE = {"service.name": "tracegate-test", "service.instance.id": "one"}
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_BLRP_SCHEDULE_DELAY": "10"}


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    """Filters that were put on foreign loggers are taken off again."""
    before = {name: list(logging.getLogger(name).filters) for name in CHATTY}
    yield
    for name, filters in before.items():
        logging.getLogger(name).filters[:] = filters


def sdk(url: str, environ: dict[str, str] | None = None, **changes: Any) -> Sdk:
    """Settings that send every signal to one place."""
    traces, metrics, logs = (Receiver(f"{url}/v1/{of}", timeout_ns=SECOND // 2) for of in ("traces", "metrics", "logs"))
    return replace(Sdk(traces, metrics, logs, RESOURCE, environ=QUICK | (environ or {})), **changes)


def lost(losses: Losses) -> dict[object, int]:
    """What was lost, by where."""
    return {labels[0][1]: count for labels, count in losses.counts() if count}


@asynccontextmanager
async def running(settings: Sdk) -> AsyncIterator[tuple[Replay, Losses, Active]]:
    """A replay over providers of our own, closed at the end."""
    clock, losses, measurements = SystemClock(), Losses(), Measurements(TARGETS, ROUTES)
    active = Active(measurements.names)
    view = replay(our_providers(settings, clock, losses), clock, measurements, losses, [active])
    try:
        yield view, losses, active
    finally:
        await view.close(clock.now() + 10 * SECOND)


def test_everything_reaches_a_receiver_over_http() -> None:
    """A strict receiver has nothing to complain about, and spans are the views; nothing was lost."""

    async def exported() -> tuple[Collector, Losses]:
        collector = Collector(registry=Registry.of(CONVENTIONS))
        async with listen(collector) as listening, running(sdk(listening.url)) as (view, losses, active):
            active.begin("default")
            for recorder in (plain(1), failed_over(2)):
                view.add(recorder)
            await view.flush(SystemClock().now() + 10 * SECOND)
            return collector, losses

    collector, losses = asyncio.run(exported())
    collector.check()
    views = [view for recorder in (plain(1), failed_over(2)) for view in spans(recorder)]
    assert [span.view() for span in collector.spans] == [as_encoded(view) for view in views]
    assert len(collector.logs) == 4
    assert collector.total("tracegate.attempts") == 4
    assert collector.total("tracegate.requests.active", tracegate__route__name="default") == 1
    assert lost(losses) == {}
    assert RESOURCE.items() <= dict(collector.spans[0].origin.resource).items()


def test_a_receiver_that_refuses_costs_nobody_but_itself_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Spans and log events by their number, metrics by the export; one line a minute."""

    async def refused() -> Losses:
        collector = Collector()
        collector.behaviour = Refuse(400)
        async with listen(collector) as listening, running(sdk(listening.url)) as (view, losses, _):
            view.add(failed_over())
            await view.flush(SystemClock().now() + 10 * SECOND)
            return losses

    with caplog.at_level(logging.WARNING):
        losses = asyncio.run(refused())
    counted = lost(losses)
    assert counted.pop(names.LOST_METRICS_EXPORT) >= 1  # once for the flush, once for the end
    assert counted == {names.LOST_TRACES_EXPORT: len(spans(failed_over())), names.LOST_LOGS_EXPORT: 4}
    assert len([line for line in caplog.messages if "Failed to export" in line]) == 1


def test_what_the_queues_have_no_room_for_is_counted() -> None:
    """The newest is refused, instead of the oldest being dropped without a word."""

    async def flooded() -> tuple[Collector, Losses]:
        collector, losses = Collector(), Losses()
        queue = {
            f"OTEL_{of}_{what}": "4" for of in ("BSP", "BLRP") for what in ("MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE")
        }
        async with listen(collector) as listening:
            providers = our_providers(sdk(listening.url, queue, metrics=None), SystemClock(), losses)
            tracers, loggers = providers.traces, providers.logs
            assert isinstance(tracers, TracerProvider)
            assert isinstance(loggers, LoggerProvider)
            # While the lock that an export needs is held, nothing leaves, and the queues fill.
            spans_queue: Any = tracers._active_span_processor._span_processors[0]
            logs_queue: Any = loggers._multi_log_record_processor._log_record_processors[0]
            with spans_queue._batch_processor._export_lock, logs_queue._batch_processor._export_lock:
                spans_queue.on_end(ReadableSpan("not sampled", SpanContext(1, 1, is_remote=False)))  # takes no room
                for seed in (1, 2):
                    Finished(tracers)(spans(failed_over(seed)))
                    Logs(loggers)(events(failed_over(seed)))
            for provider in (tracers, loggers):
                await asyncio.to_thread(provider.shutdown)
            return collector, losses

    collector, losses = asyncio.run(flooded())
    made = 2 * len(spans(failed_over()))
    assert (len(collector.spans), len(collector.logs)) == (4, 4)
    assert lost(losses) == {names.LOST_TRACES_QUEUE: made - 4, names.LOST_LOGS_QUEUE: 8 - 4}


@contextmanager
def grpc_collector() -> Iterator[tuple[str, list[bytes], list[tuple[str, str]]]]:
    """A gRPC server that takes spans: its address, the requests, and what their metadata said."""
    requests: list[bytes] = []
    said: list[tuple[str, str]] = []

    class Takes(TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802  # as generated
            requests.append(request.SerializeToString())
            said.extend((key, value) for key, value in context.invocation_metadata())
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(1))
    add_TraceServiceServicer_to_server(Takes(), server)  # type: ignore[no-untyped-call]  # generated code
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}", requests, said
    finally:
        server.stop(0).wait()


def test_spans_leave_over_grpc() -> None:
    """The protocol and the headers of the settings; other signals may be off."""

    async def exported(url: str) -> Losses:
        traces = Receiver(url, "grpc", (("x-key", "1"),))
        async with running(Sdk(traces, None, None, RESOURCE, environ=QUICK)) as (view, losses, _):
            view.add(plain())
            await view.flush(SystemClock().now() + 10 * SECOND)
            return losses

    with grpc_collector() as (url, requests, said):
        losses = asyncio.run(exported(url))
    assert [span.view() for request in requests for span in decode_traces(request)] == spans(plain())
    assert ("x-key", "1") in said
    assert lost(losses) == {}


def test_a_batch_larger_than_its_queue_or_a_number_that_is_none_is_refused() -> None:
    """The message names the variable and what is allowed."""
    for environ, message in (
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "5"}, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE is 128, .*holds: 5"),
        ({"OTEL_BLRP_SCHEDULE_DELAY": "soon"}, "OTEL_BLRP_SCHEDULE_DELAY is `soon`; .*at least 1"),
        ({"OTEL_BSP_SCHEDULE_DELAY": "0"}, "OTEL_BSP_SCHEDULE_DELAY is `0`"),
    ):
        with pytest.raises(ConfigError, match=message):
            our_providers(sdk("http://127.0.0.1:9", environ, metrics=None), FakeClock(), Losses())


def test_exponential_histograms_and_other_readers_are_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_*` is respected: a reader that is no exporter, and the histograms it prefers."""
    reader = InMemoryMetricReader()
    monkeypatch.setattr("tracegate.telemetry.sdk_providers.metric_exporters", lambda to, environ: [reader])
    variable = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    environ = {variable: "base2_exponential_bucket_histogram"}
    settings = sdk("http://127.0.0.1:9", environ, traces=None, logs=None)
    providers = our_providers(settings, FakeClock(), Losses())
    clock, measurements = FakeClock(), Measurements(TARGETS, ROUTES)
    replay(providers, clock, measurements, Losses())
    data = reader.get_metrics_data()
    assert data is not None
    assert data.resource_metrics[0].resource.attributes["service.name"] == "tracegate-test"


class Host:
    """An application that has set up the SDK for itself, with a sampler that drops everything."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's has no types
        self.tracers = TracerProvider(ALWAYS_OFF, shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.loggers = LoggerProvider(shutdown_on_exit=False)
        self.loggers.add_log_record_processor(SimpleLogRecordProcessor(self.logs))

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make the providers the global ones."""
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: self.tracers)
        monkeypatch.setattr(metrics, "get_meter_provider", lambda: self.meters)
        monkeypatch.setattr(_logs, "get_logger_provider", lambda: self.loggers)


def test_under_a_host_the_ids_stay_ours_and_its_providers_live_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything goes through the host's providers, nothing is sampled away, and closing ends nothing of the host's."""
    host = Host()
    host.install(monkeypatch)
    providers = host_providers()
    assert providers == Providers(host.tracers, host.meters, host.loggers, ours=False)
    clock, losses = SystemClock(), Losses()

    async def mounted() -> None:
        view = replay(providers, clock, Measurements(TARGETS, ROUTES), losses)
        view.add(failed_over())
        await view.close(clock.now() + 10 * SECOND)

    asyncio.run(mounted())
    assert [(span.name, span.context.span_id.to_bytes(8, "big")) for span in host.exporter.get_finished_spans()] == [
        (view.name, view.span) for view in spans(failed_over())
    ]
    assert len(host.logs.get_finished_logs()) == 4
    data = host.reader.get_metrics_data()
    assert data is not None
    found = {metric.name for scope in data.resource_metrics[0].scope_metrics for metric in scope.metrics}
    assert {"tracegate.attempts", "tracegate.telemetry.errors"} <= found
    with host.tracers.get_tracer("host").start_as_current_span("still alive"):
        pass  # a provider that was shut down would say so in the log


def test_without_a_host_there_are_no_providers() -> None:
    """What the API gives before anybody set it up is no SDK."""
    assert host_providers() == Providers()


def test_providers_of_no_signal_render_nothing() -> None:
    """Everything may be off; closing such a view does nothing."""

    async def nothing() -> None:
        clock = SystemClock()
        view = replay(Providers(ours=True), clock, Measurements(), Losses())
        view.add(plain())
        await view.close(clock.now() + 10 * SECOND)

    asyncio.run(nothing())


class Refused(Exception):
    """What the package that reads configuration files raises."""


def declarative(configure: Callable[[str], None]) -> ModuleType:
    """The package that reads configuration files, as far as it is called."""
    module = ModuleType("opentelemetry.configuration")
    vars(module).update(load_config_file=lambda path: path, configure_sdk=configure, ConfigurationError=Refused)
    return module


def test_a_configuration_file_makes_the_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """They become global, and we are a guest of theirs."""
    host, read = Host(), list[str]()

    def configure(path: str) -> None:
        read.append(path)
        host.install(monkeypatch)

    module = declarative(configure)
    monkeypatch.setitem(sys.modules, "opentelemetry.configuration", module)
    monkeypatch.setattr("opentelemetry.configuration", module, raising=False)
    assert file_providers("otel.yaml") == Providers(host.tracers, host.meters, host.loggers)
    assert read == ["otel.yaml"]


def test_a_configuration_file_that_cannot_be_used_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong, or nobody there to read it."""
    with pytest.raises(ConfigError, match="pip install opentelemetry-configuration"):
        file_providers("otel.yaml")

    def configure(path: str) -> None:
        raise Refused("5 is not of type 'object'")

    module = declarative(configure)
    monkeypatch.setitem(sys.modules, "opentelemetry.configuration", module)
    monkeypatch.setattr("opentelemetry.configuration", module, raising=False)
    with pytest.raises(ConfigError, match="OTEL_CONFIG_FILE: 5 is not of type 'object'"):
        file_providers("otel.yaml")
