"""A process that appends under load until it is killed; it prints each leaf that it was told of, and flushes.

Run as `python -m tests.audit.appending FOLDER FIRST`; FIRST is the number of its first record.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.audit.failing import SECOND, final, intent, place_in
from tests.audit.leaves import GATEWAY
from tracegate.audit.log import Log
from tracegate.clock import SystemClock


def _tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # one system call: what the other side reads whole was said


async def _client(log: Log, first: int) -> None:
    """One record after the other: an intent, its final; every third final never comes."""
    n = first
    while True:
        at = await log.append(intent(n), 60 * SECOND)
        _tell(f"{at.index} {at.hash}")
        if n % 3:
            done = await log.append(final(n, at), 60 * SECOND)
            _tell(f"{done.index} {done.hash}")
        n += 1


async def _main(folder: Path, first: int) -> None:
    log = await Log.open(place_in(folder), GATEWAY, SystemClock(), checkpoint_ns=20_000_000)
    _tell("open")
    await asyncio.gather(*(_client(log, first + 100_000 * n) for n in range(8)))


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
