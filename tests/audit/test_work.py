"""One piece of work after the other, without a task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.audit.failing import SlowLane
from tracegate.audit.lane import Lane
from tracegate.audit.work import Work
from tracegate.testing.audit import InlineLane
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run


class Owner:
    """Has pieces to do, and takes down what becomes of them."""

    def __init__(self, lane: Lane, clock: FakeClock) -> None:
        self.left: list[Callable[[], object]] = []
        self.found: list[object] = []
        self.failed: list[Exception] = []
        self.turns = 0
        self.work = Work(lane, clock, self._go_on, self.failed.append)

    def _go_on(self) -> None:
        self.turns += 1
        if self.left:
            self.work.give(self.left.pop(0), self._take)
        else:
            self.work.rest()

    def _take(self, found: object) -> None:
        self.found.append(found)
        if found == "bad":
            raise ValueError(found)
        self._go_on()


@pytest.mark.parametrize("slow", [True, False])
def test_pieces_are_done_in_their_order_until_none_is_left(slow: bool) -> None:
    """What comes in one turn of the loop begins once; nothing does before it is told to begin, nor after the end."""

    async def go() -> None:
        clock = FakeClock()
        owner = Owner(SlowLane(clock, 10) if slow else InlineLane(), clock)
        owner.left += [lambda: 1, lambda: 2]
        owner.work.start()
        await asyncio.sleep(0)  # one turn of the loop
        assert owner.turns == 0
        owner.work.begin()
        owner.work.start()
        owner.left.append(lambda: 3)
        await owner.work.over()
        assert (owner.found, owner.turns, owner.failed) == ([1, 2, 3], 4, [])
        owner.work.end()
        owner.left.append(lambda: 4)
        owner.work.start()
        await asyncio.sleep(0)  # one turn of the loop
        assert owner.left

    run(go)


@pytest.mark.parametrize("slow", [True, False])
def test_what_breaks_off_is_told_and_the_rest_waits(slow: bool) -> None:
    """A piece, or taking what it found; whoever starts again goes on behind it."""

    async def go() -> None:
        clock = FakeClock()
        owner = Owner(SlowLane(clock, 10) if slow else InlineLane(), clock)
        owner.work.begin()
        owner.left += [lambda: 1 // 0, lambda: "bad", lambda: 3]
        for failures, found in ((1, []), (2, ["bad"]), (2, ["bad", 3])):
            await owner.work.over()
            assert (len(owner.failed), owner.found) == (failures, found)
        assert [type(exc) for exc in owner.failed] == [ZeroDivisionError, ValueError]

    run(go)


def test_how_long_a_piece_takes_is_known_meanwhile() -> None:
    """Whoever gave it; nothing is under way before and after."""

    async def go() -> None:
        clock = FakeClock()
        owner = Owner(SlowLane(clock, 10), clock)
        owner.work.begin()
        assert owner.work.took == 0
        owner.left.append(lambda: 1)
        owner.work.start()
        await clock.sleep_until(clock.now() + 5)
        assert owner.work.took == 5
        await owner.work.over()
        assert owner.work.took == 0
        told = asyncio.create_task(owner.work.run(lambda: 2))
        await clock.sleep_until(clock.now() + 7)
        assert owner.work.took == 7
        assert (await told, owner.work.took) == (2, 0)

    run(go)


def test_what_ends_the_process_is_no_failure_of_a_piece() -> None:
    """It is raised where the loop runs."""

    class Stopped:
        def give(self, work: Callable[[], object], then: Callable[[BaseException], None]) -> None:
            then(KeyboardInterrupt())

    async def go() -> None:
        owner = Owner(Stopped(), FakeClock())  # type: ignore[arg-type]  # of a lane it is asked for no more
        with pytest.raises(KeyboardInterrupt):
            owner.work.give(int, owner.found.append)
        assert owner.failed == []

    run(go)
