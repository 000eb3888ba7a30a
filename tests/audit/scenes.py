"""One request and the log that it writes into, on virtual time, with a disk that fails when a test says so."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from typing import Any

from tests.audit.failing import FaultyDisk, SlowLane
from tests.server.case import Case, costs
from tracegate.audit.answer import Answer
from tracegate.audit.process import Mode
from tracegate.facts import Usage
from tracegate.testing.audit import MemoryLog
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run

MS = 1_000_000
S = 1_000_000_000
WAIT: dict[Mode, int] = {"strict": S, "available": 50 * MS}
MODES: list[Mode] = ["strict", "available"]
JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
BODY = b'{"choices":[{"message":{"content":"Paris."}}]}'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"Paris."}}]}\n\n'


class Scene:
    """A log, and one request that writes into it; each piece of disk work takes `delay` ns."""

    def __init__(self, mode: Mode = "strict", *, delay: int = 100_000, stream: bool = False) -> None:
        self.clock = FakeClock()
        self.disk = FaultyDisk()
        lane = SlowLane(self.clock, delay)
        self.log = MemoryLog(self.clock, SeededIds(9), mode=mode, wait_ns=WAIT[mode], disk=self.disk, lane=lane)
        self.case = Case(stream=stream)
        self.answer = Answer(self.log.audit, self.case.recorder)
        self.inbound = self.case.inbound

    @property
    def record(self) -> str:
        """Its id."""
        return f"tg-{self.case.recorder.request_id}"

    def fails(self, code: int = errno.ENOSPC) -> None:
        """From now on nothing can be written."""
        self.disk.broken["write"] = code

    def works(self) -> None:
        """It can again."""
        self.disk.broken.clear()

    async def passes(self, ns: int) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now() + ns)

    def whole(self, exc: BaseException | None = None, status: int = 200) -> None:
        """Its answer is about to be sent."""
        self.answer.whole(status, JSON, BODY, exc)

    def streams(self) -> None:
        """A stream begins, and its provider has said all of it."""
        self.answer.begin(EVENTS)
        record = self.case.begin(cost=costs(7))
        self.case.commit(record, usage=Usage(1, 2), finish=("stop",))
        self.inbound.status = 200
        self.answer.send(EVENT)
        self.inbound.chunks = 1
        self.case.end(record)


def played(scene: Callable[[], Awaitable[Scene]]) -> tuple[Scene, list[dict[str, Any]]]:
    """Play a scene to its end; returns it with the leaves of its record. The log must be sound then."""

    async def main() -> Scene:
        found = await scene()
        found.works()
        await found.passes(3 * S)
        await found.log.close()
        return found

    found = run(main)
    assert found.log.faults() == []
    return found, [leaf for leaf in found.log.leaves() if leaf.get("record_id") == found.record]


def paused(scene: Scene) -> list[dict[str, int]]:
    """What was served without a leaf."""
    return [leaf["requests"] for leaf in scene.log.leaves() if leaf["type"] == "log.paused"]
