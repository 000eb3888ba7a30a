"""An audit log that runs, taken as a gateway takes its own: for whoever needs one without a gateway around it."""

from __future__ import annotations

from functools import partial
from typing import Any

from tracegate.audit.disk import Disk
from tracegate.audit.kinds import Gateway
from tracegate.audit.lane import Lane, ThreadLane
from tracegate.audit.process import Audit, Settings
from tracegate.audit.succession import take
from tracegate.clock import Clock, Ids


async def running(
    settings: Settings,
    gateway: Gateway,
    clock: Clock,
    ids: Ids,
    *,
    lane: Lane | None = None,
    disk: Disk | None = None,
    **more: Any,
) -> Audit:
    """Take the log of a process, on its lane, and run it; see `Audit` for what is given, `take` for what is raised."""
    lane, disk = lane or ThreadLane(), disk or Disk()
    try:
        taken = await lane.run(partial(take, disk, settings.home, gateway, clock))
    except BaseException:
        lane.close()
        raise
    audit = Audit(taken, settings, gateway, clock, ids, lane=lane, disk=disk, **more)
    audit.run()
    return audit
