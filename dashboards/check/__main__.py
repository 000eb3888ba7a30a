"""`python -m dashboards.check`: prints the table; the exit status is 1 unless all of it is right."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from dashboards.check import panels, violations
from dashboards.check.compared import table
from dashboards.check.rules import hurried
from dashboards.check.scenes import SCRIPTS
from tracegate.stack.stack import Stack
from tracegate.testing.simulator import Simulator


async def main() -> int:
    """Check everything; returns the exit status."""
    console = Console(width=200 if not sys.stdout.isatty() else None)
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(rules=hurried(Path(folder))) as stack, Simulator(SCRIPTS) as simulator:
            of = await panels.played(stack, simulator)
            lines = await panels.lines(stack, of)
            lines += await violations.broken(stack, simulator)
    table(lines, console)
    return 1 if any(line.wrong for line in lines) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
