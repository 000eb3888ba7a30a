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
        with pytest.raises(RuntimeError):
            await lane.run(lambda: 0)

    asyncio.run(go())
