"""The log of a process: durable before anybody is told, in groups, through every failure of the disk."""

from __future__ import annotations

import asyncio
import errno
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.audit.failing import (
    ORIGIN,
    SECOND,
    FaultyDisk,
    SlowLane,
    checked,
    final,
    intent,
    leaves,
    opened,
    place_in,
    record,
    types,
)
from tests.audit.leaves import GATEWAY
from tracegate.audit.checkpoint import parse_checkpoint
from tracegate.audit.disk import Disk
from tracegate.audit.events import Heartbeat
from tracegate.audit.kinds import Final, Intent
from tracegate.audit.log import AGAIN_NS, Log, LogUnavailable
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.notes import parse_note
from tracegate.audit.opening import InUse, open_log
from tracegate.audit.publication import CHECKPOINT_NS, GROUP
from tracegate.audit.segments import scan
from tracegate.audit.writer import Writer
from tracegate.clock import SystemClock
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run

MS = 1_000_000


def _size(folder: Path) -> int:
    return parse_checkpoint(parse_note((place_in(folder).folder / "checkpoint").read_text()).text).size


def _beat(t: int = 0) -> Heartbeat:
    return Heartbeat(v=1, log=ORIGIN, gateway=GATEWAY, t=t, open_intents=0)


def _why(log: Log) -> str:
    return log.failing or ""


async def _after(clock: FakeClock, ns: int) -> None:
    await clock.sleep_until(clock.now() + ns)


def test_a_life_of_a_log(tmp_path: Path) -> None:
    """Opened, written, closed, opened again: each leaf where its caller was told, and the whole sound."""

    async def go() -> None:
        clock = FakeClock()
        log = await opened(tmp_path, clock)
        assert (log.size, log.published, log.open_intents) == (1, 1, 0)
        at = await log.append(intent(1), SECOND)
        assert (at.index, log.open_intents) == (1, 1)
        done = await log.append(final(1, at), SECOND)
        assert (done.index, log.open_intents, log.failing) == (2, 0, None)
        await log.close()
        await log.close()
        log = await opened(tmp_path, clock)
        assert log.signer.key.name == ORIGIN
        await log.close()

    run(go)
    assert types(tmp_path) == ["log.open", "intent", "final", "log.close", "log.open", "log.close"]
    assert [leaf["reason"] for leaf in leaves(tmp_path) if "reason" in leaf] == ["new", "stop", "restart", "stop"]
    assert checked(tmp_path) == []
    assert _size(tmp_path) == 6


