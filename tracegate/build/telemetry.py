"""From configuration to the view that runs: where telemetry goes, and what may become a label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracegate.clock import Clock, Ids
from tracegate.config.model import Config
from tracegate.config.model import Otlp as Configured
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Active
from tracegate.telemetry.post import Post
from tracegate.telemetry.setup import Otlp, TelemetrySettings, views
from tracegate.telemetry.view import View


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The view of closed requests, and the count of open ones."""

    view: View
    active: Active


def telemetry_of(
    config: Config, clock: Clock, ids: Ids, environ: Mapping[str, str], *, post: Post | None = None
) -> Telemetry:
    """What a configuration asks for.

    Args:
        config: The configuration.
        clock: Times exports.
        ids: For the id of this process.
        environ: For what only the SDK reads.
        post: Sends the direct renderer's requests, instead of sockets; for tests.

    Raises:
        ConfigError: A certificate can't be read, or an exporter is not installed.
    """
    measurements = Measurements((settings.target for settings in config.targets.values()), config.routes)
    active = Active(measurements.names)
    view = views(_settings(config), clock, ids, measurements, tallies=[active], environ=environ, post=post)
    return Telemetry(view, active)


def _settings(config: Config) -> TelemetrySettings:
    telemetry = config.telemetry
    return TelemetrySettings(
        traces=_otlp(telemetry.traces),
        metrics=_otlp(telemetry.metrics),
        logs=_otlp(telemetry.logs),
        renderer=telemetry.renderer,
        metrics_every_ns=telemetry.metrics_every_ns,
        service=telemetry.service,
        resource=telemetry.resource,
        queue=telemetry.queue,
        disabled=telemetry.disabled,
        value_limit=telemetry.value_limit,
        unread=telemetry.unread,
    )


def _otlp(to: Configured | None) -> Otlp | None:
    if to is None:
        return None
    return Otlp(
        endpoint=to.endpoint,
        protocol=to.protocol,
        headers=tuple((name, secret.value) for name, secret in to.headers),
        compression=to.compression,
        timeout_ns=to.timeout_ns,
        ca=to.ca,
        cert=to.cert,
        key=to.key,
    )
