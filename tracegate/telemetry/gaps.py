"""The number of gaps that a reconciliation found, as a metric: told once by the command, not by a gateway.

It is what Prometheus and the dashboards know of a sink, for no gateway can know what a store lost afterwards. Every run
tells it as the same instance, so that the newest number is the one that stands.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracegate import __version__
from tracegate.clock import Clock
from tracegate.errors import ConfigError
from tracegate.telemetry import names
from tracegate.telemetry.aggregate import Metric, NumberPoint, Snapshot
from tracegate.telemetry.metrics_table import INSTRUMENTS
from tracegate.telemetry.otlp_metrics import encode_metrics
from tracegate.telemetry.post import Post
from tracegate.telemetry.setup import Otlp, endpoint_of, envelope_of

INSTANCE = "reconcile"
"""`service.instance.id` of whoever reconciles."""


async def tell_gaps(to: str, service: str, gaps: Mapping[str, int], clock: Clock, post: Post) -> None:
    """Post it.

    Args:
        to: Address of a receiver of OTLP over HTTP, without the path of a signal.
        service: `service.name` of the gateways whose logs they are.
        gaps: How many leaves of each log, by its origin, the sink acknowledged and does not have as they are.
        clock: Gives the time of the number.
        post: Sends it.

    Raises:
        ConfigError: The address is none.
        OSError: Nobody took it.
    """
    if not to.startswith(("http://", "https://")):
        raise ConfigError(f"{to}: an address of OTLP over HTTP begins with `http://` or `https://`")
    endpoint = endpoint_of(Otlp(f"{to.rstrip('/')}/v1/metrics"))
    now = clock.wall()
    points = tuple(NumberPoint(((names.TRACEGATE_AUDIT_LOG, log),), count) for log, count in gaps.items())
    metric = Metric(INSTRUMENTS[names.METRIC_TRACEGATE_AUDIT_GAPS], points)
    resource = {"service.name": service, "service.version": __version__, "service.instance.id": INSTANCE}
    body = envelope_of(resource).wrap([encode_metrics(Snapshot(now, now, (metric,)))])
    headers = (("Content-Type", "application/x-protobuf"), *endpoint.headers)
    answer = await post(endpoint.url, headers, body, endpoint.timeout_ns)
    if not 200 <= answer.status < 300:
        raise OSError(f"{to} answered {answer.status}")
