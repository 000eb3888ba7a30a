"""Over sockets and in memory the same script has the same effect, for every kind of step.

Over sockets the caller is the exchange over httpx's own transport, so the tokens of errors are those of a real one.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from tests.testing.calling import MS, Outcome, outcome, outgoing
from tracegate.clock import Clock, SystemClock
from tracegate.facts import Connection
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.script_text import SHORT
from tracegate.testing.simulator import Simulator
from tracegate.testing.simulator_log import Entry, Log
from tracegate.testing.wire_flavour import FLAVOURS
from tracegate.upstream.exchange import Exchange
from tracegate.upstream.fast.exchange import fast_exchange
from tracegate.upstream.origin import TransportSettings
from tracegate.upstream.transport import httpx_exchange

pytestmark = [pytest.mark.slow, pytest.mark.untraced]

Make = Callable[..., Exchange]
MAKERS: list[Make] = [fast_exchange, httpx_exchange]

CREATED = 1_700_000_000
LIMIT = 20_000 * MS
SHORT_LIMIT = 1_500 * MS  # for what never comes; far more than a collection of garbage takes

SCRIPTS = [
    # statuses and errors
    "401", "403", "404", "408", "409", "413", "422", "500", "502", "504", "529", "204", "307",
    "429+retry-after=2", "429+retry-after-ms=1500", "503+retry-date=30",
    "problem=rate_limit", "status=200+problem=overloaded", "code=own+503", "message=%7Bkey%7D+401",
    # what is no answer
    "body=%7B", "body=none", "content-type=text%2Fplain+body=hello", "html+502", "empty+status=503",
    # what is said
    "text=none", "text=%E6%9D%B1%E4%BA%AC %F0%9F%97%BC", "words=300", "say=prompt", "reasoning=first think",
    "refusal=no", "tools", "choices=3", "served=gpt-2024-08-06", "served=none", "fingerprint=none", "tier=flex",
    "region=Poland Central", "finish=length", "finish=none", "usage=never", "usage=always", "usage=last", "usage=each",
    "prompt-tokens=7+completion-tokens=8+cached-tokens=3+reasoning-tokens=2",
    # the form of a stream
    "no-done", "no-done+finish=none", "newline=cr", "comments", "named", "multiline", "tight", "bom",
    "pings=2+first-event=3ms", "malformed=0", "malformed=2", "malformed=2+malformed-by=utf8",
    "error-event=1", "error-event=3+problem=overloaded",
    # how it is brought
    "wait=2ms", "first-event=2ms", "first-token=2ms", "pace=1ms", "head-drip=90b@1ms", "body-drip=150b@1ms",
    "split=1", "split=7", "encoding=gzip", "encoding=deflate", "encoding=raw-deflate", "encoding=not-gzip",
    "framing=length", "framing=chunked", "framing=close", "no-keep-alive", "linger=3ms",
    "bad-frame=0", "bad-frame=2",
    # where it breaks
    "cut=start", "cut=start+reset", "cut=mid-head", "cut=mid-head+reset", "cut=head", "cut=head+reset",
    "cut=head+clean",
    "cut=1", "cut=2+reset", "cut=3+clean", "cut=30b", "cut=30b+reset", "cut=30b+clean", "cut=half", "cut=end",
    "cut=end+reset", "framing=close+cut=1", "framing=close+cut=1+reset", "framing=chunked+cut=half",
    "stall=mid-head+stall-for=2ms", "stall=1+stall-for=2ms", "stall=end+stall-for=2ms",
    # what follows
    "garbage=HTTP%2F1.1 200 OK", "idle=reset+idle-after=0ms", "idle=close+idle-after=0ms", "idle=next",
]  # fmt: skip
# Two are only parts of a step, and what is said back has what a transport adds to the head of a request.
SCRIPTS += [name for name in SHORT if name not in ("reset", "clean", "echo", "silence")]
ENDLESS = ["silence", "stall=mid-head", "stall=head", "stall=1", "stall=30b", "stall=half", "stall=end"]


@dataclass(frozen=True)
class Seen:
    """What both sides saw of a call."""

    outcome: Outcome
    log: dict[str, object]
    first_byte: bool


def told(entry: Entry) -> dict[str, object]:
    """What the log says, but for numbers of connections and times, of which only whether there is one."""
    names = ("provider", "model", "step", "method", "path", "status", "events", "size", "closed", "body", "nth")
    seen: dict[str, object] = {name: getattr(entry, name) for name in names}
    times = ("began", "arrived", "first_sent", "first_body", "last_sent", "ended", "hung_up")
    return seen | {name: getattr(entry, name) is not None for name in times}


async def called(
    exchange: Exchange, clock: Clock, script: str, *, stream: bool, port: int, path: str
) -> tuple[Outcome, bool]:
    """One call: what became of it, and whether its first byte was told."""
    connection = Connection()
    options = {"include_usage": True}
    call = outgoing(f"sim-{script}", stream=stream, port=port, path=path, tools=[], stream_options=options)
    within = SHORT_LIMIT if script in ENDLESS else LIMIT
    found = await outcome(exchange, clock, call, within=within, connection=connection)
    changing = ("date", "retry-after") if "retry-date" in script else ("date",)
    headers = tuple(field for field in found.headers if field[0] not in changing)
    # A transport over sockets tells the first byte only of a head that is whole.
    first_byte = connection.first_byte is not None and found.status is not None
    return Outcome(found.status, headers, found.body, found.error, found.kind), first_byte


def together(scripts: Sequence[str], found: Sequence[tuple[Outcome, bool]], log: Log) -> list[Seen]:
    """What both sides saw of each call; its entry is found by its model, which is the script."""
    entries = [entry for script in scripts for entry in log.of(f"sim-{script}")]
    return [Seen(one, told(entry), first) for (one, first), entry in zip(found, entries, strict=True)]


def in_memory(scripts: Sequence[str], stream: bool, path: str) -> list[Seen]:
    """The calls in memory, in virtual time."""

    async def main() -> list[Seen]:
        clock = FakeClock()
        exchange = MemoryExchange(clock, seed=1, created=CREATED)
        calls = [called(exchange, clock, one, stream=stream, port=80, path=path) for one in scripts]
        return together(scripts, await asyncio.gather(*calls), exchange.log)

    return run(main)


def over_sockets(scripts: Sequence[str], stream: bool, path: str, make: Make) -> list[Seen]:
    """The calls over sockets, by one of our transports."""

    async def main() -> list[Seen]:
        async with Simulator(seed=1, created=CREATED) as sim:
            clock = SystemClock()
            exchange = make(TransportSettings("http", "127.0.0.1", sim.port), clock, waiting=9)
            calls = [called(exchange, clock, one, stream=stream, port=sim.port, path=path) for one in scripts]
            found = await asyncio.gather(*calls)
            await exchange.close()
            await sim.until(lambda log: all(entry.over for entry in log))
            return together(scripts, found, sim.log)

    return asyncio.run(main())


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_both_forms_do_the_same(script: str, stream: bool, make: Make) -> None:
    """Status, fields, bytes, the error's token, and what the log says."""
    path = "/sim/v1/chat/completions"
    assert in_memory([script], stream, path) == over_sockets([script], stream, path, make)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_both_forms_never_end_at_the_same_place(stream: bool, make: Make) -> None:
    """The caller's limit ends what the provider does not; all at once, for it takes its time."""
    path = "/sim/v1/chat/completions"
    assert in_memory(ENDLESS, stream, path) == over_sockets(ENDLESS, stream, path, make)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("script", ["ok", "429", "context-length", "content-filter", "error-event=1"])
