"""One exchange: limits to the nanosecond, whatever the transport does, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from tests.upstream.acting import Acted, forever, replying
from tests.upstream.served import MS, OK, S, asked, exchanging, go, outgoing, quiet, received, serving
from tracegate.clock import SystemClock
from tracegate.errors import Broken, Failed, TimedOut, Unreachable
from tracegate.facts import Connection
from tracegate.testing import Simulator
from tracegate.testing.clock import START
from tracegate.testing.loop import run
from tracegate.upstream.ahead import AHEAD, DRAIN_BYTES
from tracegate.upstream.fast.incoming import FastIncoming
from tracegate.upstream.faults import IDLE_DEATH_NS
from tracegate.upstream.incoming import HttpxIncoming

# Limits


def test_a_head_that_never_comes_ends_at_the_limit() -> None:
    """With its name; the transport is cancelled."""

    async def main() -> None:
        cancelled: list[int] = []

        async def act(request: httpx.Request) -> httpx.Response:
            try:
                await forever()
            except asyncio.CancelledError:
                cancelled.append(acted.clock.now())
                raise
            raise AssertionError

        acted = Acted(act)
        with pytest.raises(TimedOut) as caught:
            await acted.send(within=3 * S, limit="first_token")
        assert (caught.value.limit, acted.clock.now()) == ("first_token", START + 3 * S)
        await acted.exchange.close()
        assert cancelled == [START + 3 * S]

    run(main)


def test_a_transport_that_takes_no_notice_stretches_no_limit() -> None:
    """What it brings in the end is closed."""

    async def main() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"late"

        reply, body = replying(chunks)

        async def act(request: httpx.Request) -> httpx.Response:
            with contextlib.suppress(asyncio.CancelledError):
                await forever()
            await acted.clock.sleep_until(START + 9 * S)
            return await reply(request)

        acted = Acted(act)
        with pytest.raises(TimedOut):
            await acted.send(within=3 * S)
        assert acted.clock.now() == START + 3 * S
        await acted.clock.sleep_until(START + 10 * S)
        assert body.closed == 1
        await acted.exchange.close()

    run(main)


def test_the_limit_of_the_phase_that_the_hooks_tell_fires() -> None:
    """Also where it comes before the one that was waited for."""

    async def main() -> None:
        async def act(request: httpx.Request) -> httpx.Response:
            trace = request.extensions["trace"]
            await trace("connection.connect_tcp.started", {})
            await acted.clock.sleep_until(START + S)
            await trace("http11.send_request_headers.started", {"request": request})
            await forever()
            raise AssertionError

        acted = Acted(act)
        with pytest.raises(TimedOut) as caught:
            await acted.send(connect=5 * S, write=2 * S)
        assert (caught.value.limit, acted.clock.now()) == ("write", START + 2 * S)
        acted = Acted(act)
        await acted.exchange.close()

    run(main)


def drip(acted: Callable[[], Acted]) -> Callable[[], AsyncIterator[bytes]]:
    """A byte each second, without an end."""

    async def chunks() -> AsyncIterator[bytes]:
        while True:
            await acted().clock.sleep_until(acted().clock.now() + S)
            yield b"x"

    return chunks


def test_a_trickled_body_stretches_no_limit() -> None:
    """Every read has the same absolute end."""

    async def main() -> None:
        act, body = replying(drip(lambda: acted))
        acted = Acted(act)
        incoming = await acted.send()
        until = START + 4 * S + 500 * MS
        assert [await incoming.read(until, "attempt") for _ in range(4)] == [b"x"] * 4
        with pytest.raises(TimedOut) as caught:
            await incoming.read(until, "attempt")
        assert (caught.value.limit, acted.clock.now()) == ("attempt", until)
        assert str(caught.value) == "The provider sent nothing more before its limit `attempt`."
        incoming.abort()
        await quiet()
        assert body.closed == 1
        await acted.exchange.close()

    run(main)


def test_what_came_in_time_counts_also_when_it_is_read_late() -> None:
    """A slow client, or a loop that is late, is not the provider's fault."""

    async def main() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for second, data in ((1, b"a"), (2, b"b"), (3, b"")):
                await acted.clock.sleep_until(START + second * S)
                yield data

        act, _ = replying(chunks)
        acted = Acted(act)
        incoming = await acted.send()
        await acted.clock.sleep_until(START + 9 * S)
        assert await incoming.read(START + 5 * S, "attempt") == b"ab"
        assert incoming.arrived == START + 2 * S
        assert await incoming.read(START + 5 * S, "attempt") == b""
        assert incoming.arrived == START + 3 * S
        incoming.release()
        await acted.exchange.close()

    run(main)


