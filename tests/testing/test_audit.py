"""The log that waits for no disk is a log like any other."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from tests.audit.failing import FaultyDisk, SlowLane
from tests.server.case import Case
from tracegate.audit.policy import trusting
from tracegate.audit.verify import Given, verify
from tracegate.clock import RandomIds, SystemClock
from tracegate.errors import Unavailable
from tracegate.testing.audit import MemoryLog
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run

TOOK = 812_300_000
"""Nanoseconds that the provider took."""

RECORD = "tg-0199c0de-7d3a-7c11-8f2e-5b0f6a9d2c41"


async def answered(log: MemoryLog) -> str:
    """One request leaves its record; returns its id."""
    case = Case()
    answer = log.audit.answer(case.recorder)
    answer.received([b"{}"])
    await answer.intent()
    case.answered()
    answer.whole(200, "application/json", b"{}", None)
    assert await answer.durable()
    return f"tg-{case.recorder.request_id}"


def test_what_is_written_can_be_read_proved_and_checked() -> None:
    """In virtual time, of which it takes none; its files go with it."""

    async def main() -> Path:
        clock = FakeClock()
        log = MemoryLog(clock, SeededIds())
        since = clock.now()
        record = await answered(log)
        assert clock.now() - since == TOOK
        assert [leaf["type"] for leaf in log.leaves()] == ["log.open", "config", "intent", "final"]
        assert log.bundle(RECORD) is None
        await log.close()
        bundle = log.bundle(record)
        assert log.faults() == []
        now = log.leaves()[-1]["t"] // 1_000_000
        assert verify(Given(trusting([log.key]), now, bundle=bundle)).verdict == "verified"
        return log.folder

    folder = run(main)
    assert not folder.exists()


def test_it_runs_on_the_machines_clock_too() -> None:
    """For a gateway that is really served."""

    async def main() -> None:
        log = MemoryLog(SystemClock(), RandomIds(), mode="available", wait_ns=50_000_000, sign_path=False)
        await answered(log)
        await log.close()
        assert log.faults() == []

    asyncio.run(main())


def test_a_record_that_is_not_closed_has_no_bundle() -> None:
    """Its request may still run."""

    async def main() -> None:
        log = MemoryLog(FakeClock(), SeededIds())
        case = Case()
        await log.audit.answer(case.recorder).intent()
        assert log.bundle(f"tg-{case.recorder.request_id}") is None
        await log.close()

    run(main)


def test_its_disk_and_its_lane_can_be_another() -> None:
    """To let it fail, or be slow."""

    async def main() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        lane = SlowLane(clock, 7_000_000)
        log = MemoryLog(clock, SeededIds(), disk=disk, lane=lane)
        since = clock.now()
        await answered(log)
        assert clock.now() - since == TOOK + 14_000_000
        disk.broken["write"] = errno.ENOSPC
        with pytest.raises(Unavailable):
            await answered(log)
        disk.broken.clear()
        await clock.sleep_until(clock.now() + 2_000_000_000)
        await log.close()
        assert log.faults() == []

    run(main)