def test_a_group_is_what_came_while_the_last_was_written(tmp_path: Path) -> None:
    """Nobody waits for company, and one write and one sync serve all."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        log = await opened(tmp_path, clock, disk, delay=10 * MS)
        before, since = len(disk.calls), clock.now()
        first = asyncio.create_task(log.append(intent(0), SECOND))
        await _after(clock, MS)
        others = [asyncio.create_task(log.append(intent(n), SECOND)) for n in range(1, 50)]
        assert (await first).index == 1
        assert clock.now() - since == 10 * MS
        assert [(await task).index for task in others] == list(range(2, 51))
        assert clock.now() - since == 20 * MS
        assert disk.calls[before:] == ["write", "sync"] * 2
        await log.close()

    run(go)
    assert checked(tmp_path) == []


def test_a_checkpoint_comes_in_time_and_only_for_new_leaves(tmp_path: Path) -> None:
    """Half a second after the first leaf behind the last, or at once behind a thousand."""

    async def go() -> None:
        clock = FakeClock()
        log = await opened(tmp_path, clock, delay=0)
        await log.append(_beat(), SECOND)
        await _after(clock, CHECKPOINT_NS - MS)
        assert _size(tmp_path) == 1
        await _after(clock, 2 * MS)
        assert (_size(tmp_path), log.published) == (2, 2)
        (place_in(tmp_path).folder / "checkpoint").touch()
        stamp = (place_in(tmp_path).folder / "checkpoint").stat().st_mtime_ns
        await _after(clock, 9 * SECOND)
        assert (place_in(tmp_path).folder / "checkpoint").stat().st_mtime_ns == stamp
        await asyncio.gather(*(log.append(_beat(n), SECOND) for n in range(GROUP + 1)))
        await _after(clock, MS)
        assert _size(tmp_path) > GROUP
        await log.close()

    run(go)
    assert checked(tmp_path) == []


def test_a_checkpoint_after_each_group_can_be_had(tmp_path: Path) -> None:
    """By a pause of nothing."""

    async def go() -> None:
        clock = FakeClock()
        log = await opened(tmp_path, clock, delay=0, checkpoint_ns=0)
        for n in range(3):
            at = await log.append(_beat(n), SECOND)
            await _after(clock, MS)
            assert _size(tmp_path) == at.index + 1
        await log.close()

    run(go)


def test_leaves_do_not_wait_for_a_checkpoint(tmp_path: Path) -> None:
    """It is made file by file, and a group goes between two of them."""

    async def go() -> None:
        clock = FakeClock()
        log = await opened(tmp_path, clock, delay=10 * MS)
        await log.append(_beat(), SECOND)
        await _after(clock, CHECKPOINT_NS + 5 * MS)
        since = clock.now()
        at = await log.append(_beat(1), SECOND)
        assert clock.now() - since <= 20 * MS
        assert log.published < at.index
        await _after(clock, SECOND)
        assert log.published == log.size
        await log.close()

    run(go)
    assert checked(tmp_path) == []


@pytest.mark.parametrize("broken", ["write", "sync", "truncate"])
def test_a_log_that_can_not_be_written_refuses_at_once_and_recovers_by_itself(tmp_path: Path, broken: str) -> None:
    """What was on its way keeps its place; what begins a record is refused; every 250 ms it tries again."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        log = await opened(tmp_path, clock, disk)
        begun = await log.append(intent(1), SECOND)
        disk.broken = {broken: errno.ENOSPC, "sync": errno.EIO}
        waits = asyncio.create_task(log.append(final(1, begun), SECOND))
        await _after(clock, 10 * MS)
        why = _why(log)
        since = clock.now()
        for begins in (intent(2), final(3)):
            with pytest.raises(LogUnavailable, match=why):
                await log.append(begins, SECOND)
        assert clock.now() == since
        tries = disk.calls.count("truncate")
        await _after(clock, 2 * AGAIN_NS)
        assert disk.calls.count("truncate") == tries + 2
        disk.broken.clear()
        assert (await waits).index == 2
        assert not _why(log)
        assert (await log.append(intent(2), SECOND)).index == 3
        await log.close()

    run(go)
    assert types(tmp_path) == ["log.open", "intent", "final", "intent", "aborted", "log.close"]
    assert checked(tmp_path) == []


def test_a_log_tries_with_a_heartbeat_if_nothing_waits(tmp_path: Path) -> None:
    """A wait ends at its time, and the final that was given up is written later."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        log = await opened(tmp_path, clock, disk)
        begun = await log.append(intent(1), SECOND)
        disk.broken["write"] = errno.ENOSPC
        since = clock.now()
        with pytest.raises(LogUnavailable):
            await log.append(final(1, begun), SECOND)
        assert clock.now() - since == SECOND
        await _after(clock, AGAIN_NS)
        log.keep(final(1, begun))
        disk.broken.clear()
        await _after(clock, SECOND)
        assert log.open_intents == 0
        await log.close()

    run(go)
    assert types(tmp_path) == ["log.open", "intent", "heartbeat", "final", "log.close"]
    assert checked(tmp_path) == []


@pytest.mark.parametrize("broken", ["rename", "sync_folder"])
def test_a_log_that_can_not_be_published_fails_too(tmp_path: Path, broken: str) -> None:
    """A leaf without a checkpoint is a promise that is not kept."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        log = await opened(tmp_path, clock, disk)
        disk.broken[broken] = errno.EIO
        await log.append(_beat(), SECOND)
        await _after(clock, SECOND)
        assert _why(log) == "Input/output error"
        assert _size(tmp_path) == 1
        disk.broken.clear()
        await _after(clock, SECOND)
        assert not _why(log)
        assert _size(tmp_path) == log.size
        await log.close()

    run(go)
    assert checked(tmp_path) == []


