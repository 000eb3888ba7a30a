"""Exporters as settings and the environment say; what they lose is counted, and told once a minute."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExportResult
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExportResult

from tracegate.errors import ConfigError
from tracegate.telemetry import names, sdk_exporters
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.sdk_exporters import (
    MINUTE_NS,
    Counted,
    OncePerMinute,
    Receiver,
    log_exporters,
    metric_exporters,
    span_exporters,
)
from tracegate.testing.clock import FakeClock

HTTP = Receiver("http://127.0.0.1:4318/v1/any", headers=(("x-key", "planted"),), compression="gzip")
GRPC = Receiver("http://127.0.0.1:4317", "grpc", (("x-key", "planted"),), "gzip")


def kinds(exporters: list[Any]) -> list[type]:
    """Their classes; shut down, because some hold connections."""
    for exporter in exporters:
        exporter.shutdown()
    return [type(exporter) for exporter in exporters]


def test_otlp_is_the_default_over_the_protocol_of_the_settings() -> None:
    """Each signal, over both protocols."""
    assert kinds(span_exporters(HTTP, {})) == [OTLPSpanExporter]
    assert kinds(log_exporters(HTTP, {})) == [OTLPLogExporter]
    assert kinds(metric_exporters(HTTP, {})) == [OTLPMetricExporter]
    assert kinds(span_exporters(GRPC, {})) == [GrpcSpans]
    assert kinds(log_exporters(GRPC, {})) == [GrpcLogs]
    assert kinds(metric_exporters(GRPC, {})) == [GrpcMetrics]


def test_exporters_are_found_by_the_names_in_the_environment() -> None:
    """Several may be named, in their order; `none` is none."""
    assert kinds(span_exporters(HTTP, {"OTEL_TRACES_EXPORTER": "console, otlp"})) == [
        ConsoleSpanExporter,
        OTLPSpanExporter,
    ]
    assert kinds(log_exporters(HTTP, {"OTEL_LOGS_EXPORTER": "console"})) == [ConsoleLogRecordExporter]
    assert kinds(metric_exporters(HTTP, {"OTEL_METRICS_EXPORTER": "console,none"})) == [ConsoleMetricExporter]
    assert kinds(span_exporters(HTTP, {"OTEL_TRACES_EXPORTER": "otlp_proto_http"})) == [OTLPSpanExporter]
    assert span_exporters(HTTP, {"OTEL_TRACES_EXPORTER": "none"}) == []
    assert span_exporters(HTTP, {"OTEL_TRACES_EXPORTER": ","}) == []


def test_an_exporter_of_another_package_is_made_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads the environment itself."""
    entry = EntryPoint("mine", "opentelemetry.sdk.trace.export:ConsoleSpanExporter", "opentelemetry_traces_exporter")
    monkeypatch.setattr(sdk_exporters, "entry_points", lambda **wanted: EntryPoints([entry]).select(**wanted))
    assert kinds(span_exporters(HTTP, {"OTEL_TRACES_EXPORTER": "mine"})) == [ConsoleSpanExporter]


def test_an_unknown_exporter_is_named_with_the_known_ones() -> None:
    """The message says what is allowed."""
    with pytest.raises(ConfigError, match=r"OTEL_TRACES_EXPORTER: .* `jaeger`\. Known: console, none, otlp") as raised:
        span_exporters(HTTP, {"OTEL_TRACES_EXPORTER": "jaeger"})
    assert "planted" not in str(raised.value)


def test_settings_reach_the_exporter(tmp_path: Path) -> None:
    """Endpoint, headers, compression, time-out and certificates; the environment does not overrule them."""
    ca, cert, key = (str(tmp_path / name) for name in ("ca", "cert", "key"))
    for path in (ca, cert, key):
        Path(path).write_bytes(b"-----BEGIN CERTIFICATE-----")
    to = Receiver("https://h/v1/traces", timeout_ns=1_500_000_000, ca=ca, cert=cert, key=key)
    (exporter,) = span_exporters(to, {})
    seen: Any = exporter
    assert seen._endpoint == "https://h/v1/traces"
    assert seen._client._timeout == 1.5
    assert seen._client._transport._session.verify == ca
    assert seen._client._transport._session.cert == (cert, key)
    (exporter,) = span_exporters(HTTP, {})
    seen = exporter
    assert (seen._client._headers["x-key"], seen._client._headers["Content-Encoding"]) == ("planted", "gzip")
    to = Receiver("https://h:1", "grpc", (("k", "v"),), timeout_ns=2_000_000_000, ca=ca, cert=cert, key=key)
    (exporter,) = span_exporters(to, {})
    seen = exporter
    assert (seen._endpoint, seen._insecure, seen._timeout, seen._headers) == ("h:1", False, 2.0, (("k", "v"),))
    exporter.shutdown()
    (exporter,) = span_exporters(Receiver("https://h:1", "grpc", ca=ca), {})
    exporter.shutdown()


def test_a_receiver_does_not_show_its_headers() -> None:
    """They may hold keys."""
    assert repr(HTTP) == "Receiver('http://127.0.0.1:4318/v1/any', 'http/protobuf')"


class Sloppy(Enum):
    """A result of an exporter that does not keep to the interface."""

    DONE = 1


@dataclass
class Exporter:
    """An exporter that gives a result, or fails."""

    result: object

    def export(self, items: list[int], timeout_millis: float = 0) -> object:
        """As the SDK calls it."""
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


def lost(losses: Losses) -> int:
    """What was lost under one name."""
    return sum(count for _, count in losses.counts())


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (SpanExportResult.SUCCESS, 0),
        (SpanExportResult.FAILURE, 3),
        (LogRecordExportResult.FAILURE, 3),
        (MetricExportResult.FAILURE, 3),
        (Sloppy.DONE, 0),
        (None, 0),
    ],
)
def test_failed_exports_are_counted_by_their_items(result: object, expected: int) -> None:
    """The result goes on to whoever asked."""
    losses = Losses()
    counted = Counted(Exporter(result).export, losses, names.LOST_TRACES_EXPORT)
    assert counted([1, 2, 3], timeout_millis=5) is result
    assert (counted.taken, lost(losses)) == (3, expected)


def test_an_exporter_that_raises_has_lost_what_it_was_given() -> None:
    """The SDK logs it, and goes on."""
    losses = Losses()
    counted = Counted(Exporter(OSError("gone")).export, losses, names.LOST_LOGS_EXPORT)
    with pytest.raises(OSError, match="gone"):
        counted([1, 2])
    assert lost(losses) == 2


def test_a_failed_export_of_metrics_is_one_loss() -> None:
    """What was in it comes again with the next: the sums are cumulative."""
    losses = Losses()
    Counted(Exporter(MetricExportResult.FAILURE).export, losses, names.LOST_METRICS_EXPORT, whole=True)(object())
    assert lost(losses) == 1


def test_one_line_a_minute_is_written(caplog: pytest.LogCaptureFixture) -> None:
    """However many tries fail."""
    clock = FakeClock()
    logger = logging.getLogger("tests.chatty")
    quiet = OncePerMinute(clock)
    logger.addFilter(quiet)
    try:
        for _ in range(3):
            logger.error("refused")
        clock.advance(MINUTE_NS)
        logger.error("refused again")
        logger.error("refused again")
    finally:
        logger.removeFilter(quiet)
    assert caplog.messages == ["refused", "refused again"]
