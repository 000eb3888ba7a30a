"""One timer rings for many, each at its own time."""

from __future__ import annotations

import pytest

from tracegate.alarms import NEVER, Alarms
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import Leaked, run

S = 1_000_000_000


class One:
    """It has a time, and notes when that comes."""

    def __init__(self, alarms: Alarms, again: int = 0, fault: bool = False) -> None:
        self.alarms = alarms
        self.armed = NEVER
        self.rung: list[int] = []
        self.again = again
        self.fault = fault

    def ring(self) -> None:
        """See `Alarm`."""
        assert self.armed == NEVER
        now = self.alarms.clock.now()
        self.rung.append(now)
        if self.again:
            self.alarms.set(self, now + self.again)
            self.again = 0
        if self.fault:
            raise RuntimeError("a fault of its own")


@pytest.fixture
def alarms() -> Alarms:
    """Nobody has a time yet."""
    return Alarms(FakeClock())


def made(alarms: Alarms, *whens: int) -> list[One]:
    """Some with a time, in this order, counted from now."""
    ones = [One(alarms) for _ in whens]
    for one, when in zip(ones, whens, strict=True):
        alarms.set(one, alarms.clock.now() + when)
    return ones


def left(alarms: Alarms) -> list[int]:
    """When timers are due."""
    clock = alarms.clock
    assert isinstance(clock, FakeClock)
    return [timer.when for timer in clock.timeline.left()]


def wait(alarms: Alarms, ns: int) -> None:
    """Let time pass."""
    clock = alarms.clock
    assert isinstance(clock, FakeClock)
    clock.advance(ns)


def test_each_rings_at_its_time_whatever_the_order_in_which_they_were_set(alarms: Alarms) -> None:
    """Those of one time too; and all by one timer."""
    start = alarms.clock.now()
    ones = made(alarms, 5 * S, 2 * S, 9 * S, 2 * S)
    assert left(alarms) == [start + 2 * S]
    wait(alarms, 6 * S)
    assert [one.rung for one in ones] == [[start + 5 * S], [start + 2 * S], [], [start + 2 * S]]
    assert left(alarms) == [start + 9 * S]
    wait(alarms, 4 * S)
    assert ones[2].rung == [start + 9 * S]
    assert left(alarms) == []


def test_the_last_time_that_was_said_counts(alarms: Alarms) -> None:
    """Earlier or later than the one before."""
    start = alarms.clock.now()
    sooner, later, same = made(alarms, 5 * S, 5 * S, 5 * S)
    alarms.set(sooner, start + S)
    alarms.set(later, start + 8 * S)
    wait(alarms, 9 * S)
    assert [one.rung for one in (sooner, later, same)] == [[start + S], [start + 8 * S], [start + 5 * S]]


def test_a_time_can_be_taken_back_and_nothing_is_left_when_all_are(alarms: Alarms) -> None:
    """By who has none, too."""
    first, second = made(alarms, S, S)
    alarms.take(second)
    assert second.armed == NEVER
    assert len(left(alarms)) == 1
    alarms.take(first)
    alarms.take(first)
    assert left(alarms) == []
    wait(alarms, 2 * S)
    assert first.rung == second.rung == []


def test_a_timer_that_is_due_for_nobody_any_more_goes_on_with_the_next(alarms: Alarms) -> None:
    """It is not armed anew when the first one leaves."""
    start = alarms.clock.now()
    first, second = made(alarms, S, 3 * S)
    alarms.take(first)
    wait(alarms, 4 * S)
    assert (first.rung, second.rung) == ([], [start + 3 * S])


def test_one_that_rings_may_say_its_next_time(alarms: Alarms) -> None:
    """Sooner than those that still wait."""
    start = alarms.clock.now()
    one, other = One(alarms, again=S), One(alarms)
    alarms.set(one, start + S)
    alarms.set(other, start + 3 * S)
    wait(alarms, 4 * S)
    assert (one.rung, other.rung) == ([start + S, start + 2 * S], [start + 3 * S])


def test_a_fault_of_one_is_not_that_of_those_behind_it() -> None:
    """They ring in the next turn of the loop, which has told the fault."""

    async def main() -> None:
        clock = FakeClock()
        alarms, start = Alarms(clock), clock.now()
        faulty, other = One(alarms, fault=True), One(alarms)
        for one in (faulty, other):
            alarms.set(one, start + S)
        await clock.sleep_until(start + 2 * S)
        assert faulty.rung == other.rung == [start + S]

    with pytest.raises(Leaked, match="a fault of its own"):
        run(main)
