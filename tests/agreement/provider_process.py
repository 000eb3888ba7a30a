"""Simulated providers in a process of their own, with a ticker on their loop, run as a module.

It prints its base URL, serves until its standard input ends, and then prints when each tick was due and when it came.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from tests.agreement.ticked import tell, tell_ticks
from tracegate.testing.lag import LagTicker
from tracegate.testing.simulator import Simulator


async def main(seed: int) -> None:
    """Serve until standard input ends."""
    async with Simulator(seed=seed) as simulator, LagTicker() as ticker:
        tell(simulator.base_url)
        await asyncio.to_thread(sys.stdin.read)
    tell_ticks(ticker)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
