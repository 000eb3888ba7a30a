"""The audit log of a process: it beats, turns with the calendar, erases, and ends in time."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.audit.failing import SECOND, FaultyDisk, SlowLane, final, intent, record
from tests.audit.leaves import GATEWAY
from tests.audit.running import running
from tracegate.audit.events import Heartbeat, Leaf
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.keys import parse_vkey
from tracegate.audit.kinds import At, ClockState, Final, Intent
from tracegate.audit.leaf import read
from tracegate.audit.log import LogUnavailable
from tracegate.audit.opening import InUse, open_log
from tracegate.audit.process import BEAT_NS, CLOSE_S, Audit, Settings
from tracegate.audit.reading import StoredLog
from tracegate.audit.retention import Before, Pruning, Retention
from tracegate.audit.segments import scan
from tracegate.audit.succession import Home, month_ends
from tracegate.custody import LogNumbers
from tracegate.errors import Malformed
from tracegate.testing.clock import EPOCH, FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run

MS = 1_000_000
JANUARY, FEBRUARY = "2026-01", "2026-02"
LAST_MINUTE = month_ends(EPOCH) - EPOCH - 60 * SECOND
"""What is added to the fake clock's time of day for it to begin a minute before February."""

Scene = Callable[[Audit, FakeClock, FaultyDisk], Awaitable[None]]


async def _opened(folder: Path, clock: FakeClock, disk: FaultyDisk, **more: Any) -> Audit:
    settings = Settings(Home(folder, "gw.example", "prod", "r1"), **more.pop("settings", {}))
    lane, beside = SlowLane(clock, more.pop("delay", 100_000)), SlowLane(clock, 0)
    return await running(settings, GATEWAY, clock, SeededIds(1), lane=lane, disk=disk, beside=beside, **more)


class Later(FakeClock):
    """A clock whose time of day is another's."""

    __slots__ = ("_by",)

    def __init__(self, by: int) -> None:
        super().__init__()
        self._by = by

    def wall(self) -> int:
        """See `Clock.wall`."""
        return super().wall() + self._by


def _played(folder: Path, scene: Scene, *, start: int = 0, **more: Any) -> None:
    """Play a scene with an open log, on virtual time; what is left is closed, and every log must be sound."""

    async def go() -> None:
        clock, disk = Later(start), FaultyDisk()
        audit = await _opened(folder, clock, disk, **more)
        await scene(audit, clock, disk)
        disk.broken.clear()
        await audit.close()
        assert disk.held == set()

    run(go)
    for path in folder.glob("r1/*/log.json"):
        key = parse_vkey(msgspec.json.decode(path.read_bytes())["vkey"])
        assert [str(check) for check in fsck(Folder(path.parent), key).checks if check.result != "pass"] == []


def _leaves(folder: Path, epoch: str) -> list[Leaf]:
    paths = sorted((folder / "r1" / epoch).glob("segments/*.seg"))
    return [read(raw).leaf for path in paths for raw in scan(path.read_bytes()).leaves]


def _types(folder: Path, epoch: str) -> list[str]:
    return [type(leaf).__name__ for leaf in _leaves(folder, epoch)]


def _intent(audit: Audit, n: int) -> Intent:
    return msgspec.structs.replace(intent(n), log=audit.epoch.origin)


async def _begun(audit: Audit, n: int) -> At:
    return await audit.epoch.log.append(_intent(audit, n), SECOND, r=bytes((n % 256,)) * 32)


async def _ended(audit: Audit, n: int, at: At) -> At:
    leaf = msgspec.structs.replace(final(n, at), log=audit.epoch.origin)
    return await audit.epoch.log.append(leaf, SECOND, rows=[("id", b"d" * 32)])


async def _after(clock: FakeClock, ns: int) -> None:
    await clock.sleep_until(clock.now() + ns)


