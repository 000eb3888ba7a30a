"""The fake clock keeps exact time, with and without a loop."""

from __future__ import annotations

import asyncio

import pytest

from tracegate.clock import Clock
from tracegate.testing.clock import EPOCH, START, FakeClock
from tracegate.testing.loop import run


def test_it_is_a_clock_that_stands_still_until_told() -> None:
    """Monotonic time starts at one second, UTC at the first of January 2026."""
    clock: Clock = FakeClock()
    assert (clock.now(), clock.wall()) == (START, EPOCH)
    assert clock.now() == 1_000_000_000


def test_wall_follows_monotonic_time() -> None:
    """Both move by the same nanoseconds."""
    clock = FakeClock()
    clock.advance(7)
    assert (clock.now(), clock.wall()) == (START + 7, EPOCH + 7)


def test_time_cannot_go_back() -> None:
    """A negative advance is refused and changes nothing."""
    clock = FakeClock()
    with pytest.raises(ValueError, match="`ns` is -1"):
        clock.advance(-1)
    assert clock.now() == START


def test_advance_fires_each_timer_at_its_own_nanosecond() -> None:
    """Timers see the time they asked for, in order, those armed by timers included."""
    clock = FakeClock()
    seen: list[tuple[str, int]] = []

    def first() -> None:
        seen.append(("first", clock.now() - START))
        clock.call_at(START + 6, lambda: seen.append(("armed late", clock.now() - START)))

    clock.call_at(START + 9, lambda: seen.append(("second", clock.now() - START)))
    clock.call_at(START + 5, first)
    clock.call_at(START + 11, lambda: seen.append(("beyond", clock.now() - START)))
    clock.advance(10)
    assert seen == [("first", 5), ("armed late", 6), ("second", 9)]
    assert clock.now() == START + 10


def test_a_timer_in_the_past_fires_without_moving_time() -> None:
    """It is due at once, not back then."""
    clock = FakeClock()
    clock.advance(10)
    seen: list[int] = []
    clock.call_at(START, lambda: seen.append(clock.now()))
    clock.advance(0)
    assert seen == [START + 10]


def test_a_timer_taken_back_does_not_fire() -> None:
    """Also when an earlier timer of the same nanosecond takes it back; twice is harmless."""
    clock = FakeClock()
    seen: list[str] = []
    clock.call_at(START + 1, lambda: later.cancel())
    later = clock.call_at(START + 1, seen.append, "later")
    early = clock.call_at(START + 1, seen.append, "early")
    early.cancel()
    early.cancel()
    clock.advance(1)
    assert seen == []


def test_a_timer_that_advances_time_leaves_it_where_it_put_it() -> None:
    """The outer advance does not turn time back."""
    clock = FakeClock()
    clock.call_at(START + 1, clock.advance, 100)
    clock.advance(2)
    assert clock.now() == START + 101


def test_sleeping_under_another_loop_waits_for_advance() -> None:
    """Outside virtual time the clock is moved by hand; sleepers wake then."""

    async def main() -> list[int]:
        clock = FakeClock()
        woke: list[int] = []

        async def sleeper() -> None:
            await clock.sleep_until(START + 5)
            woke.append(clock.now())

        task = asyncio.create_task(sleeper())
        await asyncio.sleep(0)
        clock.advance(4)
        await asyncio.sleep(0)
        assert woke == []
        clock.advance(1)
        await task
        return woke

    assert asyncio.run(main()) == [START + 5]


def test_sleeping_until_the_past_returns_at_once() -> None:
    """No turn of the loop passes."""

    async def main() -> bool:
        clock = FakeClock()
        ran: list[bool] = []
        asyncio.get_running_loop().call_soon(ran.append, True)
        await clock.sleep_until(clock.now())
        return bool(ran)

    assert run(main) is False


def test_a_cancelled_sleeper_leaves_no_timer() -> None:
    """Also when it is cancelled in the very turn in which its time comes."""

    async def main() -> None:
        clock = FakeClock()
        early = asyncio.create_task(clock.sleep_until(START + 10))
        at_once = asyncio.create_task(clock.sleep_until(START + 10))
        clock.call_at(START + 5, early.cancel)
        clock.call_at(START + 10, at_once.cancel)
        results = await asyncio.gather(early, at_once, return_exceptions=True)
        assert [asyncio.CancelledError] * 2 == [type(result) for result in results]
        assert clock.timeline.next() is None

    run(main)


def test_a_timer_comes_due_while_its_sleeper_is_cancelled() -> None:
    """The sleeper's own timer fires after the cancel without an error."""

    async def main() -> None:
        clock = FakeClock()
        clock.call_at(START + 10, lambda: task.cancel())
        task = asyncio.create_task(clock.sleep_until(START + 10))
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)