def test_what_was_given_up_in_flight_is_closed_once(tmp_path: Path) -> None:
    """An intent that reached the disk all the same is aborted; a final that did is not written again."""

    async def go() -> None:
        clock = FakeClock()
        log = await opened(tmp_path, clock, delay=10 * MS)
        with pytest.raises(LogUnavailable, match="slow"):
            await log.append(intent(1), 5 * MS)
        at = await log.append(intent(2), SECOND)
        with pytest.raises(LogUnavailable, match="slow"):
            await log.append(final(2, at), 5 * MS)
        log.keep(final(2, at))
        await _after(clock, SECOND)
        assert log.open_intents == 0
        await log.close()

    run(go)
    found = [(leaf["type"], leaf.get("cause")) for leaf in leaves(tmp_path) if leaf.get("record_id")]
    assert sorted(found, key=str) == [
        *(("aborted", "log_unavailable"), ("final", None), ("intent", None), ("intent", None))
    ]
    assert checked(tmp_path) == []


def test_a_disk_that_does_not_answer_is_waited_for_once(tmp_path: Path) -> None:
    """Whoever comes while it hangs is refused at once, until it answers."""

    async def go() -> None:
        clock = FakeClock()
        log = await opened(tmp_path, clock, delay=5 * SECOND)
        with pytest.raises(LogUnavailable, match="does not answer"):
            await log.append(intent(1), SECOND)
        since = clock.now()
        with pytest.raises(LogUnavailable, match="does not answer"):
            await log.append(intent(2), SECOND)
        assert clock.now() == since
        await _after(clock, 6 * SECOND)
        assert not _why(log)
        assert (await log.append(intent(3), 60 * SECOND)).index > 1
        await log.close()

    run(go)
    assert checked(tmp_path) == []


def test_what_was_given_up_before_it_was_written_leaves_no_trace(tmp_path: Path) -> None:
    """In the queue, or in a group that failed."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        log = await opened(tmp_path, clock, disk, delay=10 * MS)
        first = asyncio.create_task(log.append(_beat(), SECOND))
        await _after(clock, MS)
        with pytest.raises(LogUnavailable):
            await log.append(intent(1), MS)
        await first
        disk.broken["write"] = errno.EIO
        with pytest.raises(LogUnavailable):
            await log.append(intent(2), 5 * MS)
        await _after(clock, 10 * MS)
        disk.broken.clear()
        await _after(clock, SECOND)
        await log.close()

    run(go)
    assert types(tmp_path) == ["log.open", "heartbeat", "heartbeat", "log.close"]


def test_a_caller_that_is_gone_does_not_take_its_leaf_along(tmp_path: Path) -> None:
    """It is written; whoever needs to know its place shields the wait."""

    async def go() -> None:
        clock = FakeClock()
        log = await opened(tmp_path, clock)
        task = asyncio.create_task(log.append(_beat(), SECOND))
        await asyncio.sleep(0)  # one turn of the loop: the leaf is on its way
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await _after(clock, SECOND)
        assert log.size == 2
        await log.close()

    run(go)


def test_a_caller_that_was_cancelled_neither_loses_nor_leaks(tmp_path: Path) -> None:
    """His final is written; his intent is closed; what waited for him is gone."""

    async def go() -> None:
        clock = FakeClock()
        log = await opened(tmp_path, clock, delay=10 * MS)
        at = await log.append(intent(1), SECOND)
        tasks = [asyncio.create_task(log.append(leaf, 5 * MS)) for leaf in (intent(2), final(1, at), intent(3))]
        await asyncio.sleep(0)  # one turn of the loop: they are on their way
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _after(clock, 2 * SECOND)
        assert (log.open_intents, log.failures) == (0, 0)
        await log.close()

    run(go)
    assert types(tmp_path)[2:-1] == ["intent", "final", "intent", "aborted", "aborted"]
    assert checked(tmp_path) == []


def test_what_nobody_thought_of_is_a_failure_like_any_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log lives, and is tried again; the operator is told once, with where it was."""
    told: list[bool] = []

    async def go() -> None:
        clock = FakeClock()
        log = await opened(tmp_path, clock)
        log.watched = told.append
        with monkeypatch.context() as patched:
            patched.setattr(Writer, "append", lambda *_: [][0])
            with pytest.raises(LogUnavailable):
                await log.append(intent(1), SECOND)
            with pytest.raises(LogUnavailable, match="IndexError"):
                await log.append(intent(2), SECOND)
        await _after(clock, SECOND)
        assert (log.failing, told, log.failures) == (None, [True, False], 2)
        await log.append(intent(3), SECOND)
        await log.close()

    run(go)
    assert caplog.text.count("Traceback") == 1
    assert [line.levelname for line in caplog.records] == ["ERROR", "ERROR", "WARNING"]
    assert checked(tmp_path) == []


