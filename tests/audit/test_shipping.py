"""Leaves reach a sink at least once, in their order, whatever it and the process do meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from tests.audit.failing import SECOND, FaultyDisk, SlowLane
from tests.audit.shipped import NAME, ScriptedSink, write_log
from tracegate.audit.disk import Disk
from tracegate.audit.offsets import Offset, Offsets
from tracegate.audit.shipping import BASE_NS, CAP_NS, EVERY_NS, LONGEST_NS, OTHERS_NS, Shipping
from tracegate.shipment import NotTaken
from tracegate.testing.clock import EPOCH, FakeClock
from tracegate.testing.loop import run

OTHER, OLD = "r1-w1/2026-11", "r1-w0/2026-10"


class Kit:
    """A process that ships, with what stands around it."""

    def __init__(self, root: Path, sink: ScriptedSink, *, clock: FakeClock | None = None, own: str = NAME) -> None:
        self.root = root
        self.sink = sink
        self.clock = sink.clock = clock or FakeClock()
        self.disk = FaultyDisk()
        self.own = {own: 0}
        self.shipping = Shipping(
            root, sink, self.clock, lambda: 1.0, self._own, lane=SlowLane(self.clock, 1_000), disk=self.disk
        )
        self.shipping.start()

    def _own(self) -> Mapping[str, int]:
        return self.own

    async def after(self, ns: int) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now() + ns)

    async def close(self, within: int = SECOND) -> None:
        """End it; nothing may stay open."""
        await self.shipping.close(self.clock.now() + within)
        assert self.disk.held == set()

    @property
    def offset(self) -> Offset | None:
        """Of its own log, on disk."""
        return Offsets(self.root, Disk()).read(next(iter(self.own)))


def test_what_is_there_is_sent_and_then_what_comes(tmp_path: Path) -> None:
    """A backlog without pauses, later leaves when they are seen; each once."""

    async def go() -> None:
        write_log(tmp_path, 600)
        kit = Kit(tmp_path, ScriptedSink())
        await kit.after(SECOND // 10)
        assert kit.sink.indices == list(range(600))
        assert kit.sink.tries == [list(range(256)), list(range(256, 512)), list(range(512, 600))]
        write_log(tmp_path, 700)
        await kit.after(EVERY_NS)
        assert kit.sink.indices == list(range(700))
        assert (kit.offset, kit.shipping.numbers()) == (Offset(next=700), (0, 0))
        await kit.close()

    run(go)


def test_a_log_that_is_not_there_yet_is_shipped_when_it_is(tmp_path: Path) -> None:
    """Nothing is made in its place."""

    async def go() -> None:
        kit = Kit(tmp_path, ScriptedSink())
        await kit.after(EVERY_NS)
        write_log(tmp_path, 3)
        await kit.after(2 * EVERY_NS)
        assert kit.sink.indices == [0, 1, 2]
        await kit.close()

    run(go)


def test_a_sink_that_is_away_is_tried_with_patience(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Longer and longer pauses up to a bound, for ever; the operator is told, once a minute at most."""
    sink = ScriptedSink(*[NotTaken("no answer")] * 9)

    async def go() -> None:
        write_log(tmp_path, 3)
        kit = Kit(tmp_path, sink)
        await kit.after(30 * SECOND)
        assert (kit.shipping.unshipped, kit.offset) == (3, None)
        await kit.after(40 * SECOND)
        assert (kit.shipping.unshipped, kit.offset) == (0, Offset(next=3))
        await kit.close()

    with caplog.at_level(logging.WARNING):
        run(go)
    pauses = [round((later - time) / BASE_NS) for time, later in pairwise(sink.times)]
    assert pauses == [1, 2, 4, 8, 16, *[CAP_NS // BASE_NS] * 4]
    assert caplog.messages == ["Shipping the audit log: the sink took nothing: no answer; 3 leaves wait in the log."]


@pytest.mark.parametrize(("asked", "given"), [(3 * SECOND, 3 * SECOND), (9_000 * SECOND, LONGEST_NS), (0, BASE_NS)])
def test_a_sink_is_left_alone_as_long_as_it_asks(tmp_path: Path, asked: int, given: int) -> None:
    """Up to a bound, and not less than for its first failure; that it asked does not make later pauses longer."""

    async def go() -> None:
        write_log(tmp_path, 3)
        kit = Kit(tmp_path, ScriptedSink(NotTaken("busy", asked), NotTaken("no answer")))
        await kit.after(given - 10_000_000)
        assert len(kit.sink.tries) == 1
        await kit.after(20_000_000)
        assert len(kit.sink.tries) == 2
        await kit.after(BASE_NS)
        assert kit.sink.indices == [0, 1, 2]
        await kit.close()

    run(go)


def test_a_sink_that_breaks_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Shipping does not end by a fault of somebody else's code."""

    async def go() -> None:
        write_log(tmp_path, 3)
        kit = Kit(tmp_path, ScriptedSink(ValueError("a fault")))
        await kit.after(SECOND)
        assert kit.sink.indices == [0, 1, 2]
        await kit.close()

    with caplog.at_level(logging.WARNING):
        run(go)
    assert "it failed: ValueError('a fault'); 3 leaves wait in the log" in caplog.text


def test_the_oldest_leaf_that_waits_says_how_long(tmp_path: Path) -> None:
    """And durable leaves that no checkpoint covers yet are counted."""

    async def go() -> None:
        clock = FakeClock()
        await clock.sleep_until(clock.now() + 90 * SECOND)
        write_log(tmp_path, 3)
        kit = Kit(tmp_path, ScriptedSink(NotTaken("no answer", 10 * SECOND)), clock=clock)
        kit.own[NAME] = 5
        await kit.after(SECOND)
        assert kit.shipping.unshipped == 5
        assert kit.shipping.lag_ns == kit.clock.wall() - EPOCH
        await kit.after(10 * SECOND)
        assert kit.shipping.numbers() == (2, 0)
        await kit.close()

    run(go)


def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """What was on its way is sent again by the next process; all else is not."""

    async def go() -> None:
        for moment in range(0, 400_000, 1_500):  # each of its steps takes a thousand nanoseconds
            root = tmp_path / str(moment)
            write_log(root, 600)
            sink = ScriptedSink()
            kit = Kit(root, sink)
            await kit.after(moment)
            task = kit.shipping._task
            assert task is not None
            task.cancel()
            await asyncio.wait((task,))
            kit.disk.end()
            before = list(sink.taken)
            kit = Kit(root, sink, clock=kit.clock)
            await kit.after(SECOND)
            await kit.close()
            assert set(sink.indices) == set(range(600))
            again = len(sink.indices) - 600
            assert again in (0, 256, 88)
            if len(before) == 600 and again == 0:
                break
        else:
            pytest.fail("it never got to its end")

    run(go)


def test_what_the_sink_refuses_for_good_is_found_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It says how many, not which; the others are there, and leaves behind them too."""

    async def go() -> None:
        write_log(tmp_path, 300)
        kit = Kit(tmp_path, ScriptedSink(refuses=[7, 100, 299]))
        await kit.after(SECOND)
        assert set(kit.sink.indices) == set(range(300)) - {7, 100, 299}
        assert kit.offset == Offset(next=300, left_out=((7, 8), (100, 101), (299, 300)))
        assert kit.shipping.unshipped == 0
        await kit.close()

    with caplog.at_level(logging.WARNING):
        run(go)
    assert "refused 1 leaves from 7 of gw.example/tracegate/prod/r1-w0/2026-11: by script" in caplog.text


def test_logs_that_nobody_ships_are_shipped_too(tmp_path: Path) -> None:
    """Of an earlier epoch and of a worker that ended; and let go of then, for whoever writes them next."""

    async def go() -> None:
        write_log(tmp_path, 3)
        write_log(tmp_path, 300, OLD)
        write_log(tmp_path, 5, OTHER)
        (tmp_path / "keys" / "r1-w0").mkdir(parents=True)
        kit = Kit(tmp_path, ScriptedSink())
        await kit.after(OTHERS_NS - EVERY_NS)
        assert {name for name, _ in kit.sink.taken} == {NAME}
        await kit.after(3 * EVERY_NS)
        assert len(kit.sink.taken) == 308
        offsets = Offsets(tmp_path, Disk())
        assert [offsets.read(name) for name in (OLD, OTHER)] == [Offset(next=300), Offset(next=5)]
        assert len(kit.disk.held) == 1
        await kit.after(OTHERS_NS)
        assert len(kit.sink.taken) == 308
        await kit.close()

    run(go)


def test_two_processes_share_the_logs(tmp_path: Path) -> None:
    """Each ships its own while both live; when one is gone, the other ships what it left."""

    async def go() -> None:
        write_log(tmp_path, 3)
        write_log(tmp_path, 3, OTHER)
        one = Kit(tmp_path, ScriptedSink())
        two = Kit(tmp_path, ScriptedSink(), clock=one.clock, own=OTHER)
        await one.after(2 * OTHERS_NS)
        assert [{name for name, _ in kit.sink.taken} for kit in (one, two)] == [{NAME}, {OTHER}]
        await two.close()
        write_log(tmp_path, 9, OTHER)
        await one.after(OTHERS_NS + 2 * EVERY_NS)
        assert one.sink.taken[3:] == [(OTHER, index) for index in range(3, 9)]
        await one.close()

    run(go)


def test_an_epoch_that_ended_is_shipped_to_its_end(tmp_path: Path) -> None:
    """And let go of; the next one is shipped from its beginning."""

    async def go() -> None:
        write_log(tmp_path, 3, OLD)
        kit = Kit(tmp_path, ScriptedSink(), own=OLD)
        await kit.after(EVERY_NS)
        write_log(tmp_path, 5, OLD)
        write_log(tmp_path, 2)
        kit.own = {NAME: 2}
        await kit.after(2 * EVERY_NS)
        assert sorted(kit.sink.taken) == [(OLD, index) for index in range(5)] + [(NAME, 0), (NAME, 1)]
        assert len(kit.disk.held) == 1
        await kit.close()

    run(go)


def test_a_log_that_can_not_be_read_does_not_stop_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told, and tried again."""

    async def go() -> None:
        write_log(tmp_path, 3)
        write_log(tmp_path, 3, OLD)
        write_log(tmp_path, 3, OTHER)
        entries = next((tmp_path / OLD / "tile" / "entries").rglob("3"))
        raw = entries.read_bytes()
        entries.unlink()
        (tmp_path / OTHER / "log.json").write_text("{}")
        kit = Kit(tmp_path, ScriptedSink())
        await kit.after(OTHERS_NS + SECOND)
        assert {name for name, _ in kit.sink.taken} == {NAME}
        entries.write_bytes(raw)
        await kit.after(EVERY_NS)
        assert {name for name, _ in kit.sink.taken} == {NAME, OLD}
        await kit.close()

    with caplog.at_level(logging.WARNING):
        run(go)
    assert len(caplog.messages) == 2
    assert "`r1-w0/2026-10` can't be shipped now: " in caplog.text
    assert "`r1-w1/2026-11` can't be shipped now: " in caplog.text


def test_an_offset_that_can_not_be_written_is_written_later(tmp_path: Path) -> None:
    """A full disk of ours loses nothing, and makes no duplicates while the process lives."""

    async def go() -> None:
        write_log(tmp_path, 3)
        kit = Kit(tmp_path, ScriptedSink())
        kit.disk.broken["rename"] = 28
        await kit.after(SECOND)
        assert (kit.sink.indices, kit.offset) == ([0, 1, 2], None)
        kit.disk.broken.clear()
        await kit.after(EVERY_NS)
        assert (kit.sink.indices, kit.offset) == ([0, 1, 2], Offset(next=3))
        await kit.close()

    run(go)


def test_a_claim_that_breaks_leaves_nothing_open(tmp_path: Path) -> None:
    """As where the folder of offsets can't be read."""

    async def go() -> None:
        write_log(tmp_path, 3)
        kit = Kit(tmp_path, ScriptedSink())
        (tmp_path / "ship" / f"{NAME}.json").mkdir(parents=True)
        await kit.after(SECOND)
        assert (kit.disk.held, kit.sink.taken) == (set(), [])
        await kit.close()

    run(go)


def test_the_end_ships_what_is_there(tmp_path: Path) -> None:
    """What the log wrote as it closed included, without waiting for the next look."""

    async def go() -> None:
        write_log(tmp_path, 3)
        kit = Kit(tmp_path, ScriptedSink())
        await kit.after(EVERY_NS // 4)
        write_log(tmp_path, 600)
        before = kit.clock.now()
        await kit.close()
        assert (kit.sink.indices, kit.clock.now() - before < EVERY_NS // 4) == (list(range(600)), True)

    run(go)


@pytest.mark.parametrize("step", ["refuses", "hangs"])
def test_the_end_does_not_wait_for_a_sink_that_is_away(
    tmp_path: Path, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One more try, until its time is up; what is left is told and stays for the next start."""

    async def go() -> None:
        write_log(tmp_path, 3)
        sink = ScriptedSink(NotTaken("gone"), NotTaken("gone") if step == "refuses" else asyncio.Event().wait)
        kit = Kit(tmp_path, sink)
        await kit.after(BASE_NS // 2)
        before = kit.clock.now()
        await kit.close(2 * SECOND)
        assert len(sink.tries) == 2
        assert (kit.clock.now() - before) // SECOND == (0 if step == "refuses" else 2)
        assert kit.offset is None

    with caplog.at_level(logging.WARNING):
        run(go)
    assert "3 leaves are not shipped; they stay in the log, for the next start" in caplog.text


def test_shipping_that_never_began_ends(tmp_path: Path) -> None:
    """As when a start breaks off."""

    async def go() -> None:
        clock = FakeClock()
        shipping = Shipping(tmp_path, ScriptedSink(), clock, lambda: 0.0, dict)
        await shipping.close(clock.now())

    run(go)
