"""One life of an audit log, in a process that is interfered with: opened, written by three clients, rotated, closed.

It says what it was told of, in calls that nothing else makes: a file is written by `write`, this goes by `sendto`.
`python -m tests.torture.life FOLDER SOCKET` is one life; `forks` makes many without starting Python anew.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

import tracegate.audit.writer
from tests.audit.failing import final, intent
from tests.audit.leaves import GATEWAY
from tests.audit.running import running
from tracegate.audit.lane import ThreadLane
from tracegate.audit.log import LogUnavailable
from tracegate.audit.opening import StartRefused
from tracegate.audit.process import Audit, Settings
from tracegate.audit.succession import Home
from tracegate.clock import RandomIds, SystemClock

MS = 1_000_000
FIRST = 1_000  # number of the first record of a life
RECORDS = 4  # of each client
CLIENTS = 3
SEGMENT = 12_000  # bytes: a life needs several
CHECKPOINT_NS = 5 * MS
WAIT_NS = 700 * MS  # more than the log's own pause before it tries again
PAUSE_NS = 50 * MS  # of whoever was refused
TRIES = 12
TURN_S = 1.0  # longest time for the turn to the next log, once all clients are served

Tell = Callable[[str], None]


def settings_in(folder: Path) -> Settings:
    """Of the log of a life."""
    return Settings(Home(folder, "gw.example", "prod", "r1"))


async def life(folder: Path, tell: Tell) -> None:
    """Live it; a log that can't be opened is tried again, as whoever supervises a gateway does.

    Args:
        folder: Of all logs.
        tell: Gets `leaf ORIGIN INDEX HASH` of every leaf that was acknowledged, `r RECORD R` of every record that was
            closed, and at the end how it ended.
    """
    tracegate.audit.writer.SEGMENT = SEGMENT
    clock = SystemClock()
    audit = await _opened(folder, clock)
    if audit is None:
        tell("not opened")
        return
    clients = [_client(audit, clock, FIRST + n * RECORDS, tell) for n in range(CLIENTS)]
    rotating = asyncio.create_task(_rotated(audit, clock))
    served = await asyncio.gather(*clients)
    await asyncio.wait([rotating], timeout=TURN_S)
    rotating.cancel()  # as the gateway's own is when it ends
    await asyncio.gather(rotating, return_exceptions=True)
    works = rotating.done() and not rotating.cancelled() and rotating.result() and await _works(audit, clock)
    await audit.close()
    tell("closed" if all(served) and works else "failing")


class _OneThread(ThreadLane):
    """The same for every try, for strace counts the calls of each thread by itself."""

    def close(self) -> None:
        """Nothing: it ends with the process."""


async def _opened(folder: Path, clock: SystemClock) -> Audit | None:
    lane = _OneThread()
    for _ in range(TRIES):
        try:
            return await running(
                settings_in(folder), GATEWAY, clock, RandomIds(), lane=lane, checkpoint_ns=CHECKPOINT_NS
            )
        except OSError:
            continue
    return None


async def _client(audit: Audit, clock: SystemClock, first: int, tell: Tell) -> bool:
    """One record after the other; every third final never comes. Returns whether it was served in the end."""
    log = audit.epoch.log
    for number in range(first, first + RECORDS):
        r = audit.ids.secret()
        for tried in range(TRIES):
            n = number + tried * 1_000  # a record that was given up may have reached the disk: the next try is another
            began = audit.epoch.origin
            try:
                at = await log.append(msgspec.structs.replace(intent(n), log=began), WAIT_NS, r=r)
            except LogUnavailable:
                await clock.sleep_until(clock.now() + PAUSE_NS)
                continue
            break
        else:
            return False
        tell(f"leaf {began} {at.index} {at.hash}")
        if number % 3 == 0:
            continue
        ends = audit.epoch.origin
        prev = at if ends == began else msgspec.structs.replace(at, log=began)
        closing = msgspec.structs.replace(final(n, prev), log=ends)
        rows = (("id", bytes(32)),)
        try:
            done = await log.append(closing, WAIT_NS, rows=rows)
        except LogUnavailable:
            log.keep(msgspec.structs.replace(closing, late=True), rows=rows)
        else:
            tell(f"leaf {ends} {done.index} {done.hash}")
            tell(f"r {closing.record_id} {r.hex()}")
    return True


async def _rotated(audit: Audit, clock: SystemClock) -> bool:
    """Another key, while clients write."""
    for _ in range(TRIES):
        await clock.sleep_until(clock.now() + MS)
        try:
            await audit.rotate()
        except (LogUnavailable, OSError, StartRefused):
            await clock.sleep_until(clock.now() + PAUSE_NS)
            continue
        return True
    return False


async def _works(audit: Audit, clock: SystemClock) -> bool:
    """Whether it can be written, or can again after its next try."""
    for _ in range(TRIES):
        if audit.epoch.log.failing is None:
            return True
        await clock.sleep_until(clock.now() + PAUSE_NS)
    return False


def live(folder: Path, to: Path) -> None:
    """A whole life, told to a socket."""
    with socket.socket(socket.AF_UNIX) as said:
        said.connect(str(to))
        asyncio.run(life(folder, lambda line: said.sendall(f"{line}\n".encode())))


if __name__ == "__main__":
    live(Path(sys.argv[1]), Path(sys.argv[2]))