def test_what_is_written_is_counted_by_type(tmp_path: Path) -> None:
    """An intent and a final, and no heartbeat yet."""

    async def go() -> None:
        clock = FakeClock()
        log = await opened(tmp_path, clock)
        at = await log.append(intent(1), SECOND)
        await log.append(final(1, at), SECOND)
        assert (log.counted[Intent], log.counted[Final], log.counted[Heartbeat]) == (1, 1, 0)
        await log.close()

    run(go)


def test_requests_without_a_leaf_are_counted_in_one(tmp_path: Path) -> None:
    """From the first of them to when the log could be written."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        log = await opened(tmp_path, clock, disk)
        disk.broken["write"] = errno.ENOSPC
        log.keep(_beat())
        await _after(clock, MS)
        for outcome in ("ok", "error", "ok"):
            log.unrecorded(outcome)
            await _after(clock, MS)
        disk.broken.clear()
        await _after(clock, SECOND)
        log.unrecorded("cancelled")
        await _after(clock, SECOND)
        await log.close()

    run(go)
    paused = [leaf for leaf in leaves(tmp_path) if leaf["type"] == "log.paused"]
    assert [leaf["requests"] for leaf in paused] == [{"error": 1, "ok": 2}, {"cancelled": 1}]
    assert paused[0]["reason"] == "No space left on device"
    assert paused[0]["from"] < paused[0]["to"] <= paused[0]["t"]
    assert checked(tmp_path) == []


def test_a_log_that_is_closed_takes_nothing(tmp_path: Path) -> None:
    """What is open then is closed as aborted by the stop."""

    async def go() -> None:
        log = await opened(tmp_path, FakeClock())
        await log.append(intent(1), SECOND)
        await log.close()
        with pytest.raises(LogUnavailable, match="closing"):
            await log.append(intent(2), SECOND)

    run(go)
    assert [(leaf["type"], leaf.get("cause")) for leaf in leaves(tmp_path)][1:] == [
        *(("intent", None), ("aborted", "shutdown"), ("log.close", None))
    ]
    assert checked(tmp_path) == []


def test_a_log_that_can_not_be_written_is_let_go(tmp_path: Path) -> None:
    """Whoever waits is told; the next start calls it a recovery and closes what is open."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        log = await opened(tmp_path, clock, disk)
        at = await log.append(intent(1), SECOND)
        disk.broken["write"] = errno.ENOSPC
        waits = asyncio.create_task(log.append(final(1, at), SECOND))
        await _after(clock, MS)
        log.keep(_beat())
        await log.close()
        with pytest.raises(LogUnavailable, match="closed"):
            await waits
        assert disk.held == set()
        again = await opened(tmp_path, clock)
        await again.close()

    run(go)
    found = leaves(tmp_path)
    assert [leaf["type"] for leaf in found] == ["log.open", "intent", "log.open", "aborted", "log.close"]
    assert (found[2]["reason"], found[3]["cause"], found[3]["record_id"]) == ("recovery", "crash", record(1))
    assert checked(tmp_path) == []


