"""Reading an answer: what came counts, limits end waits and cancel nothing, and a slow reader holds nobody up."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from tests.upstream.fast.wired import OK, Wired, quiet
from tests.upstream.served import MS, S, outgoing
from tracegate.errors import Broken, Failed, TimedOut, Unreachable
from tracegate.facts import Connection
from tracegate.testing.loop import run
from tracegate.upstream.ahead import AHEAD, DRAIN_BYTES, DRAIN_NS
from tracegate.upstream.fast.incoming import FastIncoming
from tracegate.upstream.faults import IDLE_DEATH_NS

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: b\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def streaming(wired: Wired, head: bytes = HEAD) -> FastIncoming:
    """An answer whose head came."""
    task = wired.asking()
    await quiet()
    wired.wire.say(head)
    return await task


def of_tls() -> ssl.SSLError:
    """What the ssl module raises."""
    exc = ssl.SSLError(1, "odd")
    exc.reason = "WRONG_VERSION_NUMBER"
    return exc


def stopped(wired: Wired) -> bool:
    """Whether the provider has to wait."""
    return wired.wire.paused


def ended(wired: Wired) -> str:
    """How the connection ended."""
    return wired.wire.ended


async def failure(task: asyncio.Task[FastIncoming]) -> Failed:
    """What a request fails with."""
    with pytest.raises(Failed) as caught:
        await task
    return caught.value


# Facts


def test_an_answer_is_stamped_as_it_comes() -> None:
    """To the nanosecond: sent, first byte, and each read, whenever that is."""

    async def main() -> None:
        wired = Wired()
        began = wired.clock.now()
        task = wired.asking()
        wired.dial.takes = 7
        wired.at(30, lambda: wired.wire.say(HEAD[:5]))
        wired.at(40, lambda: wired.wire.say(HEAD[5:]))
        incoming = await task
        assert (incoming.status, incoming.headers[1]) == (200, ("x-a", "b"))
        assert wired.connection == Connection(
            reused=False,
            protocol="http/1.1",
            peer="127.0.0.1:80",
            connect_ns=7,
            sent=began + 7,
            first_byte=began + 30,
        )
        wired.at(10, lambda: wired.wire.say(chunk(b"one")))
        wired.at(20, lambda: wired.wire.say(chunk(b"two") + b"5"))
        wired.at(30, lambda: wired.wire.say(b"\r\nthree\r\n"))
        wired.at(40, lambda: wired.wire.say(END))
        assert await incoming.read(began + S, "idle") == b"one"
        assert incoming.arrived == began + 50
        await wired.clock.sleep_until(began + S // 2)
        assert await incoming.read(began + S, "idle") == b"twothree"
        assert incoming.arrived == began + 70
        for _ in range(2):
            assert await incoming.read(began + S, "idle") == b""
            assert incoming.arrived == began + 80
        await wired.exchange.close()

    run(main)


def test_a_connection_is_free_when_its_answer_is_whole() -> None:
    """Before a slow client has read it; what comes next is not mixed up."""

    async def main() -> None:
        wired = Wired(connections=1)
        slow = await streaming(wired)
        wired.wire.say(chunk(b"one") + END)
        task = wired.asking()
        await quiet()
        wired.wire.say(OK)
        other = await task
        assert wired.connection.reused is True
        assert await other.read(wired.clock.now() + S, "idle") == b"ok"
        assert await slow.read(wired.clock.now() + S, "idle") == b"one"
        slow.release()
        slow.abort()
        other.release()
        assert len(wired.dial.wires) == 1
        assert not wired.wire.ended
        await wired.exchange.close()

    run(main)


# Limits


@pytest.mark.parametrize(
    ("limits", "ends", "limit"),
    [
        ({"within": 5 * S}, 5 * S, "attempt"),
        ({"within": 5 * S, "write": 2 * S}, 5 * S, "attempt"),
        ({"within": 5 * S, "connect": S}, 5 * S, "attempt"),
    ],
)
def test_a_head_has_a_limit(limits: dict[str, int], ends: int, limit: str) -> None:
    """At its nanosecond; the connection is dropped."""

    async def main() -> None:
        wired = Wired()
        began = wired.clock.now()
        wired.at(S, lambda: wired.wire.say(HEAD[:9]))
        with pytest.raises(TimedOut) as caught:
            await wired.send(None, limit="attempt", **limits)
        assert (caught.value.limit, wired.clock.now() - began) == (limit, ends)
        assert wired.wire.ended == "aborted"
        await quiet()
        await wired.exchange.close()

    run(main)


@pytest.mark.parametrize(("within", "limit"), [(5 * S, "write"), (S, "deadline")])
def test_writing_has_a_limit(within: int, limit: str) -> None:
    """Unless another comes first."""

    async def main() -> None:
        wired = Wired()
        wired.dial.room = 0
        began = wired.clock.now()
        with pytest.raises(TimedOut) as caught:
            await wired.send(write=2 * S, within=within, limit="deadline")
        assert (caught.value.limit, wired.clock.now() - began) == (limit, min(2 * S, within))
        assert wired.connection.sent is None
        await wired.exchange.close()

    run(main)


def test_the_limit_of_writing_ends_with_it() -> None:
    """What was handed over is waited for."""

    async def main() -> None:
        wired = Wired()
        wired.dial.room = 0
        began = wired.clock.now()

        def taken() -> None:
            wired.wire.room = None
            wired.wire.link.resume_writing()

        wired.at(S, taken)
        wired.at(3 * S, lambda: wired.wire.say(OK))
        incoming = await wired.send(write=2 * S, within=5 * S)
        assert wired.connection.sent == began + S
        assert await incoming.read(began + 5 * S, "attempt") == b"ok"
        await wired.exchange.close()

    run(main)


def test_a_read_has_a_limit() -> None:
    """One that is over, too; the answer goes on all the same, if somebody reads on."""

    async def main() -> None:
        wired = Wired()
        incoming = await streaming(wired)
        began = wired.clock.now()
        for by in (began + S, began + S, began):
            with pytest.raises(TimedOut) as caught:
                await incoming.read(by, "idle")
            assert caught.value.limit == "idle"
            assert wired.clock.now() == began + S
        wired.wire.say(chunk(b"x"))
        assert await incoming.read(began + 2 * S, "idle") == b"x"
        incoming.abort()
        await wired.exchange.close()

    run(main)


def test_what_came_in_time_counts_whenever_it_is_read() -> None:
    """What came too late does not, though it is here."""

    async def main() -> None:
        wired = Wired()
        incoming = await streaming(wired)
        began = wired.clock.now()
        wired.at(S, lambda: wired.wire.say(chunk(b"x")))
        await wired.clock.sleep_until(began + 3 * S)
        assert await incoming.read(began + 2 * S, "idle") == b"x"
        wired.at(S, lambda: wired.wire.say(chunk(b"y")))
        wired.at(S + 1, lambda: wired.wire.say(END))
        await wired.clock.sleep_until(began + 6 * S)
        with pytest.raises(TimedOut):
            await incoming.read(began + 4 * S - 1, "idle")
        assert await incoming.read(began + 4 * S, "idle") == b"y"
        with pytest.raises(TimedOut):
            await incoming.read(began + 4 * S, "idle")
        assert await incoming.read(began + 4 * S + 1, "idle") == b""
        await wired.exchange.close()

    run(main)


# Ends


@pytest.mark.parametrize(
    ("exc", "token"),
    [
        (None, "connection_terminated"),
        (ConnectionResetError(), "connection_terminated"),
        (of_tls(), "tls_protocol_error"),
    ],
)
def test_an_end_before_the_head_is_no_answer(exc: Exception | None, token: str) -> None:
    """Of a connection that was never used before."""

    async def main() -> None:
        wired = Wired()
        task = wired.asking()
        await quiet()
        if exc is None:
            wired.wire.say(HEAD[:9])
            wired.wire.hang_up()
        else:
            wired.wire.break_(exc)
        failed = await failure(task)
        assert (type(failed), failed.token, failed.__cause__) == (Unreachable, token, exc)
        await wired.exchange.close()

    run(main)


def test_an_end_in_the_body_is_told_behind_what_came() -> None:
    """With the time at which it broke; and again to whoever goes on."""

    async def main() -> None:
        wired = Wired()
        incoming = await streaming(wired)
        began = wired.clock.now()
        wired.wire.say(chunk(b"x"))
        wired.at(S, lambda: wired.wire.hang_up())
        await wired.clock.sleep_until(began + 2 * S)
        assert await incoming.read(began + S, "idle") == b"x"
        for _ in range(2):
            with pytest.raises(Broken) as caught:
                await incoming.read(began + S, "idle")
            assert (caught.value.token, incoming.arrived) == ("http_response_incomplete", began + S)
        await wired.exchange.close()

    run(main)


def test_what_is_malformed_is_told_behind_what_came() -> None:
    """In a head at once."""

    async def main() -> None:
        wired = Wired()
        incoming = await streaming(wired)
        wired.wire.say(chunk(b"x") + b"odd\r\n")
        assert await incoming.read(wired.clock.now() + S, "idle") == b"x"
        with pytest.raises(Broken) as caught:
            await incoming.read(wired.clock.now() + S, "idle")
        assert caught.value.token == "http_protocol_error"
        task = wired.asking()
        await quiet()
        wired.wire.say(b"odd")
        assert (await failure(task)).token == "http_protocol_error"
        await wired.exchange.close()

    run(main)


def test_an_aborted_answer_is_over() -> None:
    """At once, once; a reader that goes on is told."""

    async def main() -> None:
        wired = Wired()
        incoming = await streaming(wired)
        incoming.abort()
        assert wired.wire.ended == "aborted"
        incoming.abort()
        incoming.release()
        with pytest.raises(Failed):
            await incoming.read(wired.clock.now() + S, "idle")
        await wired.exchange.close()

    run(main)


def test_a_caller_that_is_cancelled_hangs_up() -> None:
    """While it waits for the head; the reason is its canceller's."""

    async def main() -> None:
        wired = Wired()
        task = wired.asking()
        await quiet()
        task.cancel("client_disconnect")
        with pytest.raises(asyncio.CancelledError, match="client_disconnect"):
            await task
        assert wired.wire.ended == "aborted"
        await wired.exchange.close()

    run(main)


