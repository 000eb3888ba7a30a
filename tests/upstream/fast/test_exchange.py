"""Turns, connections and the end of the exchange; what holds over sockets is tested with both transports."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable

import pytest
import uvloop

from tests.upstream.fast.corpus import BAD, GOOD
from tests.upstream.fast.wired import OK, Wired, quiet
from tests.upstream.served import TLS, S, answering, asked, go, outgoing, received, serving, tls_server
from tracegate.clock import SystemClock
from tracegate.errors import Broken, Failed, TimedOut, Unreachable
from tracegate.facts import Connection
from tracegate.testing import Simulator
from tracegate.testing.loop import run
from tracegate.upstream.exchange import Exchange
from tracegate.upstream.fast import exchange as module
from tracegate.upstream.fast.exchange import fast_exchange
from tracegate.upstream.origin import TransportSettings
from tracegate.upstream.transport import httpx_exchange

pytestmark = pytest.mark.slow


def test_a_request_waits_for_its_turn_and_takes_the_connection_of_the_one_before() -> None:
    """No more connections than turns."""

    async def main() -> None:
        wired = Wired(connections=1)
        first = wired.asking()
        await quiet()
        second = wired.asking()
        await quiet()
        wired.wire.say(OK)
        (await first).release()
        await quiet()
        wired.wire.say(OK)
        (await second).release()
        assert wired.connection.reused is True
        assert len(wired.dial.wires) == 1
        await wired.exchange.close()

    run(main)


@pytest.mark.parametrize(
    ("connect", "within", "token", "ends"),
    [(S, 5 * S, "connection_limit_reached", S), (5 * S, S, "http_response_timeout", S)],
)
def test_waiting_for_a_turn_has_the_limit_of_connecting(connect: int, within: int, token: str, ends: int) -> None:
    """It is our own limit that was reached, unless the other comes first."""

    async def main() -> None:
        wired = Wired(connections=1, waiting=1)
        task = wired.asking()
        await quiet()
        began = wired.clock.now()
        with pytest.raises(Failed) as caught:
            await wired.send(connect=connect, within=within, limit="deadline")
        assert (caught.value.token, wired.clock.now() - began) == (token, ends)
        waiting = wired.asking()
        await quiet()
        with pytest.raises(Failed) as caught:
            await wired.send()
        assert caught.value.token == "connection_limit_reached"
        for asking in (waiting, task):
            asking.cancel()
        await quiet()
        assert await wired.answered() == b"ok"
        await wired.exchange.close()

    run(main)


@pytest.mark.parametrize(("within", "limit"), [(9 * S, "connect"), (S, "deadline")])
def test_connecting_has_a_limit(within: int, limit: str) -> None:
    """Unless another comes first; the turn is given back."""

    async def main() -> None:
        wired = Wired(connections=1)
        wired.dial.takes = 10 * S
        began = wired.clock.now()
        with pytest.raises(TimedOut) as caught:
            await wired.send(connect=2 * S, within=within, limit="deadline")
        assert (caught.value.limit, wired.clock.now() - began) == (limit, min(2 * S, within))
        assert wired.connection == Connection(reused=False)
        await quiet()
        assert wired.dial.wires == []
        wired.dial.takes = 0
        assert await wired.answered() == b"ok"
        await wired.exchange.close()

    run(main)


def test_a_connection_that_came_too_late_is_kept() -> None:
    """In the same turn of the loop in which its time was over, or its caller left."""

    async def main() -> None:
        for leave in (True, False):
            wired = Wired()
            wired.dial.takes = S
            task = asyncio.create_task(wired.send(connect=2 * S))
            await wired.clock.sleep_until(wired.clock.now() + S)
            await wired.dial.connected.wait()
            if leave:
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                wired.dial.takes = 0
                task = wired.asking()
                await quiet()
            else:
                await quiet()
            wired.wire.say(OK)
            (await task).release()
            assert (wired.connection.connect_ns is None) is leave
            assert len(wired.dial.wires) == 1
            await wired.exchange.close()

    run(main)


def test_a_failure_to_connect_gives_the_turn_back() -> None:
    """It is the attempt's."""

    async def main() -> None:
        wired = Wired(connections=1)
        wired.dial.failure = Unreachable("connection_refused", "no")
        with pytest.raises(Unreachable):
            await wired.send()
        wired.dial.failure = None
        assert await wired.answered() == b"ok"
        await wired.exchange.close()

    run(main)


