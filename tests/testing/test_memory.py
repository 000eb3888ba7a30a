"""The exchange in memory is exact: times, limits, connections, and who left when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.testing.calling import MS, Outcome, S, outcome, outgoing
from tracegate.errors import Broken, TimedOut
from tracegate.facts import Connection, Limit
from tracegate.testing.clock import START, FakeClock
from tracegate.testing.loop import run
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.memory_answer import MemoryIncoming
from tracegate.testing.script import NEVER
from tracegate.testing.simulator_log import Entry, Log

FAR = 1000 * S


async def sent(exchange: MemoryExchange, script: str, *, stream: bool = False, **limits: int) -> MemoryIncoming:
    """An answer whose head is there."""
    bounds = {"connect_by": FAR, "write_by": FAR, "until": FAR} | limits
    return await exchange.send(outgoing(f"sim-{script}", stream=stream), Connection(), limit="attempt", **bounds)


def played(script: str, **settings: Any) -> tuple[Outcome, Entry, Connection, int]:
    """What became of one call in virtual time, and when it was over, from its start."""

    async def main() -> tuple[Outcome, Entry, Connection, int]:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        connection = Connection()
        stream = settings.pop("stream", False)
        found = await outcome(
            exchange, clock, outgoing(f"sim-{script}", stream=stream), connection=connection, **settings
        )
        await exchange.close()
        return found, exchange.log[0], connection, clock.now() - START

    return run(main)


def since(time: int | None) -> int | None:
    """A time of the log, from the start, in ms."""
    return None if time is None else (time - START) // MS


def test_a_plain_answer_takes_no_time() -> None:
    """And every time is there, at the start."""
    found, entry, connection, took = played("ok")
    assert (found.status, found.error, took) == (200, None, 0)
    times = (entry.asked, entry.began, entry.arrived, entry.first_sent, entry.first_body, entry.last_sent, entry.ended)
    assert set(times) == {START}
    assert (entry.hung_up, entry.closed, entry.status, entry.size) == (None, None, 200, len(found.body))
    assert (connection.reused, connection.protocol, connection.peer) == (False, "http/1.1", "127.0.0.1:80")
    assert (connection.connect_ns, connection.sent, connection.first_byte) == (0, START, START)


def test_the_log_has_the_request() -> None:
    """Provider, model, step, path, fields, body."""

    async def main() -> None:
        log = Log()
        exchange = MemoryExchange(FakeClock(), {"azure/gpt": "503"}, log=log)
        for path in ("/azure/v1/chat/completions", "/v1/chat/completions"):
            call = outgoing("gpt", path=path)
            await outcome(exchange, exchange.clock, call)
            assert (log[-1].path, log[-1].headers, log[-1].body) == (path, tuple(call.headers), call.body)
        assert [(entry.provider, entry.step) for entry in log] == [("azure", "503"), ("sim", "ok")]
        assert log.of("azure/gpt") == [log[0]]
        assert [log[0].header("authorization"), log[0].method] == ["Bearer sk-key", "POST"]

    run(main)


def test_waits_are_exact() -> None:
    """Before the head, before the body, before the first token, between events, before the end."""
    script = "wait=1ms+first-event=20ms+first-token=300ms+pace=4000ms+linger=50000ms+text=one"
    found, entry, connection, took = played(script, stream=True, within=100 * S)
    assert (len(found.payloads), entry.events) == (4, 4)
    assert (since(connection.first_byte), since(entry.first_sent), since(entry.first_body)) == (1, 1, 21)
    assert (since(entry.last_sent), since(entry.ended), took // MS) == (8321, 58321, 58321)


def test_a_slow_reader_does_not_slow_the_provider() -> None:
    """What was due has been sent, and is there at once."""

    async def main() -> None:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        incoming = await sent(exchange, "pace=10ms+text=", stream=True)
        assert b"assistant" in await incoming.read(FAR, "idle")
        clock.advance(15 * MS)
        assert b"stop" in await incoming.read(FAR, "idle")
        assert (clock.now(), exchange.log[0].last_sent) == (START + 15 * MS, START + 10 * MS)
        incoming.abort()

    run(main)


@pytest.mark.parametrize(
    ("script", "limits", "limit", "at"),
    [
        ("silence", {"within": 5 * S}, "attempt", 5000),
        ("stall=mid-head", {"within": 5 * S}, "attempt", 5000),
        ("stall=head", {"within": 5 * S, "limit": "first_token"}, "first_token", 5000),
        ("stall=half", {"within": 5 * S, "limit": "deadline"}, "deadline", 5000),
        ("head-drip=1b@100ms", {"within": 5 * S}, "attempt", 5000),
        ("body-drip=1b@100ms", {"within": 5 * S}, "attempt", 5000),
        ("wait=5001ms", {"within": 5 * S}, "attempt", 5000),
        ("connect=3s", {"connect": 2 * S}, "connect", 2000),
        ("connect=3s", {"connect": 2 * S, "within": 2 * S, "limit": "deadline"}, "deadline", 2000),
        ("connect=3s", {"within": 1 * S, "limit": "deadline"}, "deadline", 1000),
        ("connect=1s+unread", {"write": 2 * S}, "write", 2000),
        ("unread", {"within": 1 * S, "limit": "attempt"}, "attempt", 1000),
    ],
)
def test_a_limit_fires_at_its_nanosecond(script: str, limits: dict[str, Any], limit: str, at: int) -> None:
    """By its name; the caller has hung up then."""
    found, entry, _, took = played(script, **limits)
    assert (found.kind, took) == ("TimedOut", at * MS)
    assert entry.hung_up == START + at * MS
    assert entry.ended is None
    token = {"connect": "connection_timeout", "write": "connection_write_timeout", "deadline": "http_response_timeout"}
    assert found.error == token.get(limit, "connection_read_timeout")


def test_what_comes_at_the_limit_is_in_time() -> None:
    """One nanosecond later is too late."""
    assert played("wait=5s", within=5 * S)[0].error is None
    assert played("wait=5s", within=5 * S - 1)[0].kind == "TimedOut"


def test_a_limit_that_has_passed_counts_at_once() -> None:
    """The provider answered, but too late for the caller."""
    found, entry, _, took = played("ok", within=-1, limit="deadline")
    assert (found.kind, found.error, took, entry.ended) == ("TimedOut", "http_response_timeout", 0, START)


def test_what_is_there_comes_too_late_after_the_limit() -> None:
    """Time goes on while nobody reads: a deadline that has passed counts."""

    async def main() -> None:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        incoming = await sent(exchange, "pace=1ms+text=", stream=True)
        clock.advance(S)
        with pytest.raises(TimedOut):
            await incoming.read(START + 500 * MS, "deadline")
        assert exchange.log[0].ended is not None  # it had all been sent by then

    run(main)


@pytest.mark.parametrize(
    "fault",
    [
        "connection_refused",
        "destination_ip_unroutable",
        "dns_error",
        "tls_alert_received",
        "tls_certificate_error",
        "tls_protocol_error",
    ],
)
def test_a_connection_may_fail(fault: str) -> None:
    """After the time it took; no request arrived."""
    found, entry, connection, took = played(f"connect=30ms+fault={fault}")
    assert (found.kind, found.error, took) == ("Unreachable", fault, 30 * MS)
    assert (entry.arrived, since(entry.ended), entry.hung_up, entry.connection) == (None, 30, None, None)
    assert connection.sent is None


def test_the_pool_may_be_full() -> None:
    """Then it is our own limit, and no connection."""
    found, entry, _, _ = played("fault=connection_limit_reached")
    assert (found.kind, found.error, entry.arrived) == ("Failed", "connection_limit_reached", None)


def test_faults_are_of_new_connections() -> None:
    """A kept one is not used then, and stays."""

    async def main() -> None:
        clock = FakeClock()
        exchange = MemoryExchange(clock, {"gpt": "ok:fault=connection_refused:ok"})
        found = [await outcome(exchange, clock, outgoing("gpt")) for _ in range(3)]
        assert [one.error for one in found] == [None, "connection_refused", None]
        assert [(entry.connection, entry.nth) for entry in exchange.log] == [(1, 1), (None, 0), (1, 2)]

    run(main)


def test_connecting_takes_its_time_once() -> None:
    """A kept connection needs none."""

    async def main() -> None:
        clock = FakeClock()
        exchange = MemoryExchange(clock, {"gpt": "connect=25ms"})
        first, second = Connection(), Connection()
        await outcome(exchange, clock, outgoing("gpt"), connection=first)
        await outcome(exchange, clock, outgoing("gpt"), connection=second)
        assert (first.reused, first.connect_ns, first.sent) == (False, 25 * MS, START + 25 * MS)
        assert (second.reused, second.connect_ns, second.sent) == (True, None, START + 25 * MS)
        await outcome(exchange, clock, outgoing("gpt", port=81))
        assert [entry.connection for entry in exchange.log] == [1, 1, 2]

    run(main)


@pytest.mark.parametrize(
    ("script", "pause", "kept"),
    [
        ("ok", 0, True),
        ("503", 0, True),
        ("no-keep-alive", 0, False),
        ("framing=close", 0, False),
        ("cut=half", 0, False),
        ("garbage=HTTP", 0, False),
        ("garbage=HTTP+garbage-after=1s", 0, False),
        ("idle=next", 0, False),
        ("idle=close", 9, True),
        ("idle=close", 10, False),
        ("idle=close+idle-after=0ms", 0, False),
        ("idle=reset+idle-after=10ms", 9, True),
        ("idle=reset+idle-after=10ms", 10, False),
        ("linger=50ms", 0, True),  # its length was told: nothing comes behind the last byte
        ("framing=chunked+linger=50ms", 49, False),
        ("framing=chunked+linger=50ms", 50, True),
        ("framing=chunked+linger=101ms", 200, False),
    ],
)
def test_a_connection_is_used_again_only_if_it_is_sound(script: str, pause: int, kept: bool) -> None:
    """Alive, with nothing behind the last answer, and done with it."""

    async def main() -> None:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        incoming = await sent(exchange, script)
        while not exchange.log[0].last_sent:
            await incoming.read(FAR, "attempt")
        incoming.release()
        incoming.release()
        clock.advance(pause * MS)
        connection = Connection()
        await outcome(exchange, clock, outgoing("gpt"), connection=connection)
        assert connection.reused is kept

    run(main)


def test_a_connection_that_was_used_in_time_lives_on() -> None:
    """Its death was for an idle one."""

    async def main() -> None:
        clock = FakeClock()
        exchange = MemoryExchange(clock, {"gpt": "idle=close:ok"})
        for pause in (0, 5, 100, 100):
            clock.advance(pause * MS)
            await outcome(exchange, clock, outgoing("gpt"))
        assert [entry.connection for entry in exchange.log] == [1, 1, 1, 1]

    run(main)


def test_of_several_connections_a_sound_one_is_taken() -> None:
    """Not the one that was used last, if that is still draining or has died."""

    async def main() -> None:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        scripts = ("ok", "framing=chunked+linger=50ms", "idle=close+idle-after=0ms")
        answers = [await sent(exchange, script) for script in scripts]
        for incoming in answers:
            await incoming.read(FAR, "attempt")
            incoming.release()
        for _ in range(2):
            await outcome(exchange, clock, outgoing("gpt"))
        clock.advance(50 * MS)
        answers = [await sent(exchange, "ok") for _ in range(2)]
        assert [entry.connection for entry in exchange.log] == [1, 2, 3, 1, 1, 1, 2]

    run(main)


def test_the_framing_is_drained_for_a_while() -> None:
    """Then the caller hangs up; the log may say so ahead of time."""

    async def main() -> tuple[Entry, Entry]:
        exchange = MemoryExchange(FakeClock())
        for script in ("framing=chunked+linger=60ms", "framing=chunked+linger=200ms"):
            incoming = await sent(exchange, script)
            await incoming.read(FAR, "attempt")
            incoming.release()
        return exchange.log[0], exchange.log[1]

    short, long = run(main)
    assert (since(short.ended), short.hung_up) == (60, None)
    assert (long.ended, since(long.hung_up)) == (None, 100)


@pytest.mark.parametrize(
    ("script", "error", "status", "closed"),
    [
        ("reset-before-head", ("Unreachable", "connection_terminated"), None, "reset"),
        ("close-before-head", ("Unreachable", "connection_terminated"), None, "close"),
        ("cut=mid-head", ("Unreachable", "connection_terminated"), None, "close"),
        ("not-http", ("Broken", "http_protocol_error"), None, "close"),
        ("reset-after-head", ("Broken", "http_response_incomplete"), 200, "reset"),
        ("cut=2+reset", ("Broken", "http_response_incomplete"), 200, "reset"),
        ("cut=half", ("Broken", "http_response_incomplete"), 200, "close"),
        ("bad-frame=1", ("Broken", "http_protocol_error"), 200, "close"),
        ("framing=close+cut=2", (None, None), 200, "close"),
        ("truncated", (None, None), 200, None),
        ("framing=close", (None, None), 200, "close"),
        ("no-keep-alive", (None, None), 200, "close"),
    ],
)
def test_a_broken_answer_ends_as_it_should(
    script: str, error: tuple[str | None, str | None], status: int | None, closed: str | None
) -> None:
    """With the token of what a transport would see; the provider ended it, not the caller."""
    found, entry, _, _ = played(script, stream=True)
    assert ((found.kind, found.error), found.status) == (error, status)
    assert (entry.status, entry.closed, entry.ended, entry.hung_up) == (status, closed, START, None)


def test_a_read_brings_no_more_than_a_write() -> None:
    """Split anywhere, in the middle of characters too."""

    async def main() -> None:
        exchange = MemoryExchange(FakeClock())
        whole = (await outcome(exchange, exchange.clock, outgoing("sim-body=東京タワー"))).body
        incoming = await sent(exchange, "split=4+body=東京タワー")
        pieces = []
        while data := await incoming.read(FAR, "attempt"):
            pieces.append(data)
        assert (b"".join(pieces), {len(piece) for piece in pieces}) == (whole, {4, 3})
        assert exchange.log[1].size == len(whole)

    run(main)


def leaves(script: str, leave: Callable[[asyncio.Task[Any]], object], *, head: bool) -> Entry:
    """A caller that leaves after 70 ms, before or after the head."""

    async def main() -> Entry:
        clock = FakeClock()
        exchange = MemoryExchange(clock)

        async def call() -> None:
            incoming = await sent(exchange, script, stream=True)
            assert head
            while await incoming.read(FAR, "idle"):
                pass

        task = asyncio.create_task(call())
        await clock.sleep_until(START + 70 * MS)
        leave(task)
        with pytest.raises(asyncio.CancelledError, match="client_disconnect"):
            await task
        return exchange.log[0]

    return run(main)


@pytest.mark.parametrize(
    ("script", "head", "arrived", "events"),
    [
        ("connect=1s", False, False, 0),
        ("unread", False, False, 0),
        ("silence", False, True, 0),
        ("head-drip=1b@30ms", False, True, 0),
        ("stall=head", True, True, 0),
        ("stall=1", True, True, 1),
        ("pace=30ms", True, True, 3),
    ],
)
def test_a_cancel_is_the_caller_hanging_up(script: str, head: bool, arrived: bool, events: int) -> None:
    """At that nanosecond, wherever it waited."""
    entry = leaves(script, lambda task: task.cancel("client_disconnect"), head=head)
    assert (since(entry.hung_up), entry.ended, entry.events) == (70, None, events)
    assert (entry.arrived is not None, entry.status) == (arrived, 200 if head else None)


def test_a_head_may_come_in_two_halves() -> None:
    """Its first byte counts, and the status when it is whole."""
    found, entry, connection, took = played("wait=1ms+stall=mid-head+stall-for=20ms")
    assert (found.status, took // MS, entry.hung_up) == (200, 21, None)
    assert (since(connection.first_byte), since(entry.first_body)) == (1, 21)


def test_the_end_stays_the_end() -> None:
    """However often it is read."""

    async def main() -> None:
        exchange = MemoryExchange(FakeClock())
        incoming = await sent(exchange, "empty")
        assert [await incoming.read(FAR, "idle"), await incoming.read(FAR, "idle")] == [b"", b""]
        assert incoming.arrived == START
        incoming.release()

    run(main)


def test_a_cancel_counts_in_the_nanosecond_in_which_an_answer_comes() -> None:
    """If it comes first; the answer was sent all the same."""

    async def main() -> Entry:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        task = asyncio.create_task(sent(exchange, "wait=70ms"))
        clock.call_at(START + 70 * MS, task.cancel, "superseded")
        with pytest.raises(asyncio.CancelledError):
            await task
        return exchange.log[0]

    entry = run(main)
    assert (since(entry.ended), entry.hung_up) == (70, None)


def test_without_any_limit_only_a_cancel_or_an_abort_ends_a_silence() -> None:
    """Or an abort; no timer is armed for a time that never comes."""

    async def main() -> list[Entry]:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        task = asyncio.create_task(sent(exchange, "silence", until=NEVER))
        clock.call_at(START + 70 * MS, task.cancel, "shutdown")
        with pytest.raises(asyncio.CancelledError):
            await task
        incoming = await sent(exchange, "stall=head")
        clock.call_at(START + 80 * MS, incoming.abort)
        with pytest.raises(Broken):
            await incoming.read(NEVER, "idle")
        return list(exchange.log)

    assert [since(entry.hung_up) for entry in run(main)] == [70, 80]


def test_an_abort_wakes_who_reads() -> None:
    """And what was due until then was sent."""

    async def main() -> Entry:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        incoming = await sent(exchange, "pace=30ms", stream=True)
        clock.call_at(START + 70 * MS, incoming.abort)
        for _ in range(3):
            assert await incoming.read(FAR, "idle")
        with pytest.raises(Broken):
            await incoming.read(FAR, "idle")
        assert clock.now() == START + 70 * MS
        incoming.abort()
        incoming.release()
        with pytest.raises(Broken):
            await incoming.read(FAR, "idle")
        return exchange.log[0]

    entry = run(main)
    assert (since(entry.hung_up), entry.events) == (70, 3)


@pytest.mark.parametrize(
    ("script", "after", "sent_at", "ended", "hung_up"),
    [
        ("text=+pace=10ms", 25, 20, 20, None),
        ("text=+pace=10ms", 15, 10, None, 15),
        ("text=", 5, 0, 0, None),
        ("text=+pace=10ms+cut=2", 25, 10, 10, None),
        ("text=+first-event=10ms", 5, None, None, 5),
    ],
)
def test_an_abort_plays_what_was_due(
    script: str, after: int, sent_at: int | None, ended: int | None, hung_up: int | None
) -> None:
    """The provider went on, though nobody read; an answer that was over was not left."""

    async def main() -> Entry:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        incoming = await sent(exchange, script, stream=True)
        clock.advance(after * MS)
        incoming.abort()
        return exchange.log[0]

    entry = run(main)
    assert (since(entry.last_sent), since(entry.ended), since(entry.hung_up)) == (sent_at, ended, hung_up)


@pytest.mark.parametrize(
    ("script", "advance", "status", "first"),
    [
        ("head-drip=1b@1ms+text=", 5_000, 200, 0),
        ("head-drip=1b@1ms+text=", 5, None, 0),
        ("wait=20ms+text=", 30, 200, 20),
        ("wait=20ms+stall=mid-head+stall-for=20ms", 50, 200, 20),
        ("wait=20ms+stall=mid-head", 50, None, 20),
    ],
)
def test_an_abort_while_the_head_is_awaited_plays_what_was_due(
    script: str, advance: int, status: int | None, first: int
) -> None:
    """Of the head too, when the loop was busy meanwhile."""

    async def main() -> Entry:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        task = asyncio.create_task(sent(exchange, script))
        await asyncio.sleep(0)
        clock.advance(advance * MS)
        task.cancel("client_disconnect")
        with pytest.raises(asyncio.CancelledError):
            await task
        return exchange.log[0]

    entry = run(main)
    assert (entry.status, since(entry.first_sent)) == (status, first)


def test_it_works_on_the_machines_clock_too() -> None:
    """Where timers may fire early."""
    from tracegate.clock import SystemClock

    async def main() -> Outcome:
        exchange = MemoryExchange(SystemClock())
        return await outcome(exchange, exchange.clock, outgoing("sim-wait=2ms+pace=1ms", stream=True))

    found = asyncio.run(main())
    assert (found.status, found.error, len(found.payloads)) == (200, None, 9)


def test_limits_have_their_names() -> None:
    """Whatever the caller bounds with is what it gets."""
    limits: tuple[Limit, ...] = ("attempt", "first_token", "deadline")
    for limit in limits:

        async def main(limit: Limit = limit) -> Limit:
            exchange = MemoryExchange(FakeClock())
            call = outgoing("sim-silence")
            with pytest.raises(TimedOut) as raised:
                await exchange.send(call, Connection(), connect_by=FAR, write_by=FAR, until=2 * S, limit=limit)
            return raised.value.limit

        assert run(main) == limit