# Giving back


@pytest.mark.parametrize(("after", "how"), [(DRAIN_NS - 1, ""), (DRAIN_NS + 1, "aborted")])
def test_framing_is_drained_for_a_while(after: int, how: str) -> None:
    """An end that comes in time saves the connection."""

    async def main() -> None:
        wired = Wired()
        incoming = await streaming(wired)
        incoming.release()
        incoming.release()
        wired.at(min(after, DRAIN_NS - 1), lambda: wired.wire.say(END if after < DRAIN_NS else b"0\r\n"))
        await wired.clock.sleep_until(wired.clock.now() + S)
        assert ended(wired) == how
        await wired.exchange.close()

    run(main)


def test_what_is_drained_is_bounded() -> None:
    """More than framing is not waited for."""

    async def main() -> None:
        wired = Wired()
        incoming = await streaming(wired)
        incoming.release()
        wired.wire.say(chunk(bytes(DRAIN_BYTES)))
        assert not ended(wired)
        wired.wire.say(chunk(b"x"))
        assert ended(wired) == "aborted"
        await quiet()
        await wired.exchange.close()

    run(main)


def test_a_slow_reader_stops_the_provider() -> None:
    """So much is read ahead, and no more; reading goes on when that was read, or is not wanted."""

    async def main() -> None:
        wired = Wired()
        incoming = await streaming(wired)
        for taken in ("read", "released"):
            wired.wire.say(chunk(bytes(AHEAD - 1)))
            assert not stopped(wired)
            wired.wire.say(chunk(b"x"))
            assert stopped(wired), taken
            if taken == "read":
                assert len(await incoming.read(wired.clock.now() + S, "idle")) == AHEAD
            else:
                incoming.release()
            assert not stopped(wired)
        wired.wire.say(END)
        assert not wired.wire.ended
        await wired.exchange.close()

    run(main)


