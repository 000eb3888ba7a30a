"""The pool lets in so many, keeps the rest in line, and never loses a turn."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.upstream.served import OK, S, answering, go, quiet, serving
from tracegate.errors import Failed, TimedOut
from tracegate.testing.clock import START, FakeClock
from tracegate.testing.loop import run
from tracegate.upstream.pool import Pool, no_turn


def test_who_comes_first_is_served_first() -> None:
    """And at once, when somebody gives a turn back."""

    async def main() -> None:
        clock, order = FakeClock(), list[str]()
        pool = Pool(clock, 1, 2)
        assert await pool.take(START)

        async def waiter(name: str) -> None:
            assert await pool.take(START + 9 * S)
            order.append(name)
            await clock.sleep_until(clock.now() + S)
            pool.give()

        clock.call_at(START + S, pool.give)
        await asyncio.gather(waiter("first"), waiter("second"))
        assert order == ["first", "second"]
        assert clock.now() == START + 3 * S
        assert await pool.take(START)

    run(main)


def test_a_full_line_refuses_at_once() -> None:
    """With the token of our own limit; somebody who leaves the line makes room."""

    async def main() -> None:
        pool = Pool(FakeClock(), 1, 1)
        assert await pool.take(START)
        waiting = asyncio.create_task(pool.take(START + 9 * S))
        await quiet()
        with pytest.raises(Failed) as caught:
            await pool.take(START + S)
        assert (caught.value.class_, caught.value.token) == ("overloaded", "connection_limit_reached")
        waiting.cancel()
        await asyncio.wait([waiting])
        waiting = asyncio.create_task(pool.take(START + 9 * S))
        await quiet()
        pool.give()
        assert await waiting

    run(main)


def test_a_wait_ends_on_its_nanosecond() -> None:
    """Without a turn; a turn that is given back later is free."""

    async def main() -> None:
        clock = FakeClock()
        pool = Pool(clock, 1, 1)
        assert await pool.take(START)
        assert not await pool.take(START + 5)
        assert clock.now() == START + 5
        pool.give()
        assert await pool.take(START)

    run(main)


def test_a_turn_given_back_when_the_wait_is_over_is_not_lost() -> None:
    """Whoever gives it back passes over the one whose time was over in the same turn of the loop."""

    async def main() -> None:
        clock = FakeClock()
        pool = Pool(clock, 1, 1)
        assert await pool.take(START)
        waiting = asyncio.create_task(pool.take(START + 5))
        await quiet()
        clock.call_at(START + 5, pool.give)
        assert not await waiting
        assert await pool.take(START)

    run(main)


def test_a_turn_served_to_somebody_who_is_cancelled_goes_on() -> None:
    """In the turn of the loop between, where httpcore's pool loses a connection."""

    async def main() -> None:
        clock = FakeClock()
        pool = Pool(clock, 1, 2)
        assert await pool.take(START)
        first, second = (asyncio.create_task(pool.take(START + S)) for _ in range(2))
        await quiet()
        pool.give()
        first.cancel("client_disconnect")
        with pytest.raises(asyncio.CancelledError, match="client_disconnect"):
            await first
        assert await second

    run(main)


def test_a_cancel_when_the_wait_is_over_leaves_the_line_in_order() -> None:
    """The time was over, then somebody cancelled, all in one turn of the loop."""

    async def main() -> None:
        clock = FakeClock()
        pool = Pool(clock, 1, 1)
        assert await pool.take(START)
        waiting = asyncio.create_task(pool.take(START + 5))
        await quiet()
        clock.call_at(START + 5, waiting.cancel, "superseded")
        with pytest.raises(asyncio.CancelledError, match="superseded"):
            await waiting
        waiting = asyncio.create_task(pool.take(START + S))
        await quiet()
        pool.give()
        assert await waiting

    run(main)


def test_a_closed_pool_lets_nobody_in() -> None:
    """Neither those in line nor those who come later."""

    async def main() -> None:
        pool = Pool(FakeClock(), 1, 1)
        assert await pool.take(START)
        waiting = asyncio.create_task(pool.take(START + S))
        await quiet()
        pool.close()
        for coming in (waiting, pool.take(START + S)):
            with pytest.raises(Failed) as caught:
                await coming
            assert caught.value.token == "connection_limit_reached"

    run(main)


def test_httpcore_still_loses_a_connection_when_a_waiter_leaves_as_it_is_served() -> None:
    """The reason why nobody waits in httpcore's pool; when this fails, somebody mended it."""

    async def main() -> None:
        async with serving(answering(OK.replace(b"ok", b"o"), OK)) as port:
            transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=1))
            first = await transport.handle_async_request(httpx.Request("GET", f"http://127.0.0.1:{port}/"))
            second = asyncio.create_task(
                transport.handle_async_request(httpx.Request("GET", f"http://127.0.0.1:{port}/"))
            )
            await quiet()
            assert isinstance(first.stream, httpx.AsyncByteStream)
            await first.stream.aclose()  # cut short: its connection goes, and the second is served a new one
            second.cancel()
            await asyncio.wait([second])
            pool = transport._pool
            assert [connection.info() for connection in pool.connections] == ["CONNECTING"]
            assert pool._requests == []  # and nobody connects it
            await transport.aclose()

    go(main)


def test_a_turn_that_comes_too_late_is_our_own_limit_unless_another_came_first() -> None:
    """The attempt's, say."""
    assert no_turn(1, 2, "attempt").token == "connection_limit_reached"
    late = no_turn(2, 2, "attempt")
    assert isinstance(late, TimedOut)
    assert late.limit == "attempt"
