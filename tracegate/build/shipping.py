"""From configuration to what ships the leaves of the audit log, where `audit.ship` says where to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracegate.audit.process import Audit
from tracegate.audit.reading import name_of
from tracegate.audit.shipping import Shipping
from tracegate.build.telemetry import otlp_of
from tracegate.clock import Clock, Ids
from tracegate.config.model import Config, Otlp
from tracegate.telemetry.leaves import leaf_poster, leaf_sink
from tracegate.telemetry.post import Poster


@dataclass(frozen=True, slots=True)
class LeafShipping:
    """What ships the leaves of a process, from its start to its end.

    Args:
        shipping: Does the work.
        poster: Its connection.
        clock: Of the running loop.
        within_ns: How long it may take at the end.
    """

    shipping: Shipping
    poster: Poster
    clock: Clock
    within_ns: int

    def start(self) -> None:
        """Begin to ship; to be called when the log is open."""
        self.shipping.start()

    async def close(self) -> None:
        """Ship what is there, for a while; to be called when the log is closed, so that its last leaf goes too."""
        await self.shipping.close(self.clock.now() + self.within_ns)
        await self.poster.close()


def shipping_of(
    config: Config, ship: Otlp, audit: Audit, clock: Clock, ids: Ids, resource: Mapping[str, str]
) -> LeafShipping:
    """What a configuration asks for.

    Args:
        config: The configuration.
        ship: Where its leaves go.
        audit: The log of this process; it is told who counts what is not shipped.
        clock: Of the running loop.
        ids: For jitter.
        resource: Of this process, the same as for its telemetry.

    Raises:
        ConfigError: A header can't be sent, a certificate can't be read, or the protocol is not HTTP.
    """
    to = otlp_of(ship)
    poster = leaf_poster(to)
    sink = leaf_sink(to, resource, clock, poster)

    def own() -> Mapping[str, int]:
        log = audit.epoch.log
        return {name_of(log.writing): log.size}

    shipping = Shipping(audit.home.root, sink, clock, ids.random, own)
    audit.shipped = shipping.numbers
    return LeafShipping(shipping, poster, clock, config.telemetry.shutdown_ns)