@pytest.mark.parametrize("provider", FLAVOURS)
def test_both_forms_speak_each_providers_way(script: str, provider: str, make: Make) -> None:
    """Whole and streamed."""
    for stream in (False, True):
        path = f"/{provider}/v1/chat/completions"
        assert in_memory([script], stream, path) == over_sockets([script], stream, path, make)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("script", "reused"),
    [
        ("ok", True),
        ("503", True),
        ("no-events", True),
        ("no-keep-alive", False),
        ("framing=close", False),
        ("garbage=HTTP%2F1.1 200 OK", False),
        ("idle=next", False),
    ],
)
def test_both_forms_use_the_same_connections_again(script: str, reused: bool, make: Make) -> None:
    """The next call finds a connection, or makes one, and never an error."""

    async def twice(exchange: Exchange, clock: Clock, log: Log, port: int) -> None:
        first, second = Connection(), Connection()
        for model, connection in ((f"sim-{script}", first), ("gpt", second)):
            found = await outcome(exchange, clock, outgoing(model, stream=True, port=port), connection=connection)
            assert found.error is None
        assert [first.reused, second.reused] == [False, reused]
        assert [entry.nth for entry in log] == [1, 2 if reused else 1]
        await exchange.close()

    async def over_sockets() -> None:
        async with Simulator() as sim:
            clock = SystemClock()
            exchange = make(TransportSettings("http", "127.0.0.1", sim.port), clock, waiting=9)
            await twice(exchange, clock, sim.log, sim.port)

    async def in_memory() -> None:
        exchange = MemoryExchange(FakeClock())
        await twice(exchange, exchange.clock, exchange.log, 80)

    asyncio.run(over_sockets())
    run(in_memory)


def test_a_coded_stream_can_be_read_event_by_event() -> None:
    """By what arrived, not only at its end."""

    async def main() -> None:
        clock = FakeClock()
        exchange = MemoryExchange(clock)
        call = outgoing("sim-gzip+pace=10ms+text=", stream=True)
        far = clock.now() + 1000 * MS
        incoming = await exchange.send(call, Connection(), connect_by=far, write_by=far, until=far, limit="attempt")
        reader = zlib.decompressobj(wbits=31)
        for _ in range(3):
            assert reader.decompress(await incoming.read(far, "idle")).endswith(b"\n\n")
        incoming.release()

    run(main)
