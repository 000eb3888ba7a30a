"""The thread of a log."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from tracegate.audit.lane import ThreadLane


def test_work_is_done_in_its_order_on_one_thread_that_is_not_the_loops() -> None:
    """What it returns comes back to the loop, and so does what it raises."""

    async def go() -> None:
        lane = ThreadLane()
        threads: list[int] = []

        def work(n: int) -> int:
            threads.append(threading.get_ident())
            return n

        assert await asyncio.gather(*(lane.run(partial(work, n)) for n in range(9))) == list(range(9))
        assert len(set(threads)) == 1
        assert threads[0] != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await lane.run(lambda: 1 // 0)
        lane.close()
        assert len(threads) == 9
        with pytest.raises(RuntimeError, match="closed"):
            await lane.run(lambda: 0)

    asyncio.run(go())


def test_whoever_is_no_task_is_called_on_the_loop() -> None:
    """With what his work returned or raised, in the order in which he gave it; a lane that is closed takes none."""

    async def go() -> None:
        lane, found = ThreadLane(), list[tuple[object, int]]()
        told = asyncio.Event()

        def then(what: object) -> None:
            found.append((what, threading.get_ident()))
            if len(found) == 2:
                told.set()

        lane.give(threading.get_ident, then)
        lane.give(lambda: 1 // 0, then)
        await told.wait()
        (thread, here), (raised, also_here) = found
        assert (here, also_here) == (threading.get_ident(), threading.get_ident())
        assert thread != here
        assert isinstance(raised, ZeroDivisionError)
        lane.close()
        with pytest.raises(RuntimeError, match="closed"):
            lane.give(int, then)

    asyncio.run(go())


def test_work_that_nobody_waits_for_any_more_is_not_begun() -> None:
    """What had begun is done to its end, and nobody is told; the lane goes on, and is closed behind its last work."""

    async def go() -> None:
        lane, held, began = ThreadLane(), threading.Event(), asyncio.Event()
        loop, done = asyncio.get_running_loop(), list[str]()

        def begun() -> None:
            loop.call_soon_threadsafe(began.set)
            assert held.wait(10)
            done.append("begun")

        first = asyncio.create_task(lane.run(begun))
        await began.wait()
        second = asyncio.create_task(lane.run(partial(done.append, "waiting")))
        await asyncio.sleep(0)  # it is given
        first.cancel()
        second.cancel()
        await asyncio.wait([first, second])
        held.set()
        await lane.run(partial(done.append, "next"))
        assert done == ["begun", "next"]
        lane.close()
        lane.close()

    asyncio.run(go())


def test_a_loop_that_is_gone_does_not_end_the_thread() -> None:
    """What was under way is done all the same, and another loop can have the lane."""
    lane, began, held, done = ThreadLane(), threading.Event(), threading.Event(), list[int]()

    def work() -> None:
        began.set()
        assert held.wait(10)
        done.append(1)

    async def left() -> None:
        task = asyncio.create_task(lane.run(work))
        await asyncio.sleep(0)  # it is given
        assert began.wait(10)
        task.cancel()

    asyncio.run(left())
    held.set()
    asyncio.run(lane.run(partial(done.append, 2)))
    assert done == [1, 2]
    lane.close()


def test_a_lane_that_did_nothing_has_no_thread() -> None:
    """Closing it waits for nothing."""
    before = threading.active_count()
    lane = ThreadLane()
    lane.close()
    assert threading.active_count() == before
