"""Waiting for a wakeup: who waits goes on at once, in a context and with a cancel of its own."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from tracegate.testing.loop import run
from tracegate.upstream.fast.wakeup import Wakeup

NAME = ContextVar("NAME", default="nobody's")


class Waiting:
    """A task that waits again and again, and what it did."""

    def __init__(self) -> None:
        self.wakeup = Wakeup()
        self.seen: list[str] = []
        self.task = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        NAME.set("its own")
        while len(self.seen) < 3:
            await self.wakeup
            self.seen.append(NAME.get())


def test_who_waits_goes_on_in_the_turn_that_wakes_it() -> None:
    """Each time, and in the context of its task."""

    async def main() -> None:
        waiting = Waiting()
        seen: list[list[str]] = []

        def wake() -> None:
            waiting.wakeup.wake()
            seen.append([*waiting.seen])

        await asyncio.sleep(0)
        for _ in range(3):
            asyncio.get_running_loop().call_soon(wake)
        await waiting.task
        assert seen == [["its own"] * count for count in (1, 2, 3)]

    run(main())


def test_a_task_that_wakes_another_goes_on_first() -> None:
    """Two can't be at work at the same time."""

    async def main() -> None:
        waiting = Waiting()
        await asyncio.sleep(0)
        waiting.wakeup.wake()
        waiting.wakeup.wake()  # it goes on already
        assert waiting.seen == []
        await asyncio.sleep(0)
        assert waiting.seen == ["its own"]
        waiting.task.cancel()

    run(main())


def test_where_nobody_waits_nothing_happens() -> None:
    """Also before anybody ever waited."""

    async def main() -> None:
        wakeup = Wakeup()
        wakeup.wake()
        assert wakeup.cancel() is False

    run(main())


@pytest.mark.parametrize("message", [None, "superseded"])
def test_a_cancel_ends_the_wait_with_its_message(message: str | None) -> None:
    """And only this one: the next is a wait like any other."""

    async def main() -> None:
        wakeup = Wakeup()

        async def wait() -> tuple[object, ...]:
            try:
                await wakeup
            except asyncio.CancelledError as exc:
                await wakeup
                return exc.args
            return ()

        task = asyncio.get_running_loop().create_task(wait())
        await asyncio.sleep(0)
        task.cancel(message)
        await asyncio.sleep(0)
        wakeup.wake()
        assert await task == (() if message is None else (message,))

    run(main())


def test_a_cancel_between_the_waking_and_the_going_on_is_not_lost() -> None:
    """As with a future that is done."""

    async def main() -> None:
        waiting = Waiting()
        await asyncio.sleep(0)
        waiting.wakeup.wake()
        waiting.task.cancel("superseded")
        with pytest.raises(asyncio.CancelledError, match="superseded"):
            await waiting.task
        assert waiting.seen == []

    run(main())