def test_much_at_once_that_ends_stops_nobody() -> None:
    """The connection is somebody else's then."""

    async def main() -> None:
        wired = Wired()
        incoming = await streaming(wired)
        wired.wire.say(chunk(bytes(2 * AHEAD)) + END)
        assert not wired.wire.paused
        assert len(await incoming.read(wired.clock.now() + S, "idle")) == 2 * AHEAD
        await wired.exchange.close()

    run(main)


# Connections that had died idle


@pytest.mark.parametrize("how", ["hung up", "broke"])
def test_a_request_that_met_a_dead_connection_is_sent_again(how: str) -> None:
    """As the same attempt, on a fresh connection, and it is told."""

    async def main() -> None:
        wired = Wired()
        await wired.answered()
        task = wired.asking(outgoing(80, body=b"again"))
        await quiet()
        dead = wired.wire
        assert dead.got.endswith(b"again")
        if how == "hung up":
            dead.hang_up()
        else:
            dead.break_(BrokenPipeError())
        await quiet()
        assert wired.wire is not dead
        assert wired.wire.got.endswith(b"again")
        wired.wire.say(OK)
        incoming = await task
        assert (wired.connection.reused, wired.connection.resent, incoming.status) == (False, True, 200)
        assert wired.connection.connect_ns == 0
        incoming.abort()
        await wired.exchange.close()

    run(main)


