"""The SDK's exporters, from settings or by the names in `OTEL_*_EXPORTER`, and what they lose, counted.

OTLP exporters get everything from settings, which have read the environment already; any other exporter is found by
its entry point and reads the environment itself. gRPC is imported only where it is used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Literal

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader
from opentelemetry.sdk.trace.export import SpanExporter

from tracegate.clock import Clock
from tracegate.errors import ConfigError
from tracegate.telemetry.metrics_tally import Losses

MINUTE_NS = 60_000_000_000

OTLP_NAMES = ("otlp", "otlp_proto_http", "otlp_proto_grpc")
"""Values of `OTEL_*_EXPORTER` that mean OTLP; the protocol is the settings'."""

CHATTY = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)
"""Loggers that write a line for each failed try."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where one signal goes as OTLP.

    Args:
        endpoint: The whole URL of the signal; for `grpc` scheme, host and port.
        protocol: Of OTLP.
        headers: Sent with each export; they may hold keys.
        compression: Of the body.
        timeout_ns: For one export with all its tries.
        ca: Path of a CA bundle (PEM) instead of the system's.
        cert, key: Paths of a client certificate and its key (PEM).
    """

    endpoint: str
    protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    headers: tuple[tuple[str, str], ...] = ()
    compression: Literal["none", "gzip"] = "none"
    timeout_ns: int = 3_000_000_000
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return f"Receiver({self.endpoint!r}, {self.protocol!r})"


def span_exporters(to: Receiver, environ: Mapping[str, str]) -> list[SpanExporter]:
    """Exporters of spans: those that `OTEL_TRACES_EXPORTER` names, by default OTLP."""
    return _named(environ, "OTEL_TRACES_EXPORTER", "opentelemetry_traces_exporter", lambda: _otlp_spans(to))


def log_exporters(to: Receiver, environ: Mapping[str, str]) -> list[LogRecordExporter]:
    """Exporters of log events: those that `OTEL_LOGS_EXPORTER` names, by default OTLP."""
    return _named(environ, "OTEL_LOGS_EXPORTER", "opentelemetry_logs_exporter", lambda: _otlp_logs(to))


def metric_exporters(to: Receiver, environ: Mapping[str, str]) -> list[MetricExporter | MetricReader]:
    """Exporters or readers of metrics: those that `OTEL_METRICS_EXPORTER` names, by default OTLP."""
    return _named(environ, "OTEL_METRICS_EXPORTER", "opentelemetry_metrics_exporter", lambda: _otlp_metrics(to))


class Counted:
    """An exporter's `export` that counts what it lost.

    Args:
        export: The exporter's.
        losses: Where losses are counted.
        where: As which.
        whole: Whether a failed export counts as one, or as each of its items.
    """

    __slots__ = ("_export", "_losses", "_where", "_whole", "taken")

    def __init__(self, export: Callable[..., Any], losses: Losses, where: str, *, whole: bool = False) -> None:
        self._export = export
        self._losses = losses
        self._where = where
        self._whole = whole
        self.taken = 0  # items that were handed to the exporter; written by its thread only

    def __call__(self, items: Any, *args: Any, **settings: Any) -> Any:  # Any: the signature is the signal's
        """Export, and count."""
        size = 1 if self._whole else len(items)
        self.taken += size
        try:
            result = self._export(items, *args, **settings)
        except BaseException:
            self._losses.add(self._where, size)
            raise
        if getattr(result, "name", None) == "FAILURE":  # each signal has an enumeration of its own
            self._losses.add(self._where, size)
        return result


class OncePerMinute(logging.Filter):
    """Lets one line a minute through; for loggers that write one for each failed try.

    Args:
        clock: Tells the minutes.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._next = clock.now()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written."""
        now = self._clock.now()
        if now < self._next:
            return False
        self._next = now + MINUTE_NS
        return True


def _named(environ: Mapping[str, str], variable: str, group: str, otlp: Callable[[], Any]) -> list[Any]:
    made: list[Any] = []
    for name in (environ.get(variable) or "otlp").split(","):
        match name.strip():
            case "none" | "":
                pass
            case known if known in OTLP_NAMES:
                made.append(otlp())
            case other:
                found = next(iter(entry_points(group=group, name=other)), None)
                if found is None:
                    known = ", ".join(sorted({entry.name for entry in entry_points(group=group)} | {"none", "otlp"}))
                    raise ConfigError(f"{variable}: no installed package has an exporter `{other}`. Known: {known}.")
                made.append(found.load()())
    return made


def _otlp_spans(to: Receiver) -> SpanExporter:
    if to.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans

        return GrpcSpans(**_grpc(to))
    return OTLPSpanExporter(**_http(to))


def _otlp_logs(to: Receiver) -> LogRecordExporter:
    if to.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs

        return GrpcLogs(**_grpc(to))
    return OTLPLogExporter(**_http(to))


def _otlp_metrics(to: Receiver) -> MetricExporter:
    if to.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics

        return GrpcMetrics(**_grpc(to))
    return OTLPMetricExporter(**_http(to))


def _http(to: Receiver) -> dict[str, Any]:
    return {
        "endpoint": to.endpoint,
        "headers": dict(to.headers),
        "compression": Compression.Gzip if to.compression == "gzip" else Compression.NoCompression,
        "timeout": to.timeout_ns / 1e9,
        "certificate_file": to.ca,
        "client_certificate_file": to.cert,
        "client_key_file": to.key,
    }


def _grpc(to: Receiver) -> dict[str, Any]:
    import grpc  # type: ignore[import-untyped]  # it ships no types

    files = (to.ca, to.key, to.cert)
    return {
        "endpoint": to.endpoint,  # its scheme says whether there is TLS
        "credentials": grpc.ssl_channel_credentials(*map(_read, files)) if any(files) else None,
        "headers": to.headers,
        "compression": grpc.Compression.Gzip if to.compression == "gzip" else grpc.Compression.NoCompression,
        "timeout": to.timeout_ns / 1e9,
    }


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()
