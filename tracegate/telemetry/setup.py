"""From settings to the view that runs: the direct renderer, the replay through the SDK, or none.

The environment is not read here: whoever makes the settings has resolved `OTEL_*`, signal by signal. Only the SDK gets
it, for what no setting says (`OTEL_BSP_*`, other exporters, a configuration file). The SDK is imported where it is
used: the direct renderer starts without it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from tracegate import __version__
from tracegate.clock import Clock, Ids
from tracegate.errors import ConfigError
from tracegate.record import Record, Recorder
from tracegate.telemetry.aggregate import Aggregator
from tracegate.telemetry.direct import Channels, Direct
from tracegate.telemetry.export import Channel, Endpoint, Signal
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Counts, Losses, Repeats
from tracegate.telemetry.otlp import Envelope
from tracegate.telemetry.post import Post, Poster, tls_context
from tracegate.telemetry.view import View

LOGS_SHARE = 8
"""One part in so many of the queue is for log events, the rest for spans."""

logger = logging.getLogger(__name__)


class Otlp(Struct, frozen=True):
    """Where one signal goes.

    Args:
        endpoint: The whole URL of the signal; for `grpc` scheme, host and port.
        protocol: Of OTLP; `grpc` needs the SDK.
        headers: Sent with each export; they may hold keys.
        compression: Of the body.
        timeout_ns: For one try; with the SDK for all tries of one export.
        ca: Path of a CA bundle (PEM) instead of the system's.
        cert, key: Paths of a client certificate and its key (PEM).
    """

    endpoint: str
    protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    headers: tuple[tuple[str, str], ...] = ()
    compression: Literal["none", "gzip"] = "none"
    timeout_ns: int = 10_000_000_000
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def __repr__(self) -> str:
        """Without the headers, in one of which a key may stand."""
        return f"Otlp(endpoint={self.endpoint!r}, protocol={self.protocol!r})"


class TelemetrySettings(Struct, frozen=True):
    """What is exported, how and where.

    Args:
        traces, metrics, logs: Where each signal goes; `None`: it is not exported.
        renderer: Which one runs.
        metrics_every_ns: Time between exports of metrics.
        service: `service.name`.
        resource: More attributes of the resource; they win over what is set here.
        queue: Bytes kept for what is not sent yet.
        disabled: Nothing is exported at all (`OTEL_SDK_DISABLED`).
        value_limit: Longest text value in characters, `None` for no limit.
        unread: Variables that are set and mean nothing to the direct renderer; named in one warning.
    """

    traces: Otlp | None = None
    metrics: Otlp | None = None
    logs: Otlp | None = None
    renderer: Literal["direct", "sdk"] = "direct"
    metrics_every_ns: int = 15_000_000_000
    service: str = "tracegate"
    resource: tuple[tuple[str, str], ...] = ()
    queue: int = 16_000_000
    disabled: bool = False
    value_limit: int | None = None
    unread: tuple[str, ...] = ()


class Off:
    """A `View` that exports nothing."""

    __slots__ = ()

    def add(self, request: Recorder) -> None:
        """See `View.add`."""

    def late(self, request: Recorder, record: Record) -> None:
        """See `View.late`."""

    def start(self) -> None:
        """See `View.start`."""

    async def flush(self, by: int) -> None:
        """See `View.flush`."""

    async def close(self, by: int) -> None:
        """See `View.close`."""


def views(
    settings: TelemetrySettings,
    clock: Clock,
    ids: Ids,
    measurements: Measurements,
    *,
    losses: Losses | None = None,
    tallies: Sequence[Counts] = (),
    environ: Mapping[str, str] | None = None,
    post: Post | None = None,
    resource: dict[str, str] | None = None,
    repeats: Repeats | None = None,
) -> View:
    """The view that runs.

    Args:
        settings: What is exported, how and where.
        clock: Times everything.
        ids: For the id of this process and for jitter.
        measurements: Makes the measurements of a request; knows the configured targets and routes.
        losses: Counts what is lost; exported like `tallies`.
        tallies: Counts that are kept elsewhere, e.g. requests in flight.
        environ: For the SDK, what no setting says.
        post: Sends the direct renderer's requests, instead of a connection of its own for each signal.
        resource: Of this process, where it is shared; by default made here.
        repeats: Counts what was sent again though it may have arrived; exported like `tallies`.

    Raises:
        ConfigError: A file can't be read, a header can't be sent, an exporter is not installed.
    """
    if settings.disabled or not any((settings.traces, settings.metrics, settings.logs)):
        return Off()
    resource = resource_of(settings, clock, ids) if resource is None else resource
    lost = Losses() if losses is None else losses
    again = Repeats() if repeats is None else repeats
    tallies = (*tallies, again)
    if settings.renderer == "sdk":
        return _replay(settings, clock, measurements, lost, tallies, environ or {}, resource)
    if settings.unread:
        logger.warning(
            "These variables are set and have no effect; each needs `renderer: sdk`: %s.", ", ".join(settings.unread)
        )
    return _direct(settings, clock, ids, measurements, lost, again, tallies, post, resource)


def resource_of(settings: TelemetrySettings, clock: Clock, ids: Ids) -> dict[str, str]:
    """The resource: the service, its version, and this process of it."""
    return {
        "service.name": settings.service,
        "service.version": __version__,
        "service.instance.id": ids.request(clock.wall()),
        **dict(settings.resource),
    }


def envelope_of(resource: Mapping[str, str]) -> Envelope:
    """What stands around everything that is written here."""
    # Whoever reads the data learns which software made it, as the specification of resources asks of every SDK.
    maker = {
        "telemetry.sdk.name": "tracegate",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": __version__,
    }
    return Envelope({**maker, **resource})


def _direct(
    settings: TelemetrySettings,
    clock: Clock,
    ids: Ids,
    measurements: Measurements,
    losses: Losses,
    repeats: Repeats,
    tallies: Sequence[Counts],
    post: Post | None,
    resource: dict[str, str],
) -> Direct:
    envelope = envelope_of(resource)
    posters: list[Poster] = []
    logs_queue = settings.queue // LOGS_SHARE

    def channel(signal: Signal, to: Otlp | None, queue: int) -> Channel | None:
        if to is None:
            return None
        endpoint = endpoint_of(to)
        way = post
        if way is None:
            posters.append(poster := poster_of(to))
            way = poster
        return Channel(signal, endpoint, envelope, way, clock, ids.random, losses, queue, repeats)

    async def close() -> None:
        for poster in posters:
            await poster.close()

    channels = Channels(
        traces=channel("traces", settings.traces, settings.queue - logs_queue),
        logs=channel("logs", settings.logs, logs_queue),
        metrics=channel("metrics", settings.metrics, settings.queue),
        close=close,
    )
    aggregator = Aggregator(clock, losses, tallies)
    aggregator.add(measurements.zeros())
    return Direct(
        clock,
        channels,
        measurements,
        aggregator,
        losses,
        metrics_every_ns=settings.metrics_every_ns,
        value_limit=settings.value_limit,
    )


def endpoint_of(to: Otlp, key: str = "telemetry.otlp") -> Endpoint:
    """Where a channel posts to; `key` is that of the configuration.

    Raises:
        ConfigError: A header can't be sent.
    """
    for name, value in to.headers:
        if not (name and f"{name}{value}".isascii() and f"{name}{value}".isprintable()) or set(name) & set(" :"):
            raise ConfigError(f"{key}.headers.{name!a}: a header is printable ASCII; check for line ends.")
    return Endpoint(to.endpoint, to.headers, to.compression == "gzip", to.timeout_ns)


def poster_of(to: Otlp, key: str = "telemetry.otlp") -> Poster:
    """What posts there, over a connection of its own.

    Raises:
        ConfigError: A certificate can't be read.
    """
    if urlsplit(to.endpoint).scheme != "https":
        return Poster()
    try:
        return Poster(tls_context(to.ca, to.cert, to.key))
    except OSError as exc:  # a missing file, or one that is no certificate
        files = ", ".join(f"`{path}`" for path in (to.ca, to.cert, to.key) if path is not None)
        raise ConfigError(f"{key}: can't use {files or 'the certificates of the system'}: {exc}") from exc


def _replay(
    settings: TelemetrySettings,
    clock: Clock,
    measurements: Measurements,
    losses: Losses,
    tallies: Sequence[Counts],
    environ: Mapping[str, str],
    resource: dict[str, str],
) -> View:
    from tracegate.telemetry.sdk_exporters import Receiver
    from tracegate.telemetry.sdk_providers import Sdk, file_providers, our_providers, replay

    def receiver(to: Otlp | None) -> Receiver | None:
        if to is None:
            return None
        return Receiver(to.endpoint, to.protocol, to.headers, to.compression, to.timeout_ns, to.ca, to.cert, to.key)

    if path := environ.get("OTEL_CONFIG_FILE"):
        providers = file_providers(path)
    else:
        sdk = Sdk(
            traces=receiver(settings.traces),
            metrics=receiver(settings.metrics),
            logs=receiver(settings.logs),
            resource=resource,
            metrics_every_ns=settings.metrics_every_ns,
            queue=settings.queue,
            environ=environ,
        )
        providers = our_providers(sdk, clock, losses)
    return replay(providers, clock, measurements, losses, tallies)