def test_it_beats_also_when_idle(tmp_path: Path) -> None:
    """Every 30 s, with what is open and what telemetry lost."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        await _after(clock, BEAT_NS // 2)
        await _begun(audit, 1)
        await _after(clock, 2 * BEAT_NS)
        assert audit.numbers().heartbeats == 2

    offsets = iter((1, 2, 3))

    def held() -> ClockState:
        return ClockState(source="adjtimex", offset_us=next(offsets))

    _played(tmp_path, scene, dropped=lambda: 7, clock_state=held)
    beats = [leaf for leaf in _leaves(tmp_path, JANUARY) if isinstance(leaf, Heartbeat)]
    assert [(beat.open_intents, beat.dropped_spans) for beat in beats] == [(1, 7), (1, 7)]
    assert [beat.clock and beat.clock.offset_us for beat in beats] == [2, 3]
    assert (beats[1].t - beats[0].t) // 1000 == BEAT_NS // 1_000_000
    assert _types(tmp_path, JANUARY) == [
        *("Opened", "Configured", "Intent", "Heartbeat", "Heartbeat", "Aborted", "Closed")
    ]


def test_while_it_can_not_be_written_it_beats_whenever_it_is_tried(tmp_path: Path) -> None:
    """Not besides."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        disk.broken["write"] = errno.ENOSPC
        await _after(clock, 3 * BEAT_NS)
        assert audit.epoch.log.failing == "No space left on device"
        disk.broken.clear()
        await _after(clock, SECOND)
        assert audit.numbers().heartbeats == 1

    _played(tmp_path, scene)


def test_the_epoch_turns_with_the_month(tmp_path: Path) -> None:
    """When it ends, not at the next beat; who was open is closed in the new log, which is another's key."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        before = audit.epoch
        one, two = await _begun(audit, 1), await _begun(audit, 2)
        await _after(clock, 60 * SECOND - MS)
        assert audit.epoch is before
        await _after(clock, 2 * SECOND)
        assert audit.epoch.origin.endswith(FEBRUARY)
        assert audit.epoch.signer.key.public != before.signer.key.public
        assert audit.epoch.log is before.log
        await _ended(audit, 1, msgspec.structs.replace(one, log=before.origin))
        await _begun(audit, 3)
        assert audit.numbers().logs == (
            LogNumbers(before.origin, 7, 7),
            LogNumbers(audit.epoch.origin, audit.epoch.log.size, audit.epoch.log.published),
        )
        assert audit.epoch.log.carried == 1
        assert two.index == 3

    _played(tmp_path, scene, start=LAST_MINUTE)
    assert _types(tmp_path, JANUARY) == [
        *("Opened", "Configured", "Intent", "Intent", "Heartbeat", "KeyChanged", "Closed")
    ]
    assert _types(tmp_path, FEBRUARY) == ["Opened", "Heartbeat", "Final", "Intent", "Aborted", "Aborted", "Closed"]
    assert not (tmp_path / "keys" / "r1" / f"{JANUARY}.key").exists()


def test_leaves_that_are_handed_over_while_it_turns_wait_for_their_log(tmp_path: Path) -> None:
    """None is refused, none stands twice or in the wrong log."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        async def client(first: int) -> None:
            for n in range(first, first + 40):
                origin, at = audit.epoch.origin, await _begun(audit, n)
                await _after(clock, 300_000)
                place = at if origin == audit.epoch.origin else msgspec.structs.replace(at, log=origin)
                await _ended(audit, n, place)

        clients = [asyncio.create_task(client(100 * k)) for k in range(1, 5)]
        for _ in range(3):
            await _after(clock, 5 * MS)
            await audit.rotate()
        await asyncio.gather(*clients)
        assert (audit.numbers().records, audit.numbers().failures) == (160, 0)

    _played(tmp_path, scene)
    logs = sorted(path.name for path in (tmp_path / "r1").iterdir())
    assert logs == [JANUARY, f"{JANUARY}.2", f"{JANUARY}.3", f"{JANUARY}.4"]
    finals = [leaf for log in logs for leaf in _leaves(tmp_path, log) if isinstance(leaf, Final)]
    assert len(finals) == 160
    assert any(leaf.prev_intent is not None and leaf.prev_intent.log for leaf in finals)


