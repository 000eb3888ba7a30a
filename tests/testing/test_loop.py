"""Virtual time is exact and cheap, and a run that hangs or leaks fails."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine

import pytest

import tracegate.testing.loop as loops
from tracegate.testing.loop import EPOCH, START, Deadlock, FakeClock, Leaked, VirtualLoop, run

HOUR = 3_600_000_000_000


def test_time_jumps_to_the_exact_nanosecond() -> None:
    """Sleeping an odd number of nanoseconds takes exactly that many, and no real time."""

    async def main() -> list[int]:
        clock = FakeClock()
        seen = []
        for ns in (1, 3, 333_333_333, 1_000_000_007, HOUR + 1):
            start = clock.now()
            await clock.sleep_until(start + ns)
            seen.append(clock.now() - start)
        return seen

    before = time.monotonic()
    assert run(main) == [1, 3, 333_333_333, 1_000_000_007, HOUR + 1]
    assert time.monotonic() - before < 5


def test_timers_of_asyncio_run_on_the_same_time() -> None:
    """`asyncio.sleep` and time-outs of the library agree with the clock, without drift."""

    async def main() -> tuple[int, float]:
        clock = FakeClock()
        for _ in range(1000):
            await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.get_running_loop().create_future()
        return clock.now() - START, asyncio.get_running_loop().time()

    assert run(main) == (102_500_000_000, 103.5)


def test_a_coroutine_is_run_as_well_as_a_function() -> None:
    """Both forms give the result."""

    async def main() -> str:
        return "done"

    assert (run(main), run(main())) == ("done", "done")


def test_time_starts_anew_in_every_run() -> None:
    """Unless a clock is handed in, whose time then goes on."""

    async def main() -> int:
        clock = FakeClock()
        await clock.sleep_until(clock.now() + 5)
        return clock.now()

    outer = FakeClock()
    assert [run(main), run(main)] == [START + 5] * 2
    assert [run(main, clock=outer), run(main, clock=outer)] == [START + 5, START + 10]
    assert (outer.now(), outer.wall()) == (START + 10, EPOCH + 10)


def test_what_is_ready_runs_before_time_moves() -> None:
    """A thousand turns fit between two nanoseconds."""

    async def main() -> list[str]:
        clock = FakeClock()
        seen: list[str] = []
        clock.call_at(START + 1, seen.append, "timer")
        for _ in range(1000):
            await asyncio.sleep(0)
        seen.append("ready")
        await clock.sleep_until(START + 2)
        return seen

    assert run(main) == ["ready", "timer"]


def test_a_busy_loop_fires_timers_late() -> None:
    """Advancing inside a run is a loop that was blocked: the timer sees the later time."""

    async def main() -> list[int]:
        clock = FakeClock()
        seen: list[int] = []
        clock.call_at(START + 5, lambda: seen.append(clock.now() - START))
        clock.advance(9)
        assert seen == []
        await asyncio.sleep(0)
        return seen

    assert run(main) == [9]


def test_same_nanosecond_fires_in_order_and_by_seed_in_another() -> None:
    """Seed 0 keeps the order of arming; each other seed has its own order, always the same."""

    async def main() -> str:
        clock = FakeClock()
        seen: list[str] = []
        for name in "abcdef":
            clock.call_at(START + 1, seen.append, name)
        await clock.sleep_until(START + 2)
        return "".join(seen)

    orders = [run(main, seed=seed) for seed in range(8)]
    assert orders[0] == "abcdef"
    assert orders == [run(main, seed=seed) for seed in range(8)]
    assert len(set(orders)) > 3
    assert all(sorted("abcdef") == sorted(order) for order in orders)


def test_a_timer_keeps_its_context() -> None:
    """Context variables of the arming code are seen by `call_later`."""
    word: contextvars.ContextVar[str] = contextvars.ContextVar("word")

    async def main() -> list[str]:
        seen: list[str] = []
        context = contextvars.copy_context()
        context.run(word.set, "inside")
        asyncio.get_running_loop().call_later(1, lambda: seen.append(word.get("outside")), context=context)
        await asyncio.sleep(2)
        return seen

    assert run(main) == ["inside"]


def test_a_loop_timer_taken_back_does_not_fire() -> None:
    """`call_later(...).cancel()` works as in asyncio, twice too."""

    async def main() -> list[str]:
        seen: list[str] = []
        handle = asyncio.get_running_loop().call_later(1, seen.append, "fired")
        handle.cancel()
        handle.cancel()
        assert handle.cancelled()
        await asyncio.sleep(2)
        return seen

    assert run(main) == []


def test_the_exception_of_main_is_raised_as_it_is() -> None:
    """What it left behind is cancelled, and not reported on top."""
    cancelled: list[bool] = []

    async def background() -> None:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def main() -> None:
        task = asyncio.create_task(background())
        await asyncio.sleep(0)
        raise KeyError(task.get_name())

    with pytest.raises(KeyError):
        run(main)
    assert cancelled == [True]


def test_waiting_for_nothing_fails_at_once_and_says_where() -> None:
    """The message names the task and the line on which it waits."""

    async def main() -> None:
        await asyncio.get_running_loop().create_future()  # here

    before = time.monotonic()
    with pytest.raises(Deadlock, match=r"nothing is ready(?s:.*)create_future\(\) # here"):
        run(main)
    assert time.monotonic() - before < 5


def test_a_deadlock_shows_the_error_that_led_to_it() -> None:
    """An error in a timer is often why nobody wakes the waiting task."""

    async def main() -> None:
        FakeClock().call_at(START + 1, int, "x")
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock) as caught:
        run(main)
    assert "invalid literal" in "".join(caught.value.__notes__)


def test_a_run_that_never_ends_fails() -> None:
    """A ticker alone does not keep a hanging run alive for ever."""

    async def main() -> None:
        clock = FakeClock()
        while True:
            await clock.sleep_until(clock.now() + HOUR)

    with pytest.raises(Deadlock, match="virtual time was over"):
        run(main)


def test_a_run_that_spins_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Yielding for ever without waiting is found by counting turns."""
    monkeypatch.setattr(loops, "TURNS", 1000)

    async def main() -> None:
        for _ in itertools.count():
            await asyncio.sleep(0)

    with pytest.raises(Deadlock, match="something spins"):
        run(main)


