"""The configuration of telemetry: what is exported, how and where.

Part of `model`, which says what all of it has in common.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from tracegate.config.model_server import Inbound
from tracegate.config.origin import Effective, Origins, no_origins
from tracegate.config.secret import Secret

Renderer = Literal["direct", "sdk"]


class Otlp(Struct, frozen=True):
    """Where one signal goes. `endpoint` is the whole URL of the signal; for `grpc` the target alone."""

    endpoint: str
    protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    headers: tuple[tuple[str, Secret], ...] = ()
    compression: Literal["none", "gzip"] = "none"
    timeout_ns: int = 10_000_000_000
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


class Telemetry(Effective, frozen=True):
    """What is exported, how and where.

    Args:
        traces, metrics, logs: Where each signal goes; `None`: not exported.
        renderer: The effective one; `renderer_why` says what decided.
        content: Prompts and answers are exported, as events only, to `content_otlp`.
        queue: Bytes kept for what is not sent yet.
        disabled: `OTEL_SDK_DISABLED`: nothing is exported at all.
        value_limit: `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`, in characters.
        unread: `OTEL_*` variables that are set and that the renderer `direct` does not read.
    """

    traces: Otlp | None
    metrics: Otlp | None
    logs: Otlp | None
    metrics_every_ns: int
    renderer: Renderer
    renderer_why: str
    inbound: Inbound
    service: str
    resource: tuple[tuple[str, str], ...]
    content: bool
    content_otlp: Otlp | None
    queue: int
    shutdown_ns: int
    disabled: bool
    value_limit: int | None
    unread: tuple[str, ...]
    origins: Origins = field(default_factory=no_origins)
