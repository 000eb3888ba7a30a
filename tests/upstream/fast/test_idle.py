"""Idle connections: which is used next, and when each is closed."""

from __future__ import annotations

import pytest

from tests.upstream.fast.wired import OK, ORIGIN, Wired, quiet
from tests.upstream.served import S
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run
from tracegate.upstream.fast.idle import Idle
from tracegate.upstream.fast.link import Origin


async def lying(wired: Wired, count: int) -> None:
    """So many idle connections, one a second; the last used one is the last made."""
    tasks = [wired.asking() for _ in range(count)]
    await quiet()
    for wire in wired.dial.wires:
        wire.say(OK)
        await wired.clock.sleep_until(wired.clock.now() + S)
    for task in tasks:
        (await task).release()


def test_the_connection_that_was_used_last_is_used_first() -> None:
    """So those not needed become old, and are closed at their time."""

    async def main() -> None:
        wired = Wired(idle=10 * S)
        await lying(wired, 3)
        first, second, third = wired.dial.wires
        for _ in range(5):
            await wired.answered()
            await wired.clock.sleep_until(wired.clock.now() + 3 * S)
        assert (first.ended, second.ended, third.ended) == ("closed", "closed", "")
        assert third.got.count(b"POST") == 6
        await wired.clock.sleep_until(wired.clock.now() + 7 * S)
        assert third.ended == "closed"
        await wired.exchange.close()

    run(main)


@pytest.mark.parametrize(("timeout", "kept"), [(5, 4 * S), (2, S), (1, S // 2), (0, 0), (60, 20 * S), (None, 20 * S)])
def test_a_connection_is_closed_before_its_peer_does_it(timeout: int | None, kept: int) -> None:
    """Where that said when; at the configured time at the latest."""

    async def main() -> None:
        wired = Wired()
        hint = b"" if timeout is None else b"keep-alive: timeout=%d\r\n" % timeout
        await wired.answered(OK.replace(b"content-length", hint + b"content-length"))
        began = wired.clock.now()
        if kept:
            await wired.clock.sleep_until(began + kept - 1)
            assert not wired.wire.ended
        await wired.clock.sleep_until(began + kept + 1)
        assert wired.wire.ended == "closed"
        await wired.exchange.close()

    run(main)


def test_an_earlier_time_is_kept_to() -> None:
    """Though a later one was waited for."""

    async def main() -> None:
        wired = Wired()
        tasks = [wired.asking() for _ in range(2)]
        await quiet()
        slow, quick = wired.dial.wires
        slow.say(OK)
        quick.say(OK.replace(b"content-length", b"keep-alive: timeout=5\r\ncontent-length"))
        for task in tasks:
            (await task).release()
        await wired.clock.sleep_until(wired.clock.now() + 5 * S)
        assert (slow.ended, quick.ended) == ("", "closed")
        await wired.exchange.close()

    run(main)


def test_a_connection_that_is_too_old_is_not_used_though_its_time_has_not_rung() -> None:
    """As on a busy loop."""

    async def main() -> None:
        wired = Wired()
        await wired.answered()
        old = wired.wire
        wired.clock.advance(20 * S)
        task = wired.asking()
        await quiet()
        assert wired.wire is not old
        assert old.ended == "closed"
        task.cancel()
        await quiet()
        await wired.exchange.close()

    run(main)


def test_a_connection_that_is_ending_is_not_used() -> None:
    """Its transport knows it first."""

    async def main() -> None:
        wired = Wired()
        await wired.answered()
        ending = wired.wire
        ending.ended = "by itself"
        task = wired.asking()
        await quiet()
        assert wired.wire is not ending
        ending.link.connection_lost(None)
        task.cancel()
        await quiet()
        await wired.exchange.close()

    run(main)


def test_so_many_are_kept() -> None:
    """The oldest makes room."""

    async def main() -> None:
        wired = Wired()
        await lying(wired, 3)
        idle = Idle(wired.clock, 10 * S, 2)
        for wire in wired.dial.wires:
            idle.put(wire.link)
        assert [wire.ended for wire in wired.dial.wires] == ["closed", "", ""]
        idle.remove(wired.dial.wires[2].link)
        assert idle.take(ORIGIN) is wired.dial.wires[1].link
        assert idle.take(ORIGIN) is None
        assert idle.take(Origin("https", "elsewhere", 443)) is None
        idle.close()
        await wired.exchange.close()

    run(main)


def test_nothing_is_no_trouble() -> None:
    """To close, or to take from."""

    async def main() -> None:
        idle = Idle(FakeClock(), S, 1)
        assert idle.take(ORIGIN) is None
        idle.close()

    run(main)
