"""The ticker sees how long the loop was blocked, and when."""

from __future__ import annotations

import asyncio
import time

from tracegate.testing.clock import START, FakeClock
from tracegate.testing.lag import LagTicker
from tracegate.testing.loop import run

MS = 1_000_000


def test_a_loop_that_is_never_blocked_has_no_lag() -> None:
    """In virtual time every tick comes on its nanosecond."""

    async def main() -> tuple[int, int]:
        async with LagTicker(FakeClock()) as ticker:
            await asyncio.sleep(1)
            return ticker.worst(0, START + 10**12), ticker.p99(0, START + 10**12)

    assert run(main) == (0, 0)


def test_lag_is_found_where_it_was() -> None:
    """Blocked for 50 ms: the tick that waited longest was 49.5 ms late; before and after there is none."""

    async def main() -> list[int]:
        clock = FakeClock()
        async with LagTicker(clock) as ticker:
            await clock.sleep_until(START + 10 * MS + MS // 2)
            clock.advance(50 * MS)
            await clock.sleep_until(START + 100 * MS)
            return [
                ticker.worst(START, START + 10 * MS),
                ticker.worst(START + 10 * MS, START + 12 * MS),
                ticker.worst(START + 30 * MS, START + 31 * MS),
                ticker.worst(START + 60 * MS, START + 60 * MS + MS // 2),
                ticker.worst(START + 61 * MS, START + 100 * MS),
            ]

    assert run(main) == [0, 49 * MS + MS // 2, 49 * MS + MS // 2, 49 * MS + MS // 2, 0]


def test_a_tick_that_has_not_come_yet_counts() -> None:
    """Asking while the loop is still blocked sees the lag so far, and leaving does too."""

    async def main() -> tuple[int, int]:
        clock = FakeClock()
        async with LagTicker(clock) as ticker:
            clock.advance(20 * MS)
            so_far = ticker.worst(START, clock.now())
            clock.advance(5 * MS)
        return so_far, ticker.worst(START + 21 * MS, clock.now())

    assert run(main) == (19 * MS, 4 * MS)


def test_missed_ticks_count_in_the_percentile() -> None:
    """A loop blocked for 3 of 100 ms has a 99th percentile of 2 ms: of 100 ticks the latest but one.

    Of the few ticks of that time it is the latest, and of those behind it none was late.
    """

    async def main() -> list[int]:
        clock = FakeClock()
        async with LagTicker(clock) as ticker:
            clock.advance(4 * MS)
            await clock.sleep_until(START + 100 * MS)
        return [
            ticker.p99(START, clock.now()),
            ticker.p99(START, START + 6 * MS),
            ticker.p99(START + 5 * MS, clock.now()),
        ]

    assert run(main) == [2 * MS, 3 * MS, 0]


def test_without_a_tick_there_is_no_lag() -> None:
    """Nor an error."""

    async def main() -> tuple[int, int]:
        clock = FakeClock()
        ticker = LagTicker(clock)
        await ticker.__aexit__(None, None, None)
        return ticker.worst(0, clock.now()), ticker.p99(0, clock.now())

    assert run(main) == (0, 0)


def test_it_measures_a_real_loop() -> None:
    """Code that holds the loop for 30 ms is seen, by the machine's clock."""

    async def main() -> int:
        async with LagTicker() as ticker:
            await asyncio.sleep(0.005)
            start = time.monotonic_ns()
            while time.monotonic_ns() - start < 30 * MS:
                pass
            await asyncio.sleep(0.005)
            return ticker.worst(start, start + 30 * MS)

    assert asyncio.run(main()) >= 28 * MS