def test_a_request_that_can_not_be_sent_takes_no_turn() -> None:
    """Nor a connection."""

    async def main() -> None:
        wired = Wired(connections=1, waiting=0)
        for _ in range(2):
            with pytest.raises(Failed, match="can't be sent"):
                await wired.send(outgoing(80, path="/\n"))
        assert wired.dial.wires == []
        await wired.exchange.close()

    run(main)


def test_the_answer_to_head_has_no_body() -> None:
    """Whatever its head says; the connection can be used again."""

    async def main() -> None:
        wired = Wired()
        request = outgoing(80, body=b"")
        request.method = "HEAD"
        task = wired.asking(request)
        await quiet()
        assert wired.wire.got.startswith(b"HEAD /")
        wired.wire.say(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")
        incoming = await task
        assert await incoming.read(wired.clock.now() + S, "idle") == b""
        assert await wired.answered() == b"ok"
        assert len(wired.dial.wires) == 1
        await wired.exchange.close()

    run(main)


# The end


def test_the_end_ends_all() -> None:
    """Whoever waits for a turn, a connection, an answer or more of one fails at once; nothing is kept any more."""

    async def main() -> None:
        wired = Wired(connections=4)
        await wired.answered()
        reading = wired.asking()
        await quiet()
        wired.wire.say(b"HTTP/1.1 200 OK\r\n\r\n")
        incoming = await reading
        more = asyncio.create_task(incoming.read(wired.clock.now() + 9 * S, "idle"))
        tasks = [wired.asking(), wired.asking()]
        await quiet()
        wired.dial.takes = 5 * S
        tasks += [wired.asking(), wired.asking()]
        await quiet()
        began = wired.clock.now()
        await wired.exchange.close()
        for task in [*tasks, more]:
            with pytest.raises(Failed, match="being closed") as caught:
                await task
            assert caught.value.token == "connection_limit_reached"
        with pytest.raises(Failed, match="being closed"):
            await wired.send()
        assert [wire.ended for wire in wired.dial.wires] == ["aborted"] * 3
        assert wired.clock.now() == began

    run(main)


def test_a_connection_that_becomes_free_after_the_end_is_closed() -> None:
    """It would lie there for ever."""

    async def main() -> None:
        wired = Wired()
        await wired.answered()
        link = wired.wire.link
        wired.exchange._idle.remove(link)
        wired.exchange._pool.close()
        wired.exchange.keep(link)
        assert wired.wire.ended == "closed"
        await wired.exchange.close()

    run(main)


def test_a_connection_that_does_not_end_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is dropped after a while."""

    async def main() -> None:
        wired = Wired()
        await wired.answered()
        wired.wire.ended = "never told"
        began = wired.clock.now()
        await wired.exchange.close()
        assert wired.clock.now() == began + module.CLOSE_NS

    run(main)


# Over sockets


def settings(scheme: str = "http", host: str = "127.0.0.1", ca: str | None = None) -> TransportSettings:
    """How a server of the test is reached."""
    return TransportSettings(scheme, host, proxy="none", ca=ca)


@pytest.mark.parametrize("loop", [None, uvloop.new_event_loop])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_large_bodies_go_both_ways(scheme: str, loop: Callable[[], asyncio.AbstractEventLoop] | None) -> None:
    """Over both loops, with and without TLS, byte for byte."""
    sent, answered = bytes(range(256)) * 20_000, bytes(reversed(range(256))) * 20_000

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            assert (await received(reader)).endswith(b"\r\n\r\n" + sent)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answered))
            writer.write(answered)
            await writer.drain()

    async def main() -> None:
        tls = tls_server() if scheme == "https" else None
        async with serving(handle, tls) as port:
            ca = str(TLS / "ca.pem") if tls else None
            exchange = fast_exchange(settings(scheme, "localhost", ca), SystemClock(), waiting=1)
            for reused in (False, True):
                answer = await asked(exchange, outgoing(port, scheme=scheme, host="localhost", body=sent))
                assert answer.body == answered
                assert answer.connection.reused is reused
            await exchange.close()

    go(main, loop)


def test_the_work_for_a_request_does_not_grow_with_the_connections() -> None:
    """Nothing looks at idle ones."""

    async def main() -> None:
        wired = Wired(connections=200, waiting=200)
        for count in (1, 200):
            tasks = [wired.asking() for _ in range(count)]
            await quiet()
            for wire in wired.dial.wires:
                if wire.link.exchange is not None:
                    wire.say(OK)
            for task in tasks:
                (await task).release()
        assert len(wired.dial.wires) == 200
        await wired.answered()
        assert [wire.got.count(b"POST") for wire in wired.dial.wires].count(1) >= 198
        await wired.exchange.close()

    run(main)


@pytest.mark.parametrize("loop", [None, uvloop.new_event_loop])
def test_whoever_leaves_in_any_turn_leaves_nothing_behind(
    loop: Callable[[], asyncio.AbstractEventLoop] | None,
) -> None:
    """Cancelled after any number of turns of the loop, over TLS: no task, no socket, no turn is lost."""

    async def main() -> None:
        async with serving(answering(*[b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"] * 9), tls_server()) as port:
            way = TransportSettings("https", "localhost", connections=1, proxy="none", ca=str(TLS / "ca.pem"))
            exchange = fast_exchange(way, SystemClock(), waiting=0)
            for turns in range(40):
                task = asyncio.create_task(asked(exchange, outgoing(port, scheme="https", host="localhost")))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            answer = await asked(exchange, outgoing(port, scheme="https", host="localhost"))
            assert answer.body == b"ok"
            await exchange.close()

    go(main, loop)


def test_every_step_of_a_simulated_provider_is_survived() -> None:
    """And each that answers is answered."""

    async def main() -> None:
        async with Simulator() as sim:
            exchange = fast_exchange(settings(), SystemClock(), waiting=1)
            for step, fails in (("ok", False), ("cut=half", True), ("garbage=x", False), ("framing=close", False)):
                try:
                    answer = await asked(exchange, outgoing(sim.port, f"sim-{step}"))
                    assert answer.status == 200
                    assert not fails
                except Failed:
                    assert fails
            await exchange.close()

    go(main)


EXACT = {"http_response_transfer_coding", "http_upgrade_failed", "http_response_incomplete"}
"""Tokens for which httpx's words are, at times, those of any malformed answer."""


def test_answers_are_those_that_httpx_gives() -> None:
    """Status, fields, body, and the class of what is wrong; the token where ours is not more exact."""
    every = {**GOOD, **{name: data for name, (data, _) in BAD.items()}}
    names = list(every)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await received(reader)
        data = every[names[int(head.split(b" ", 2)[1][1:])]]
        half = len(data) // 2
        for part in (data[:half], data[half:]):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    async def by(exchange: Exchange, port: int, number: int) -> object:
        try:
            answer = await asked(exchange, outgoing(port, path=f"/{number}"))
        except Failed as exc:
            return type(exc), exc.class_, "http_protocol_error" if exc.token in EXACT else exc.token
        return answer.status, answer.headers, answer.body

    async def main() -> None:
        async with serving(handle) as port:
            # None is kept: each case is that of a fresh connection.
            fast, other = (
                make(dataclasses.replace(settings(), idle_ns=1), SystemClock(), waiting=1)
                for make in (fast_exchange, httpx_exchange)
            )
            for number, name in enumerate(names):
                got = await by(fast, port, number)
                if name == "switching":  # httpx takes it for the answer, which nobody asked for
                    assert got == (Broken, "broken_answer", "http_protocol_error")
                else:
                    assert got == await by(other, port, number), name
            await fast.close()
            await other.close()

    go(main)
