"""A wait with a limit ends by the future, the time, or a cancel from outside, and never mixes them up."""

from __future__ import annotations

import asyncio

import pytest

from tests.upstream.served import MS
from tracegate.clock import Handle
from tracegate.testing.clock import START, FakeClock
from tracegate.testing.loop import run
from tracegate.upstream.until import resolve, until


def test_the_future_decides_before_the_time() -> None:
    """Its result is the answer, and the timer is taken back."""

    async def main() -> None:
        clock = FakeClock()
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        clock.call_at(START + 5 * MS, resolve, future, True)
        assert await until(future, START + 6 * MS, clock)
        assert clock.now() == START + 5 * MS

    run(main)


def test_the_time_ends_the_wait_on_its_nanosecond() -> None:
    """Whatever comes later does no harm."""

    async def main() -> None:
        clock = FakeClock()
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        assert not await until(future, START + 7, clock)
        assert clock.now() == START + 7
        resolve(future, True)
        assert future.result() is False

    run(main)


def test_a_timer_that_rings_early_is_armed_again() -> None:
    """Some loops round to milliseconds; a limit is never cut short."""

    class Early(FakeClock):
        rung = 0

        def call_at(self, when: int, fn: object, *args: object) -> Handle:
            self.rung += 1
            return super().call_at(when - (3 if self.rung < 3 else 0), fn, *args)  # type: ignore[arg-type]  # as given

    async def main() -> None:
        clock = Early()
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        assert not await until(future, START + 10, clock)
        assert (clock.now(), clock.rung) == (START + 10, 3)

    run(main)


@pytest.mark.parametrize("when", [START + 5, START + 6])
def test_a_cancel_keeps_its_message(when: int) -> None:
    """Also in the very turn of the loop in which the time is over, where `asyncio.timeout` would lose it."""

    async def main() -> None:
        clock = FakeClock()
        task = asyncio.current_task()
        assert task is not None
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def leave() -> None:
            loop.call_soon(task.cancel, "client_disconnect")

        clock.call_at(START + 5, leave)
        with pytest.raises(asyncio.CancelledError, match="client_disconnect"):
            await until(future, when, clock)
        task.uncancel()

    run(main)


def test_asyncio_loses_the_message_of_a_cancel_when_its_own_time_is_over() -> None:
    """The reason why limits are not kept with `asyncio.timeout`; when this fails, that has become possible."""

    async def timed(clock: FakeClock, task: asyncio.Task[None]) -> None:
        async with asyncio.timeout_at((START + 5) / 1e9):
            clock.call_at(START + 5, task.cancel, "client_disconnect")
            await asyncio.get_running_loop().create_future()

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        with pytest.raises(asyncio.CancelledError) as caught:
            await timed(FakeClock(), task)
        assert caught.value.args == ()
        task.uncancel()

    run(main)