@pytest.mark.parametrize("data", [b"late", b""])
def test_what_came_too_late_does_not_count(data: bytes) -> None:
    """Neither bytes nor the end."""

    async def main() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            await acted.clock.sleep_until(START + 6 * S)
            yield data

        act, _ = replying(chunks)
        acted = Acted(act)
        incoming = await acted.send()
        await acted.clock.sleep_until(START + 9 * S)
        with pytest.raises(TimedOut):
            await incoming.read(START + 5 * S, "idle")
        incoming.abort()
        await acted.exchange.close()

    run(main)


def test_a_cancel_stays_a_cancel_with_its_message() -> None:
    """While the head is awaited and while the body is read; the transport is cancelled once."""

    async def main() -> None:
        cancels: list[str] = []

        async def silent(where: str) -> None:
            try:
                await forever()
            except asyncio.CancelledError:
                cancels.append(where)
                await quiet()
                raise

        async def chunks() -> AsyncIterator[bytes]:
            await silent("body")
            yield b""

        async def act(request: httpx.Request) -> httpx.Response:
            await silent("head")
            raise AssertionError

        acted = Acted(act)
        sending = asyncio.create_task(acted.send())
        await quiet()
        sending.cancel("superseded")
        with pytest.raises(asyncio.CancelledError, match="superseded"):
            await sending
        await acted.exchange.close()

        acted = Acted(replying(chunks)[0])
        incoming = await acted.send()
        reading = asyncio.ensure_future(incoming.read(START + 9 * S, "idle"))
        await quiet()
        reading.cancel("client_disconnect")
        with pytest.raises(asyncio.CancelledError, match="client_disconnect"):
            await reading
        incoming.abort()
        incoming.abort()
        await acted.exchange.close()
        assert cancels == ["head", "body"]

    run(main)


# Reading ahead


