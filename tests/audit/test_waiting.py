"""How one answer waits for the log, in each mode."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.audit.failing import FaultyDisk, checked, final, intent, leaves, opened, record
from tracegate.audit.log import Log, LogUnavailable
from tracegate.audit.waiting import AVAILABLE_NS, STRICT_NS, Answer, Mode
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run

MS = 1_000_000

Scene = Callable[[FakeClock, FaultyDisk, Log], Awaitable[None]]


def _played(folder: Path, scene: Scene, delay: int = 100_000) -> list[str]:
    """Play a scene over a log; returns what its leaves of the record are, in order, without log's own."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        log = await opened(folder, clock, disk, delay=delay)
        await scene(clock, disk, log)
        disk.broken.clear()
        await clock.sleep_until(clock.now() + 2 * STRICT_NS)
        await log.close()

    run(go)
    assert checked(folder) == []
    return [leaf["type"] for leaf in leaves(folder) if leaf.get("record_id") == record(0)]


@pytest.mark.parametrize("mode", ["strict", "available"])
def test_a_log_that_works_gives_both_places(tmp_path: Path, mode: Mode) -> None:
    """The caller makes the final with that of the intent."""

    async def scene(clock: FakeClock, disk: FaultyDisk, log: Log) -> None:
        answer = Answer(log, mode, clock)
        await answer.begin(intent())
        at = await answer.end(final(prev=answer.intent))
        assert (at and at.index, answer.lost) == (2, False)
        answer.served("ok")

    assert _played(tmp_path, scene) == ["intent", "final"]
    assert "log.paused" not in [leaf["type"] for leaf in leaves(tmp_path)]


def test_off_writes_nothing(tmp_path: Path) -> None:
    """With or without a log at hand."""

    async def scene(clock: FakeClock, disk: FaultyDisk, log: Log) -> None:
        for at_hand in (log, None):
            answer = Answer(at_hand, "off", clock)
            await answer.begin(intent())
            assert await answer.end(final()) is None
            answer.served("ok")
            assert (answer.lost, answer.intent) == (True, None)

    assert _played(tmp_path, scene) == []


def test_strict_refuses_what_can_not_begin(tmp_path: Path) -> None:
    """Within a second; while the log is known to fail, at once."""

    async def scene(clock: FakeClock, disk: FaultyDisk, log: Log) -> None:
        disk.broken["write"] = errno.ENOSPC
        for wait in (STRICT_NS, 0):
            since = clock.now()
            with pytest.raises(LogUnavailable):
                await Answer(log, "strict", clock).begin(intent())
            assert clock.now() - since == wait

    assert _played(tmp_path, scene) == []


def test_strict_waits_one_second_in_all(tmp_path: Path) -> None:
    """What the intent took is gone; the final is written later, and says so."""

    async def scene(clock: FakeClock, disk: FaultyDisk, log: Log) -> None:
        since = clock.now()
        answer = Answer(log, "strict", clock)
        begun = asyncio.create_task(answer.begin(intent()))
        disk.broken["write"] = errno.EIO
        await clock.sleep_until(since + 300 * MS)
        disk.broken.clear()
        await begun
        took = clock.now() - since
        assert took > 300 * MS
        disk.broken["write"] = errno.EIO
        since = clock.now()
        with pytest.raises(LogUnavailable):
            await answer.end(final(prev=answer.intent))
        assert clock.now() - since == STRICT_NS - took

    assert _played(tmp_path, scene) == ["intent", "final"]
    assert [leaf["late"] for leaf in leaves(tmp_path) if leaf["type"] == "final"] == [True]


def test_available_lets_an_answer_go_without_a_record(tmp_path: Path) -> None:
    """After its short wait, and counts it."""

    async def scene(clock: FakeClock, disk: FaultyDisk, log: Log) -> None:
        disk.broken["write"] = errno.ENOSPC
        since = clock.now()
        answer = Answer(log, "available", clock)
        await answer.begin(intent())
        assert clock.now() - since == AVAILABLE_NS
        assert await answer.end(final()) is None
        assert answer.lost
        answer.served("ok")

    assert _played(tmp_path, scene) == []
    assert [leaf["requests"] for leaf in leaves(tmp_path) if leaf["type"] == "log.paused"] == [{"ok": 1}]


def test_available_writes_a_final_that_came_too_late_all_the_same(tmp_path: Path) -> None:
    """Its answer names no record; the intent is closed by it, and there is nothing to count."""

    async def scene(clock: FakeClock, disk: FaultyDisk, log: Log) -> None:
        answer = Answer(log, "available", clock, 10 * MS)
        await answer.begin(intent())
        disk.broken["write"] = errno.ENOSPC
        assert await answer.end(final(prev=answer.intent)) is None
        answer.served("ok")

    assert _played(tmp_path, scene) == ["intent", "final"]
    assert "log.paused" not in [leaf["type"] for leaf in leaves(tmp_path)]


def test_available_counts_an_answer_that_had_a_final_alone(tmp_path: Path) -> None:
    """It was not durable in time, and is not written."""

    async def scene(clock: FakeClock, disk: FaultyDisk, log: Log) -> None:
        answer = Answer(log, "available", clock)
        disk.broken["write"] = errno.ENOSPC
        assert await answer.end(final()) is None
        answer.served("error")

    assert _played(tmp_path, scene) == []
    assert [leaf["requests"] for leaf in leaves(tmp_path) if leaf["type"] == "log.paused"] == [{"error": 1}]


def test_an_intent_that_was_given_up_is_closed_though_it_reached_the_disk(tmp_path: Path) -> None:
    """A slow log, and a mode that does not wait for it."""

    async def scene(clock: FakeClock, disk: FaultyDisk, log: Log) -> None:
        answer = Answer(log, "available", clock)
        await answer.begin(intent())
        assert (answer.lost, answer.intent) == (True, None)
        answer.served("ok")

    assert _played(tmp_path, scene, delay=60 * MS) == ["intent", "aborted"]
