"""The flag of a connection does what `asyncio.Event` does, for one who waits."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

import pytest

from tracegate.server.flag import Flag, Flow
from tracegate.testing.loop import run


def test_who_waits_goes_on_when_it_is_set() -> None:
    """And need not wait while it is."""

    async def main() -> None:
        flag = Flag()
        task = asyncio.get_running_loop().create_task(flag.wait())
        await asyncio.sleep(0)
        assert not flag.is_set()
        assert not task.done()
        flag.set()
        flag.set()
        assert flag.is_set()
        assert await task
        assert await flag.wait()
        flag.clear()
        assert not flag.is_set()

    run(main())


def test_a_flag_can_be_shown() -> None:
    """As debuggers and reporters of errors do; an event's own way needs what is saved here."""
    assert [repr(Flag()), repr(Flag(up=True))] == ["Flag(down)", "Flag(up)"]


def test_a_wait_that_was_cancelled_leaves_nothing() -> None:
    """The next one waits as the first."""

    async def main() -> None:
        flag = Flag()
        task = asyncio.get_running_loop().create_task(flag.wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        flag.set()
        assert await flag.wait()

    run(main())


def test_the_flow_lets_writers_wait_while_the_client_takes_nothing() -> None:
    """It is uvicorn's otherwise."""

    async def main() -> None:
        transport = Mock()
        flow = Flow(transport)
        await flow.drain()
        flow.pause_writing()
        task = asyncio.get_running_loop().create_task(flow.drain())
        await asyncio.sleep(0)
        assert flow.write_paused
        assert not task.done()
        flow.resume_writing()
        await task
        flow.pause_reading()
        flow.resume_reading()
        assert [call[0] for call in transport.method_calls] == ["pause_reading", "resume_reading"]

    run(main())