def test_a_task_left_pending_fails() -> None:
    """The message names it and where it waits."""

    async def main() -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(1), name="forgotten"))

    tasks: list[asyncio.Task[None]] = []
    with pytest.raises(Leaked, match="task pending: forgotten"):
        run(main)
    assert tasks[0].cancelled()


def test_a_task_that_finishes_in_the_same_instant_is_no_leak() -> None:
    """After main returns, what is ready still runs, and time stands still."""
    done: list[str] = []

    async def child() -> None:
        await asyncio.sleep(0)
        done.append("child")

    async def main() -> None:
        done.append(asyncio.create_task(child()).get_name())

    run(main)
    assert done[-1] == "child"


@pytest.mark.parametrize("kept", [True, False])
def test_an_error_nobody_looked_at_fails(kept: bool) -> None:
    """Whether or not somebody still holds the task."""
    held: list[asyncio.Task[None]] = []

    async def child() -> None:
        raise KeyError("lost")

    async def main() -> None:
        task = asyncio.create_task(child(), name="child")
        if kept:
            held.append(task)
        del task
        await asyncio.sleep(1)

    with pytest.raises(Leaked, match=r"never looked at.*KeyError\('lost'\)"):
        run(main)


def test_an_error_that_was_looked_at_is_no_leak() -> None:
    """Gathering with exceptions is looking at them."""

    async def child() -> None:
        raise KeyError

    async def main() -> int:
        return len(await asyncio.gather(child(), child(), return_exceptions=True))

    assert run(main) == 2


def test_an_armed_timer_fails_unless_allowed() -> None:
    """Only those of a fake clock count: somebody forgot to take them back."""

    async def main() -> None:
        FakeClock().call_at(START + 1, print)
        asyncio.get_running_loop().call_later(1, print)

    with pytest.raises(Leaked, match=r"timer armed for 1000000001 ns: <built-in function print>$"):
        run(main)
    run(main, leave_timers=True)


def test_threads_are_refused() -> None:
    """Virtual time can't know how long a thread takes."""

    async def main() -> None:
        await asyncio.to_thread(print)

    with pytest.raises(RuntimeError, match="knows no threads"):
        run(main)


def test_sockets_work_without_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watched socket is waited for in real time; one that stays silent is a deadlock in the end."""
    monkeypatch.setattr(loops, "IO_WAIT_S", 0.05)
    near, far = socket.socketpair()

    async def main(heard: int) -> bytes:
        near.setblocking(False)
        loop = asyncio.get_running_loop()
        far.send(b"word" * heard)
        return await loop.sock_recv(near, 100)

    async def heard_from_another_thread() -> bytes:
        near.setblocking(False)
        speaker = threading.Timer(0.01, far.send, [b"later"])
        speaker.start()
        try:
            return await asyncio.get_running_loop().sock_recv(near, 100)
        finally:
            speaker.join()

    with near, far:
        assert run(main(1)) == b"word"
        with pytest.raises(Deadlock, match="no socket speaks"):
            run(main(0))

        monkeypatch.undo()
        assert run(heard_from_another_thread) == b"later"

        async def late() -> bytes:
            near.setblocking(False)
            asyncio.get_running_loop().call_later(3600, far.send, b"late")
            return await asyncio.get_running_loop().sock_recv(near, 100)

        assert run(late) == b"late"


def test_async_generators_are_closed_at_the_end() -> None:
    """Their clean-up runs, as under `asyncio.run`."""
    closed: list[bool] = []

    async def main() -> None:
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                closed.append(True)

        generator = numbers()
        held.append(generator)
        assert await anext(generator) == 1

    held: list[AsyncIterator[int]] = []
    run(main)
    assert closed == [True]


def test_a_loop_for_each_case_is_a_new_one() -> None:
    """A property test makes thousands: each begins at the same time, and none leaves anything to the next."""

    async def main() -> int:
        clock = FakeClock()
        await asyncio.gather(*(clock.sleep_until(START + n) for n in range(10)))
        return clock.now()

    assert [START + 9] * 500 == [run(main) for _ in range(500)]


def test_a_function_that_makes_no_coroutine_leaves_a_closed_loop() -> None:
    """The loop is closed whatever `main` does."""

    def main() -> Coroutine[None, None, None]:
        raise KeyError("early")

    with pytest.raises(KeyError):
        run(main)


def test_the_loop_reads_virtual_seconds() -> None:
    """`loop.time()` is the clock's nanoseconds as seconds."""

    async def main() -> bool:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        return loop.time() == FakeClock().now() / 1e9

    assert run(main)