def test_a_reader_that_does_not_read_stops_the_provider() -> None:
    """A little is read ahead, no more; reading goes on where it stopped."""

    async def main() -> None:
        sent = 0

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(6):
                sent += 1
                yield b"x" * (AHEAD // 2)

        act, body = replying(chunks)
        acted = Acted(act)
        incoming = await acted.send()
        await quiet()
        assert sent == 2
        assert len(await incoming.read(START + S, "idle")) == AHEAD
        await quiet()
        assert sent == 4
        size = 0
        while data := await incoming.read(START + S, "idle"):
            size += len(data)
        assert size == 2 * AHEAD
        await quiet()
        assert body.closed == 1
        await acted.exchange.close()

    run(main)


# The end


@pytest.mark.parametrize(
    ("ends", "closed"), [(100 * MS - 1, 100 * MS - 1), (100 * MS + 1, 100 * MS), (9 * S, 100 * MS)]
)
def test_the_framing_is_drained_for_a_tenth_of_a_second(ends: int, closed: int) -> None:
    """Then the connection is dropped; whoever releases does not wait."""

    async def main() -> None:
        at: list[int] = []

        async def chunks() -> AsyncIterator[bytes]:
            yield b"all"
            await acted.clock.sleep_until(START + ends)
            yield b""

        async def closing() -> None:
            at.append(acted.clock.now() - START)

        act, _ = replying(chunks, closing)
        acted = Acted(act)
        incoming = await acted.send()
        assert await incoming.read(START + S, "idle") == b"all"
        incoming.release()
        incoming.release()
        assert acted.clock.now() == START
        await acted.clock.sleep_until(START + 10 * S)
        assert at == [closed]
        await acted.exchange.close()

    run(main)


def test_what_is_more_than_framing_is_not_drained() -> None:
    """A provider that goes on and on loses its connection."""

    async def main() -> None:
        sent = 0

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += 1
                yield b"x" * 1024

        act, body = replying(chunks)
        acted = Acted(act)
        incoming = await acted.send()
        await quiet()
        assert sent == AHEAD // 1024  # it waits for somebody to read
        incoming.release()
        await quiet()
        assert sent == (AHEAD + DRAIN_BYTES) // 1024 + 1
        assert body.closed == 1
        await acted.exchange.close()

    run(main)


def test_an_answer_that_is_dropped_while_nobody_reads_closes_its_body() -> None:
    """The generator that it stopped in is ended, too."""

    async def main() -> None:
        ended: list[str] = []

        async def chunks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * AHEAD
            finally:
                ended.append("generator")

        act, body = replying(chunks)
        acted = Acted(act)
        incoming = await acted.send()
        await quiet()
        incoming.abort()
        await quiet()
        assert (ended, body.closed) == (["generator"], 1)
        await acted.exchange.close()

    run(main)


def test_a_body_that_takes_no_notice_of_a_cancel_is_not_read_on() -> None:
    """What it brings next is the last."""

    async def main() -> None:
        brought = 0

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal brought
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await acted.clock.sleep_until(acted.clock.now() + S)
                brought += 1
                yield b"x"

        act, body = replying(chunks)
        acted = Acted(act)
        incoming = await acted.send()
        await quiet()
        incoming.abort()
        await quiet()
        assert (brought, body.closed) == (1, 1)
        await acted.exchange.close()

    run(main)


def test_a_connection_that_is_being_given_back_is_not_cancelled() -> None:
    """It would never come back to the pool; the answer is whole anyway."""

    async def main() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"all"

        given_back: list[int] = []

        async def closing() -> None:
            await acted.clock.sleep_until(START + S)
            given_back.append(acted.clock.now())

        act, _ = replying(chunks, closing)
        acted = Acted(act)
        incoming = await acted.send()
        await quiet()
        incoming.abort()
        await acted.clock.sleep_until(START + 2 * S)
        assert given_back == [START + S]
        await acted.exchange.close()

    run(main)


def test_a_fault_while_closing_does_not_touch_a_whole_answer() -> None:
    """Nobody needs the connection any more."""

    async def main() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"all"

        async def closing() -> None:
            raise RuntimeError("no")

        acted = Acted(replying(chunks, closing)[0])
        incoming = await acted.send()
        await quiet()
        assert await incoming.read(START + S, "idle") == b"all"
        assert await incoming.read(START + S, "idle") == b""
        await acted.exchange.close()

    run(main)


# Failures


def test_what_came_before_a_cut_is_read_first() -> None:
    """The failure is stamped with its own time, not the reader's."""

    async def main() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"half"
            await acted.clock.sleep_until(START + S)
            raise httpx.ReadError("cut")

        acted = Acted(replying(chunks)[0])
        incoming = await acted.send()
        await acted.clock.sleep_until(START + 2 * S)
        assert await incoming.read(START + 9 * S, "idle") == b"half"
        with pytest.raises(Broken) as caught:
            await incoming.read(START + 9 * S, "idle")
        assert (caught.value.token, incoming.arrived) == ("http_response_incomplete", START + S)
        assert isinstance(caught.value.__cause__, httpx.ReadError)
        with pytest.raises(Broken, match="had broken before"):
            await incoming.read(START + 9 * S, "idle")
        incoming.abort()
        incoming.release()
        await acted.exchange.close()

    run(main)


def test_a_transport_that_is_cancelled_by_somebody_else_fails_the_attempt() -> None:
    """Not of our doing, so it is no cancel of ours: an error, before the head and behind it."""

    async def main() -> None:
        async def act(request: httpx.Request) -> httpx.Response:
            raise asyncio.CancelledError

        async def chunks() -> AsyncIterator[bytes]:
            yield b""
            raise asyncio.CancelledError

        with pytest.raises(Unreachable) as caught:
            await Acted(act).send()
        assert caught.value.token == "proxy_internal_error"
        incoming = await Acted(replying(chunks)[0]).send()
        with pytest.raises(Broken) as cut:
            await incoming.read(START + S, "idle")
        assert cut.value.token == "proxy_internal_error"

    run(main)


def test_a_transport_that_breaks_its_contract_fails_the_attempt() -> None:
    """An answer that can't be read without blocking."""

    class Blocking(httpx.SyncByteStream):
        pass

    async def main() -> None:
        async def act(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Blocking())

        with pytest.raises(Failed) as caught:
            await Acted(act).send()
        assert caught.value.token == "proxy_internal_error"

    run(main)


@pytest.mark.usefixtures("transport")
def test_an_exchange_is_freed_without_the_collector() -> None:
    """However it ended: whole, cut, refused, at a limit."""

    def left() -> int:
        return sum(isinstance(found, HttpxIncoming | FastIncoming) for found in gc.get_objects())

    async def main() -> None:
        async with Simulator() as sim, exchanging() as exchange:
            for step in ("ok", "cut=half", "reset-before-head", "silence"):
                with contextlib.suppress(Failed):
                    await asked(exchange, outgoing(sim.port, f"sim-{step}"), within=500 * MS)
                await quiet()
            assert left() == before

    before = left()
    gc.disable()
    try:
        go(main)
    finally:
        gc.enable()


# Idle connections that had died


class Late(SystemClock):
    """A clock that can be put forward."""

    ahead = 0

    def now(self) -> int:
        """See `Clock.now`."""
        return SystemClock.now() + self.ahead


async def second_request(answer: bytes, *, takes: int = 0) -> tuple[list[bool | None], Failed | None, int]:
    """A kept connection that ends on its second request, behind these bytes and so many nanoseconds.

    Returns the `reused` of the answers that came, what failed, and how many requests the server got in all.
    """
    clock = Late()
    requests = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await received(reader)
        requests += 1
        writer.write(OK)
        await received(reader)
        requests += 1
        clock.ahead += takes
        writer.write(answer)

    reused: list[bool | None] = []
    async with serving(handle) as port, exchanging(clock=clock) as exchange:
        for _ in range(2):
            connection = Connection()
            now = clock.now()
            limits = {"connect_by": now + 9 * S, "write_by": now + 9 * S, "until": now + 9 * S}
            try:
                incoming = await exchange.send(outgoing(port), connection, **limits, limit="attempt")
                while await incoming.read(now + 9 * S, "attempt"):
                    pass
            except Failed as exc:
                return reused, exc, requests
            incoming.release()
            reused.append(connection.reused)
            await quiet()
    return reused, None, requests


@pytest.mark.usefixtures("transport")
def test_a_connection_that_had_died_idle_costs_nobody_an_error() -> None:
    """The request is sent again, on a fresh connection, and the facts are that one's."""

    async def main() -> None:
        assert await second_request(b"") == ([False, False], None, 3)

    go(main)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize(("answer", "takes"), [(b"H", 0), (b"", IDLE_DEATH_NS + 1)])
def test_a_request_that_the_provider_took_is_never_sent_again(answer: bytes, takes: int) -> None:
    """It said something, or it took its time before it hung up: what it generated would be paid for twice."""

    async def main() -> None:
        reused, failed, requests = await second_request(answer, takes=takes)
        assert (reused, requests) == ([False], 2)
        assert (type(failed), failed and failed.token) == (Unreachable, "connection_terminated")

    go(main)


@pytest.mark.usefixtures("transport")
def test_a_provider_that_always_hangs_up_is_asked_once_more_at_most() -> None:
    """Also on a fresh connection it said nothing: that is its answer."""

    async def main() -> None:
        requests = 0

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal requests
            await received(reader)
            requests += 1
            if requests == 1:
                writer.write(OK)
                await received(reader)
                requests += 1

        async with serving(handle) as port, exchanging() as exchange:
            await asked(exchange, outgoing(port))
            await quiet()
            connection = Connection()
            with pytest.raises(Unreachable) as caught:
                await asked(exchange, outgoing(port), connection=connection)
            assert (caught.value.token, requests) == ("connection_terminated", 3)
            assert (connection.reused, connection.resent) == (False, True)

    go(main)