def test_a_checkpoint_that_can_not_be_made_is_let_go_too(tmp_path: Path) -> None:
    """The leaves are durable; the next start publishes them."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        log = await opened(tmp_path, clock, disk)
        await log.append(_beat(), SECOND)
        disk.broken["rename"] = errno.EROFS
        await _after(clock, CHECKPOINT_NS + 10 * MS)
        assert _why(log) == "Read-only file system"
        await log.close()
        assert _size(tmp_path) == 1
        again = await opened(tmp_path, clock)
        assert _size(tmp_path) == 3
        await again.close()

    run(go)
    assert checked(tmp_path) == []


def test_a_start_that_fails_holds_nothing(tmp_path: Path) -> None:
    """Before the log was open, and after."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        first = await opened(tmp_path, clock)
        lane = SlowLane(clock)
        with pytest.raises(InUse):
            await Log.open(place_in(tmp_path), GATEWAY, clock, lane=lane)
        assert lane.closed
        await first.close()
        disk.broken["write"] = errno.ENOSPC
        with pytest.raises(OSError, match="space"):
            await opened(tmp_path, clock, disk)
        assert disk.held == set()

    run(go)


def test_a_recovery_that_breaks_off_is_gone_on_with(tmp_path: Path) -> None:
    """Half of the group that closes what was open is on the disk: the rest is closed by the next start, once."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        log = await opened(tmp_path, clock, disk)
        for n in range(5):
            await log.append(intent(n), SECOND)
        disk.broken["write"] = errno.EIO
        log.keep(_beat())
        await _after(clock, MS)
        await log.close()
        with pytest.raises(OSError, match="Input/output"):
            await opened(tmp_path, clock, disk)
        assert 0 < types(tmp_path).count("aborted") < 5
        log = await opened(tmp_path, clock)
        assert log.open_intents == 0
        await log.close()

    run(go)
    assert types(tmp_path).count("aborted") == 5
    assert checked(tmp_path) == []


def test_the_first_leaf_is_of_the_second_in_which_the_log_was_made(tmp_path: Path) -> None:
    """Also where another start made it and went no further."""

    async def go() -> None:
        clock = FakeClock()
        found = open_log(Disk(), place_in(tmp_path), clock.wall() // SECOND - 100)
        Disk().close(found.lock)
        log = await opened(tmp_path, clock)
        await log.close()

    run(go)
    assert checked(tmp_path) == []


def test_it_runs_on_a_thread_of_its_own(tmp_path: Path) -> None:
    """The real lane, the real disk, the real clock."""

    async def go() -> None:
        log = await Log.open(place_in(tmp_path), GATEWAY, SystemClock())
        places: list[Any] = await asyncio.gather(*(log.append(intent(n), 30 * SECOND) for n in range(100)))
        assert [at.index for at in places] == list(range(1, 101))
        await log.close()

    asyncio.run(go())
    assert checked(tmp_path) == []


def _killed_after(folder: Path, first: int, seconds: float) -> list[tuple[int, str]]:
    """Let a process append until it is killed; returns what it was told of before that."""
    command = [sys.executable, "-m", "tests.audit.appending", str(folder), str(first)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        said = process.stdout.read()
        timer.join()
    whole = said[: said.rfind("\n") + 1].splitlines()
    return [(int(index), hashed) for index, hashed in (line.split() for line in whole)]


@pytest.mark.slow
def test_a_process_that_is_killed_under_load_loses_nothing_that_it_was_told_of(tmp_path: Path) -> None:
    """Ten times in a row, at random points: each life goes on with the log of the last, and heads only grow."""
    told: list[tuple[int, str]] = []
    heads: list[str] = []
    moments = random.Random(7)
    for life in range(10):
        told += _killed_after(tmp_path, life * 10_000_000, moments.uniform(0.02, 0.1))
        heads.append((place_in(tmp_path).folder / "checkpoint").read_text())

    async def go() -> None:
        log = await Log.open(place_in(tmp_path), GATEWAY, SystemClock())
        assert log.open_intents == 0
        await log.close()

    asyncio.run(go())
    assert len(told) > 100
    assert len({index for index, _ in told}) == len(told)
    segments = [scan(path.read_bytes()) for path in sorted(place_in(tmp_path).folder.glob("segments/*.seg"))]
    raws = [raw for segment in segments for raw in segment.leaves]
    assert [index for index, hashed in told if leaf_hash(raws[index]).hex() != hashed] == []
    assert checked(tmp_path, heads) == []