@pytest.mark.parametrize("why", ["late", "a byte", "TLS"])
def test_a_request_that_may_have_been_read_is_not_sent_again(why: str) -> None:
    """It may have been paid for."""

    async def main() -> None:
        wired = Wired()
        await wired.answered()
        task = wired.asking()
        await quiet()
        if why == "late":
            await wired.clock.sleep_until(wired.clock.now() + IDLE_DEATH_NS + 1)
        if why == "a byte":
            wired.wire.say(b"H")
        if why == "TLS":
            wired.wire.break_(of_tls())
        else:
            wired.wire.hang_up()
        assert isinstance(await failure(task), Unreachable)
        assert len(wired.dial.wires) == 1
        assert wired.connection.resent is None
        await wired.exchange.close()

    run(main)


def test_a_request_is_sent_again_once() -> None:
    """Also on a fresh connection it met nobody: that is the answer. So it is where there is no fresh one."""

    async def main() -> None:
        wired = Wired(connections=1)
        await wired.answered()
        task = wired.asking()
        await quiet()
        wired.wire.hang_up()
        await quiet()
        wired.wire.hang_up()
        assert (await failure(task)).token == "connection_terminated"
        assert len(wired.dial.wires) == 2
        await wired.answered()
        task = wired.asking()
        await quiet()
        wired.dial.failure = Unreachable("connection_refused", "no")
        wired.wire.hang_up()
        assert (await failure(task)).token == "connection_refused"
        wired.dial.failure = None
        assert await wired.answered() == b"ok"  # its turn was given back
        await wired.exchange.close()

    run(main)


def test_limits_are_those_of_the_attempt_when_it_is_sent_again() -> None:
    """Writing too."""

    async def main() -> None:
        wired = Wired()
        await wired.answered()
        wired.dial.room = 0
        began = wired.clock.now()
        task = asyncio.create_task(wired.send(write=2 * S))
        await quiet()
        wired.at(MS, lambda: wired.wire.hang_up())
        with pytest.raises(TimedOut) as caught:
            await task
        assert (caught.value.limit, wired.clock.now() - began) == ("write", 2 * S)
        await wired.exchange.close()

    run(main)
