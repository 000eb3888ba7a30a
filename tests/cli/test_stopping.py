"""Signals end what a command does, once, and never what ends it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from tracegate.cli.stopping import SIGNALS, Stopping, stoppable


@pytest.fixture
def untouched() -> Iterator[None]:
    """The signals are as they were, before and after."""
    outside = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup` would have switched it off
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before
    signal.signal(signal.SIGHUP, outside)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_cancels_and_the_next_does_not(number: signal.Signals) -> None:
    """So that what was started is ended whole."""
    went: list[str] = []

    async def main() -> None:
        with stoppable() as stopping:
            try:
                os.kill(os.getpid(), number)
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                went.append("cancelled")
                os.kill(os.getpid(), number)
                for _ in range(3):
                    await asyncio.sleep(0)  # turns of the loop, in which it would be cancelled
                went.append("ended whole")
            assert stopping.ending

    asyncio.run(main())
    assert went == ["cancelled", "ended whole"]


def test_what_ends_is_not_cancelled() -> None:
    """No signal counts any more."""

    async def main() -> str:
        task = asyncio.current_task()
        assert task is not None
        stopping = Stopping(task)
        stopping.ending = True
        stopping()
        await asyncio.sleep(0)  # the turn of the loop in which it would be cancelled
        return "whole"

    assert asyncio.run(main()) == "whole"


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As `nohup` wants it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        async def main() -> None:
            with stoppable():
                os.kill(os.getpid(), signal.SIGHUP)
                for _ in range(3):
                    await asyncio.sleep(0)  # turns of the loop, in which it would be cancelled

        asyncio.run(main())
    finally:
        signal.signal(signal.SIGHUP, before)