def test_a_leaf_that_was_made_for_the_log_before_is_no_leaf_of_this_one(tmp_path: Path) -> None:
    """Whoever waits for it is told so; a final that nobody waits for is moved."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        log, origin = audit.epoch.log, audit.epoch.origin
        at, late = await _begun(audit, 1), _intent(audit, 2)
        for n in range(3):
            log.keep(log.own.alive(n))
        await audit.rotate()
        with pytest.raises(LogUnavailable, match="the log has ended"):
            await log.append(late, SECOND)
        log.keep(msgspec.structs.replace(final(1, at), log=origin), rows=[("id", b"d" * 32)])
        await _after(clock, SECOND)
        assert log.open_intents == 0

    _played(tmp_path, scene)
    (moved,) = (leaf for leaf in _leaves(tmp_path, f"{JANUARY}.2") if isinstance(leaf, Final))
    assert moved.prev_intent is not None
    assert moved.prev_intent.log == "gw.example/tracegate/prod/r1/2026-01"


def test_what_waits_for_the_old_log_is_written_before_it_ends(tmp_path: Path) -> None:
    """In groups of its own."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        log = audit.epoch.log
        new = open_log(disk, audit.home.place("r1", f"{JANUARY}.2"), clock.wall() // SECOND)

        async def next_one() -> None:
            log.keep(log.own.alive(9))

        later = asyncio.create_task(next_one())
        for n in range(3):
            log.keep(log.own.alive(n))
        head = await log.follow(new)
        await later
        assert (head.log, head.size) == (audit.epoch.origin, 7)

    _played(tmp_path, scene)
    assert _types(tmp_path, f"{JANUARY}.2") == ["Opened", "Heartbeat", "Closed"]


def test_a_turn_waits_for_a_log_that_can_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And while a record of the epoch before the last is open; it is tried again with the next beat."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        disk.broken["write"] = errno.ENOSPC
        with pytest.raises(LogUnavailable):
            await _begun(audit, 1)
        with pytest.raises(LogUnavailable, match="space"):
            await audit.rotate()
        await _after(clock, 61 * SECOND)
        assert "goes on in 2026-01 for now: No space left" in caplog.text
        disk.broken.clear()
        await _after(clock, BEAT_NS)
        assert audit.epoch.origin.endswith(FEBRUARY)
        await _begun(audit, 2)
        await audit.rotate()
        with pytest.raises(LogUnavailable, match="still open"):
            await audit.rotate()

    _played(tmp_path, scene, start=LAST_MINUTE)


def test_a_turn_that_breaks_off_is_gone_on_with(tmp_path: Path) -> None:
    """Leaves wait no longer than they are told to; when the disk works again the turn is taken."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        await _after(clock, SECOND)
        disk.broken["rename"] = errno.EIO
        with pytest.raises(OSError, match="Input/output"):
            await audit.rotate()
        disk.broken.clear()
        turning = asyncio.create_task(audit.rotate())
        await _after(clock, 150_000)
        disk.broken["write"] = errno.EIO
        with pytest.raises(LogUnavailable):
            await audit.epoch.log.append(_intent(audit, 1), 100 * MS)
        disk.broken.clear()
        await turning
        assert audit.epoch.origin.endswith(f"{JANUARY}.2")
        await _begun(audit, 2)

    _played(tmp_path, scene)
    assert _types(tmp_path, f"{JANUARY}.2")[:2] == ["Opened", "Intent"]


def test_a_process_that_ends_in_a_turn_leaves_it_to_the_next(tmp_path: Path) -> None:
    """Nothing is held, and the start completes it."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        at = await _begun(audit, 1)
        turning = asyncio.create_task(audit.rotate())
        await _after(clock, 150_000)
        disk.broken["write"] = errno.EIO
        await _after(clock, SECOND)
        assert (at.index, turning.done()) == (2, False)
        await audit.close()
        turning.cancel()
        await asyncio.gather(turning, return_exceptions=True)
        assert disk.held == set()
        disk.broken.clear()
        again = await _opened(tmp_path, clock, disk)
        await _after(clock, SECOND)
        assert again.epoch.origin.endswith(f"{JANUARY}.2")
        await again.close()

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        await scene(await _opened(tmp_path, clock, disk), clock, disk)

    run(go)
    assert _types(tmp_path, JANUARY)[-2:] == ["KeyChanged", "Closed"]
    assert _types(tmp_path, f"{JANUARY}.2")[0] == "Opened"


def test_what_was_told_while_the_log_turned_is_told_with_the_name_of_its_log(tmp_path: Path) -> None:
    """The leaf stands in the one that ended meanwhile."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        await _ended(audit, 1, await _begun(audit, 1))
        ended = audit.epoch.origin
        turning = asyncio.create_task(audit.rotate())
        await _after(clock, 50_000)
        (at,), noted = await asyncio.gather(
            audit.erase([record(1)], "ann", "asked for"), audit.was_read("ann", "find", [record(1)], 1)
        )
        assert audit.epoch.origin != ended
        assert [one.log for one in (at, noted)] == [ended, ended]
        assert {type(_leaves(tmp_path, JANUARY)[one.index]).__name__ for one in (at, noted)} == {"Erased", "Read"}
        await turning

    _played(tmp_path, scene)


def test_a_record_is_erased_from_every_file(tmp_path: Path) -> None:
    """And a leaf tells of it; so does one of who read."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        for n in range(1, 103):
            await _ended(audit, n, await _begun(audit, n))
        assert audit.blinds.r(record(1)) == bytes((1,)) * 32
        (at,) = await audit.erase([record(1)], "ann", "asked for")
        assert (audit.blinds.r(record(1)), audit.blinds.r(record(2))) == (None, bytes((2,)) * 32)
        assert at.index == audit.epoch.log.size - 1
        assert audit.durable() == {audit.epoch.origin: audit.epoch.log.size}
        assert len(await audit.erase([record(n) for n in range(150)], "ann", "all")) == 2
        assert await audit.erase([record(500)], "ann", "of nobody") == []
        await audit.was_read("ann", "find", [record(1)], 1)
        numbers = audit.numbers()
        assert (numbers.erasures, numbers.reads, numbers.unshipped, numbers.ship_lag_ns) == (3, 1, None, None)
        assert (numbers.anchors, numbers.unanchored) == (0, 0)
        audit.shipped = lambda: (4, 5)
        assert (audit.numbers().unshipped, audit.numbers().ship_lag_ns) == (4, 5)

    _played(tmp_path, scene)
    raw = bytes((1,)) * 32
    assert [path for path in tmp_path.rglob("*") if path.is_file() and raw in path.read_bytes()] == []


def test_a_log_that_another_has_is_not_opened(tmp_path: Path) -> None:
    """And nothing is held."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        held = set(disk.held)
        with pytest.raises(InUse):
            await _opened(tmp_path, clock, disk)
        assert disk.held == held

    _played(tmp_path, scene)


@pytest.mark.parametrize("stuck", [0, 1])
def test_a_disk_that_does_not_answer_is_not_waited_for_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stuck: int
) -> None:
    """The log is left as it is, which the next start tells; it is the same where a search or an erasure hangs."""

    async def go() -> None:
        clock, disk = FakeClock(), FaultyDisk()
        settings = Settings(Home(tmp_path, "gw.example", "prod", "r1"))
        lanes = SlowLane(clock), SlowLane(clock)
        audit = await running(settings, GATEWAY, clock, SeededIds(1), lane=lanes[0], disk=disk, beside=lanes[1])
        lanes[stuck].delay = 100 * SECOND
        since = clock.now()
        await audit.close()
        assert (clock.now() - since) / SECOND == CLOSE_S

    run(go, leave_timers=True)
    assert "the disk does not answer" in caplog.text


def test_the_real_lanes_and_disk_will_do(tmp_path: Path) -> None:
    """With a clock that runs."""
    from tracegate.clock import RandomIds, SystemClock

    async def go() -> None:
        settings = Settings(Home(tmp_path, "localhost", "default", "r1", shared=True), "available", 5)
        audit = await running(settings, GATEWAY, SystemClock(), RandomIds())
        assert (audit.mode, audit.wait_ns, audit.replica) == ("available", 5, "r1-w0")
        await audit.erase([record(1)], "ann", "asked for")
        await audit.close()

    asyncio.run(go())


MINUTE: dict[str, Any] = {"settings": {"retention": Retention("short", 60 * SECOND)}}


async def _filled(audit: Audit) -> str:
    """So many leaves that a bundle is full; returns the log's origin."""
    log = audit.epoch.log
    told = [log.submit(log.own.alive(0), SECOND) for _ in range(300)]
    assert [one for one in await asyncio.gather(*told) if not isinstance(one, At)] == []
    return audit.epoch.origin


def test_what_is_old_is_pruned(tmp_path: Path) -> None:
    """Once a checkpoint covers the leaf that says so; doing it again does nothing more."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        origin = await _filled(audit)
        await _after(clock, SECOND)
        with pytest.raises(Malformed, match=r"before leaf 0, not before 256: younger leaves are kept \(short:"):
            await audit.prune(origin, Before(256), "ann")
        await _after(clock, 100 * SECOND)
        found = await audit.prune(origin, Before(256), "ann")
        assert (found.min_index, found.removed) == (256, 2)
        assert found.index is not None
        assert audit.epoch.log.published > found.index
        assert await audit.prune(origin, Before(256), "ann") == Pruning(256, None, 0)
        with pytest.raises(Malformed, match="`x` is not the log that is open"):
            await audit.prune("x", Before(256), "ann")

    _played(tmp_path, scene, **MINUTE)
    assert StoredLog(tmp_path / "r1" / JANUARY).first == 256


def test_what_an_open_record_needs_is_not_pruned(tmp_path: Path) -> None:
    """Until it is closed; nor the log that follows on the one where it began."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        at = await _begun(audit, 1)
        origin = await _filled(audit)
        await _after(clock, 100 * SECOND)
        with pytest.raises(Malformed, match=f"before leaf 0, not before 256: the request of leaf {at.index} is"):
            await audit.prune(origin, Before(256), "ann")
        await audit.rotate()
        origin = await _filled(audit)
        await _after(clock, 100 * SECOND)
        with pytest.raises(Malformed, match="the request of leaf 0 is still open"):
            await audit.prune(origin, Before(256), "ann")

    _played(tmp_path, scene, **MINUTE)


def test_without_a_checkpoint_over_the_leaf_nothing_is_removed(tmp_path: Path) -> None:
    """Whoever reads the log without its segments would not know why it is gone; the next time finishes."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        origin = await _filled(audit)
        await _after(clock, 100 * SECOND)
        disk.broken["rename"] = errno.EIO
        with pytest.raises(LogUnavailable, match="no checkpoint covers it yet"):
            await audit.prune(origin, Before(256), "ann")
        assert StoredLog(tmp_path / "r1" / JANUARY).first == 0
        disk.broken.clear()
        await _after(clock, SECOND)
        assert (await audit.prune(origin, Before(256), "ann")).removed == 2

    _played(tmp_path, scene, **MINUTE)


def test_a_removal_that_fails_is_finished_by_the_next(tmp_path: Path) -> None:
    """The log goes on meanwhile."""

    async def scene(audit: Audit, clock: FakeClock, disk: FaultyDisk) -> None:
        origin = await _filled(audit)
        await _after(clock, 100 * SECOND)
        disk.broken["remove"] = errno.EIO
        with pytest.raises(OSError, match="Input/output"):
            await audit.prune(origin, Before(256), "ann")
        assert audit.epoch.log.failing is None
        disk.broken.clear()
        assert (await audit.prune(origin, Before(256), "ann")).removed == 2

    _played(tmp_path, scene, **MINUTE)
