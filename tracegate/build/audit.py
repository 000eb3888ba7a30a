"""From configuration to the audit log of a process, and what runs beside it: commands are heard, leaves are shipped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tracegate import __version__
from tracegate.audit.asked import answered
from tracegate.audit.control import Control
from tracegate.audit.disk import Disk
from tracegate.audit.held import held
from tracegate.audit.kinds import Gateway
from tracegate.audit.lane import Lane, ThreadLane
from tracegate.audit.process import STRICT_NS, Audit, Settings
from tracegate.audit.render_attempts import fit
from tracegate.audit.retention import Retention
from tracegate.audit.succession import Home, take
from tracegate.clock import Clock, Ids
from tracegate.config.model import Config

if TYPE_CHECKING:
    from tracegate.build.anchors import HeadAnchoring
    from tracegate.build.shipping import LeafShipping

logger = logging.getLogger(__name__)


class Keeping:
    """The audit log of a process while it serves.

    Args:
        audit: The log, which was taken and does not run yet.
        control: Hears commands.
        shipping: Sends leaves away; `None` where they go nowhere.
        anchoring: Tells of heads; `None` where nobody is told.
    """

    __slots__ = ("_anchoring", "_control", "_shipping", "audit")

    def __init__(
        self, audit: Audit, control: Control, shipping: LeafShipping | None, anchoring: HeadAnchoring | None = None
    ) -> None:
        self.audit = audit
        self._control = control
        self._shipping = shipping
        self._anchoring = anchoring

    async def start(self) -> None:
        """Take leaves from now on."""
        self.audit.run()
        try:
            await self._control.start()
        except OSError as exc:
            logger.warning("No command will reach this gateway while it runs: %s", exc)
        if self._shipping is not None:
            self._shipping.start()
        if self._anchoring is not None:
            self._anchoring.start()

    async def close(self) -> None:
        """Close the log, and ship what can be shipped soon."""
        await self._control.close()
        if self._anchoring is not None:
            await self._anchoring.close()
        await self.audit.close()
        if self._shipping is not None:
            await self._shipping.close()


def keeping_of(
    config: Config,
    clock: Clock,
    ids: Ids,
    *,
    workers: int = 1,
    dropped: Callable[[], int | None] = lambda: None,
    resource: Mapping[str, str] | None = None,
    disk: Disk | None = None,
    lane: Lane | None = None,
) -> Keeping | None:
    """Take the log that a configuration asks for, and close what its last run left open; `None` where it is off.

    It blocks: to be called before anybody is served.

    Args:
        config: The configuration.
        clock: Of the loop that will run.
        ids: For the id of this run, and the blinding of records.
        workers: Processes that share the directory.
        dropped: Counts the spans that telemetry lost.
        resource: Of this process, the same as for its telemetry.
        disk: The system calls.
        lane: Where the log's disk work is done.

    Raises:
        ConfigError: Leaves can't be shipped, or heads not told of, as it is configured.
        InUse: Another process has the log.
        StartRefused: It must not be continued as it is.
        OSError: It can't be written.
    """
    settings = settings_of(config, workers)
    if settings is None:
        return None
    disk, written = disk or Disk(), gateway_of(config, clock, ids)
    taken = take(disk, settings.home, written, clock)
    audit = Audit(taken, settings, written, clock, ids, disk=disk, lane=lane, dropped=dropped, clock_state=held)
    shipping = anchoring = None
    if config.audit.ship is not None:
        from tracegate.build.shipping import shipping_of  # few ship leaves, and fewer tell of heads

        shipping = shipping_of(config, config.audit.ship, audit, clock, ids, resource or {})
    if config.audit.anchors:
        from tracegate.build.anchors import anchoring_of

        anchoring = anchoring_of(config, audit, clock)
    control = Control(settings.home.private, taken.replica, ThreadLane(), partial(answered, audit))
    return Keeping(audit, control, shipping, anchoring)


def settings_of(config: Config, workers: int = 1) -> Settings | None:
    """How the log is kept; `None` where it is off."""
    audit = config.audit
    if audit.mode == "off":
        return None
    return Settings(
        home=Home(Path(audit.dir), audit.host, audit.cluster, audit.replica, shared=workers > 1),
        mode=audit.mode,
        wait_ns=audit.wait_ns if audit.mode == "available" else STRICT_NS,
        retention=retention_of(config),
        sign_path=audit.sign_path,
    )


def retention_of(config: Config) -> Retention:
    """How long leaves are kept, where the log is off too: what was written before stays as long."""
    audit = config.audit
    return Retention(audit.preset or "default", audit.retention_ns, audit.ship is not None)


def gateway_of(config: Config, clock: Clock, ids: Ids) -> Gateway:
    """Who writes, as leaves say it; the node has a name for them even where answers don't tell it."""
    return Gateway(
        node=fit(config.gateway.node) or config.audit.replica,
        run=ids.request(clock.wall()),
        version=__version__,
        config_digest=config.digest,
        region=fit(config.gateway.region),
    )
