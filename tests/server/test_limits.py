"""How long a connection may do what, and what it may send meanwhile; on the fake clock."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.server.alone import REQUESTS, Alone, echo, turns
from tracegate.alarms import NEVER
from tracegate.errors import Rejected
from tracegate.server.client import CLIENT
from tracegate.server.limits import Wire


def test_an_application_without_our_state_gets_the_defaults() -> None:
    """And refusals without words."""
    wire = Wire()
    assert (32_000, 10_000_000_000, 75_000_000_000) == (wire.header, wire.header_time_ns, wire.keep_alive_ns)
    assert wire.refusal(Rejected(431, "x", "y")).startswith(b"HTTP/1.1 431 \r\n")
    assert wire.stopping() is None


def test_an_alarm_that_was_set_for_an_earlier_time_disturbs_nothing() -> None:
    """It is not set anew for every request: a connection is idle for as long as it may, counted from its answer."""

    async def main() -> None:
        alone = Alone()
        for _ in range(3):
            assert alone.wait(40) == []
            alone.connection.data_received(REQUESTS["plain"])
            await turns()
        armed = alone.connection.armed
        assert alone.wait(74) == []
        assert alone.connection.armed > armed
        assert alone.wait(1) == ["close"]
        alone.connection.connection_lost(None)
        assert alone.connection.armed == NEVER

    asyncio.run(main())


def test_a_client_that_does_not_agree_with_the_end_is_dropped() -> None:
    """With TLS a connection is closed when both have said so; whoever never does would hold up a server that stops."""

    async def main() -> None:
        idle, stopped, last = Alone(), Alone(), Alone()
        assert idle.wait(75) == ["close"]
        stopped.connection.shutdown()
        last.connection.data_received(REQUESTS["the last one"])
        await turns()
        for alone in (idle, stopped, last):
            assert alone.wait(1) == ["close"]
            assert alone.wait(1) == ["close", "abort"]
            alone.connection.connection_lost(None)
            assert alone.connection.armed == NEVER

    asyncio.run(main())


def test_an_answer_may_take_longer_than_a_connection_may_be_idle() -> None:
    """Its request has a deadline of its own. The next one can be read afterwards."""
    more = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        scope["extensions"][CLIENT].left(print, True)
        await more.wait()
        scope["extensions"][CLIENT].left(print, False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def main() -> None:
        alone = Alone(slow)
        alone.connection.data_received(REQUESTS["a body"])
        await turns()
        assert alone.connection._parser is None
        assert alone.wait(100) == []
        more.set()
        await turns()
        alone.connection.data_received(REQUESTS["a body"])
        await turns()
        assert alone.transport.written.count(b"HTTP/1.1 200 OK") == 2
        alone.connection.connection_lost(None)

    asyncio.run(main())


def test_a_parser_in_the_middle_of_a_body_is_kept() -> None:
    """Also where the answer does not wait for the rest."""

    async def early(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][CLIENT].left(print, True)
        await echo(scope, receive, send)

    async def main() -> None:
        alone = Alone(early)
        for piece in (REQUESTS["a body"][:-4], REQUESTS["a body"][-4:]):
            alone.connection.data_received(piece)
            await turns()
        assert b"123456789" in alone.transport.written
        alone.connection.connection_lost(None)

    asyncio.run(main())


def test_a_body_that_nobody_asks_for_is_not_taken_without_end() -> None:
    """Nor one that was answered already: it is read, and forgotten."""

    async def main() -> None:
        async def late(scope: Any, receive: Any, send: Any) -> None:
            await more.wait()
            await echo(scope, receive, send)

        more = asyncio.Event()
        alone = Alone(late)
        alone.connection.data_received(b"POST /a HTTP/1.1\r\ncontent-length: 200001\r\n\r\n" + b"x" * 100_000)
        alone.connection.data_received(b"x" * 100_000)
        assert alone.transport.calls == ["pause"]
        more.set()
        await turns()
        assert alone.transport.calls == ["pause", "resume"]
        alone.connection.data_received(b"x")
        await turns()
        assert alone.transport.written.count(b"x" * 200_001) == 1
        alone.connection.connection_lost(None)

    asyncio.run(main())


def test_what_was_refused_on_a_connection_that_closes_is_not_said() -> None:
    """It would stand behind the last answer."""

    async def main() -> None:
        alone = Alone()
        alone.transport.close()
        alone.connection.data_received(b"GARBAGE\r\n\r\n")
        assert alone.transport.written == b""
        alone.connection.connection_lost(None)

    asyncio.run(main())


def test_a_client_that_takes_too_little_is_waited_for() -> None:
    """What else is to be sent comes when it has taken what there was."""

    async def main() -> None:
        alone = Alone()
        alone.connection.pause_writing()
        alone.connection.data_received(REQUESTS["plain"])
        await turns()
        assert alone.transport.written == b""
        alone.connection.resume_writing()
        await turns()
        assert alone.transport.written.endswith(b"0\r\n\r\n")
        alone.connection.connection_lost(None)

    asyncio.run(main())
