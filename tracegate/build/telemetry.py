"""From configuration to the view that runs: where telemetry goes, and what may become a label."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from tracegate.clock import Clock, Ids
from tracegate.config.model import Config
from tracegate.config.model import Otlp as Configured
from tracegate.hop import Hop
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_audit import Audited
from tracegate.telemetry.metrics_tally import Active, Losses, Repeats
from tracegate.telemetry.post import Post
from tracegate.telemetry.setup import Otlp, TelemetrySettings, resource_of, views
from tracegate.telemetry.view import View


class Telemetry(Struct, frozen=True):
    """The view of closed requests, the count of open ones, and what is told of the audit log once it is open.

    `losses` counts what telemetry lost, `resource` says which process it is of. `keep` is to be put around what a
    client selects, where prompts and answers are exported.
    """

    view: View
    active: Active
    audited: Audited
    losses: Losses
    resource: Mapping[str, str]
    keep: Callable[[Hop], Hop] | None = None


def telemetry_of(
    config: Config, clock: Clock, ids: Ids, environ: Mapping[str, str], *, post: Post | None = None
) -> Telemetry:
    """What a configuration asks for.

    Args:
        config: The configuration.
        clock: Times exports.
        ids: For the id of this process.
        environ: For what only the SDK reads.
        post: Sends what is written directly, instead of sockets; for tests.

    Raises:
        ConfigError: A certificate can't be read, or an exporter is not installed.
    """
    measurements = Measurements((settings.target for settings in config.targets.values()), config.routes)
    active, audited = Active(measurements.names), Audited(config.audit.mode)
    settings, losses, repeats = _settings(config), Losses(), Repeats()
    resource = resource_of(settings, clock, ids)
    view = views(
        settings,
        clock,
        ids,
        measurements,
        losses=losses,
        tallies=[active, *audited.counts()],
        environ=environ,
        post=post,
        resource=resource,
        repeats=repeats,
    )
    to = config.telemetry.content_otlp if config.telemetry.content and not settings.disabled else None
    if to is None:
        return Telemetry(view, active, audited, losses, resource)
    from tracegate.telemetry.content import Beside  # few want it, and it is a room of its own to load
    from tracegate.telemetry.content_kept import Kept
    from tracegate.telemetry.content_setup import content_view

    kept = Kept()
    content = content_view(otlp_of(to), settings, clock, ids, kept, losses, resource, post, repeats)
    return Telemetry(Beside(clock, view, content), active, audited, losses, resource, kept.hop)


def _settings(config: Config) -> TelemetrySettings:
    telemetry = config.telemetry
    return TelemetrySettings(
        traces=None if telemetry.traces is None else otlp_of(telemetry.traces),
        metrics=None if telemetry.metrics is None else otlp_of(telemetry.metrics),
        logs=None if telemetry.logs is None else otlp_of(telemetry.logs),
        renderer=telemetry.renderer,
        metrics_every_ns=telemetry.metrics_every_ns,
        service=telemetry.service,
        resource=telemetry.resource,
        queue=telemetry.queue,
        disabled=telemetry.disabled,
        value_limit=telemetry.value_limit,
        unread=telemetry.unread,
    )


def otlp_of(to: Configured) -> Otlp:
    """Where something is exported to, as the telemetry room has it."""
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
