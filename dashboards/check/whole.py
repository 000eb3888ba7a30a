"""The whole check: the real stores, the load, every panel, every violation."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dashboards.check import panels, violations
from dashboards.check.compared import Line
from dashboards.check.played import played
from dashboards.check.rules import hurried
from dashboards.check.scenes import SCRIPTS
from tracegate.stack.stack import Stack
from tracegate.testing.simulator import Simulator


async def checked() -> list[Line]:
    """The lines of the table; raises `StackError` when the stores can't be had, or what was sent does not arrive."""
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(rules=hurried(Path(folder))) as stack, Simulator(SCRIPTS) as simulator:
            before = await violations.silent(stack)
            of = await played(stack, simulator)
            lines = await panels.lines(stack, of)
            lines.append(await violations.heard(stack, before))
            return lines + await violations.broken(stack, simulator)
