"""The adapter over real sockets: facts, limits, what is sent, what is kept, and transports of others."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
import uvloop
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.upstream.acting import Acted, Acting, forever
from tests.upstream.served import (
    LATE,
    MS,
    OK,
    TLS,
    S,
    answering,
    asked,
    exchanging,
    go,
    outgoing,
    quiet,
    received,
    serving,
    tls_server,
)
from tracegate.clock import SystemClock
from tracegate.errors import Failed, TimedOut
from tracegate.facts import Connection, Limit
from tracegate.plugin.instrumented import instrumented
from tracegate.testing import Simulator
from tracegate.testing.loop import run
from tracegate.upstream import httpx as adapter
from tracegate.upstream.httpx import SPAN, HttpxExchange
from tracegate.upstream.origin import TransportSettings

pytestmark = pytest.mark.slow

CA = str(TLS / "ca.pem")

# Facts


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("loop", [None, uvloop.new_event_loop])
def test_the_stock_transport_tells_all_of_a_connection(loop: Callable[[], asyncio.AbstractEventLoop] | None) -> None:
    """Fresh, then reused; its times agree with the provider's."""

    async def main() -> None:
        async with Simulator() as sim, exchanging() as exchange:
            for reused in (False, True):
                began = SystemClock.now()
                answer = await asked(exchange, outgoing(sim.port))
                facts, entry = answer.connection, sim.log[-1]
                assert (facts.reused, facts.protocol, facts.peer, facts.tls) == (
                    reused,
                    "http/1.1",
                    f"127.0.0.1:{sim.port}",
                    None,
                )
                assert (facts.connect_ns is None) == reused
                assert facts.sent is not None
                assert facts.first_byte is not None
                assert entry.arrived is not None
                assert entry.first_sent is not None
                assert began < facts.sent < facts.first_byte < SystemClock.now()
                assert abs(facts.sent - entry.arrived) < LATE
                assert abs(facts.first_byte - entry.first_sent) < LATE
                await quiet()

    go(main, loop)


@pytest.mark.usefixtures("transport")
def test_tls_is_part_of_connecting() -> None:
    """Its version is told."""

    async def main() -> None:
        async with serving(answering(OK), tls_server()) as port, exchanging(scheme="https", ca=CA) as exchange:
            answer = await asked(exchange, outgoing(port, scheme="https", host="localhost"))
            assert answer.connection.tls == "TLSv1.3"
            assert answer.connection.connect_ns is not None
            assert answer.connection.connect_ns > 100_000  # more than a socket takes

    go(main)


@pytest.mark.usefixtures("transport")
def test_facts_are_filled_in_also_where_the_request_fails() -> None:
    """As far as it came."""

    async def main() -> None:
        async with Simulator() as sim, exchanging() as exchange:
            facts = Connection()
            with pytest.raises(Failed):
                await asked(exchange, outgoing(sim.port, "sim-reset-before-head"), connection=facts)
            assert (facts.reused, facts.peer, facts.first_byte) == (False, f"127.0.0.1:{sim.port}", None)
            assert facts.connect_ns is not None
            assert facts.sent is not None

    go(main)


# Nothing behind our back


@pytest.mark.usefixtures("transport")
def test_redirects_are_not_followed_and_cookies_not_kept() -> None:
    """A redirect is an answer like any other."""
    heads: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await received(reader):
            heads.append(head)
            writer.write(b"HTTP/1.1 307 Over There\r\nlocation: /\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")

    async def main() -> None:
        async with serving(handle) as port, exchanging() as exchange:
            for _ in range(2):
                answer = await asked(exchange, outgoing(port))
                assert answer.status == 307
                assert ("set-cookie", "a=b") in answer.headers
        assert len(heads) == 2
        assert b"cookie" not in heads[1].lower()

    go(main)


@pytest.mark.usefixtures("transport")
def test_a_request_is_sent_as_it_is() -> None:
    """Byte for byte; nothing is added but the host and the length."""
    got: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await received(reader))
        writer.write(OK)

    async def main() -> None:
        async with serving(handle) as port, exchanging() as exchange:
            request = outgoing(
                port, path="/v1/a%20b?x=1&y=%2F", headers=(("X-Odd", "ü"), ("x-odd", "")), body=b"\0\xff"
            )
            await asked(exchange, request)
            assert got == [
                b"POST /v1/a%20b?x=1&y=%2F HTTP/1.1\r\n"
                b"host: 127.0.0.1:" + str(port).encode() + b"\r\n"
                b"content-type: application/json\r\n"
                b"X-Odd: \xfc\r\nx-odd: \r\ncontent-length: 2\r\n\r\n\0\xff"
            ]

    go(main)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize(
    "given",
    [
        {"headers": (("x-a", "b\r\nx-evil: 1"),)},
        {"headers": (("x-a", "b\nx-evil: 1"),)},
        {"headers": (("x-a", "b\x00"),)},
        {"headers": (("x-a: b\r\nx-evil", "1"),)},
        {"headers": (("x a", "1"),)},
        {"headers": (("", "1"),)},
        {"headers": (("x-ä", "1"),)},
        {"headers": (("x-a", "\u2028"),)},
        {"path": "/v1\r\nx-evil: 1"},
        {"path": "/v1/\u00e4"},
    ],
)
def test_nothing_can_be_smuggled_into_a_head(given: dict[str, Any]) -> None:
    """What can't be sent as it is fails before a byte of it is sent, with a reason."""

    async def main() -> None:
        async with Simulator() as sim, exchanging() as exchange:
            with pytest.raises(Failed, match="can't be sent") as caught:
                await asked(exchange, outgoing(sim.port, **given))
            assert (caught.value.class_, caught.value.token) == ("invalid_request", "http_request_error")
            assert (await asked(exchange, outgoing(sim.port))).status == 200
            assert len(sim.log) == 1

    go(main)


@pytest.mark.usefixtures("transport")
def test_a_blank_in_a_path_ends_no_request_line() -> None:
    """It is encoded."""

    async def main() -> None:
        async with Simulator() as sim, exchanging() as exchange:
            await asked(exchange, outgoing(sim.port, path="/x HTTP/1.1/v1/chat/completions"))
            assert sim.log[0].path == "/x%20HTTP/1.1/v1/chat/completions"

    go(main)


def test_urls_are_made_once_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may hold a model that a client named."""
    monkeypatch.setattr(adapter, "URLS", 2)

    async def main() -> None:
        seen: list[httpx.URL] = []

        async def act(request: httpx.Request) -> httpx.Response:
            seen.append(request.url)
            return httpx.Response(200)

        acted = Acted(act)
        kept = []
        for path in ("/a", "/a", "/b", "/c", "/a"):
            await asked(acted.exchange, outgoing(80, path=path), within=1 << 60)
            kept.append(len(acted.exchange._urls))
        assert [url.path for url in seen] == ["/a", "/a", "/b", "/c", "/a"]
        assert kept == [1, 1, 2, 1, 2]
        await acted.exchange.close()

    run(main)


def test_an_ipv6_address_stands_in_brackets() -> None:
    """In `Host`."""

    async def main() -> None:
        async def act(request: httpx.Request) -> httpx.Response:
            assert request.headers["host"] == "[::1]:8080"
            return httpx.Response(200)

        acted = Acted(act)
        assert (await asked(acted.exchange, outgoing(8080, host="::1"), within=1 << 60)).status == 200
        await acted.exchange.close()

    run(main)


# Limits


async def limited(ask: Awaitable[object], limit: Limit, after: int, began: int) -> None:
    """A request ends by this limit, at its time."""
    with pytest.raises(TimedOut) as caught:
        await ask
    took = SystemClock.now() - began
    assert caught.value.limit == limit
    assert after <= took < after + LATE


@pytest.mark.usefixtures("transport")
def test_connecting_has_a_limit() -> None:
    """To a host that is silent, and in a handshake that is."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> None:
        async with Simulator() as sim, serving(silent) as port, exchanging(scheme="https") as exchange:
            gone = int(sim.silent_url().split(":")[2].split("/")[0])
            for request in (outgoing(gone), outgoing(port, scheme="https")):
                began = SystemClock.now()
                await limited(asked(exchange, request, connect=50 * MS), "connect", 50 * MS, began)
                began = SystemClock.now()
                within = asked(exchange, request, connect=50 * MS, within=30 * MS, limit="deadline")
                await limited(within, "deadline", 30 * MS, began)

    go(main)


@pytest.mark.usefixtures("transport")
def test_writing_has_a_limit() -> None:
    """To a provider that takes nothing."""

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport is a reading one
        await forever()

    async def main() -> None:
        async with serving(deaf) as port, exchanging() as exchange:
            began = SystemClock.now()
            request = outgoing(port, body=bytes(30_000_000))
            await limited(asked(exchange, request, write=100 * MS), "write", 100 * MS, began)

    go(main)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("script", ["silence", "head-drip=1b@5ms", "body-drip=1b@5ms", "stall=half"])
def test_the_answer_has_a_limit(script: str) -> None:
    """However it is trickled; the provider is hung up on."""

    async def main() -> None:
        async with Simulator({"m": f"ok:{script}"}) as sim, exchanging() as exchange:
            await asked(exchange, outgoing(sim.port))
            await quiet()  # the connection stands: what is measured is the answer
            began = SystemClock.now()
            await limited(asked(exchange, outgoing(sim.port), within=200 * MS), "attempt", 200 * MS, began)
            await sim.until(lambda log: len(log) == 2 and log[1].hung_up)

    go(main)


@pytest.mark.usefixtures("transport")
def test_waiting_for_a_connection_has_the_limit_of_connecting() -> None:
    """It is our own limit that was reached, unless the attempt's comes first."""

    async def main() -> None:
        async with Simulator() as sim, exchanging(connections=1, waiting=1) as exchange:
            first = asyncio.create_task(asked(exchange, outgoing(sim.port, "sim-silence")))
            await sim.until(lambda log: log)
            began = SystemClock.now()
            await limited(asked(exchange, outgoing(sim.port), within=20 * MS), "attempt", 20 * MS, began)
            waiting = asyncio.create_task(asked(exchange, outgoing(sim.port), connect=40 * MS))
            await quiet()
            for ask in (asked(exchange, outgoing(sim.port)), waiting):  # no place in line, and no turn in time
                with pytest.raises(Failed) as caught:
                    await ask
                assert (caught.value.class_, caught.value.token) == ("overloaded", "connection_limit_reached")
            served = asyncio.create_task(asked(exchange, outgoing(sim.port)))
            await quiet()
            first.cancel()
            assert (await served).status == 200
            assert len(sim.log) == 2

    go(main)


# Many, and none


@pytest.mark.usefixtures("transport")
def test_two_hundred_requests_at_once() -> None:
    """Each gets its own answer, over no more connections than are allowed."""

    async def main() -> None:
        async with Simulator() as sim, exchanging(connections=64) as exchange:
            requests = [outgoing(sim.port, "sim-say=prompt") for _ in range(200)]
            for n, request in enumerate(requests):
                request.body = request.body.replace(b'"hi"', b'"<%d>"' % n)
            ask = partial(asked, exchange, connect=30 * S, write=30 * S, within=30 * S)
            answers = await asyncio.gather(*(ask(request) for request in requests))
            for n, answer in enumerate(answers):
                assert b'"<%d>"' % n in answer.body
            assert len({entry.connection for entry in sim.log}) <= 64

    go(main)


def test_an_answer_is_over_before_a_slow_reader_has_read_it() -> None:
    """Its connection is free for others."""

    async def main() -> None:
        async with Simulator() as sim, exchanging() as exchange:
            now = SystemClock.now()
            limits = {"connect_by": now + 5 * S, "write_by": now + 5 * S, "until": now + 5 * S}
            slow = await exchange.send(outgoing(sim.port, stream=True), Connection(), **limits, limit="attempt")
            await sim.until(lambda log: log[0].ended)
            assert isinstance(exchange, HttpxExchange)
            await asyncio.wait(list(exchange._running))
            assert (await asked(exchange, outgoing(sim.port))).connection.reused is True
            assert b"[DONE]" in await slow.read(now + 5 * S, "attempt")
            slow.release()

    go(main)


@pytest.mark.usefixtures("transport")
def test_a_caller_that_leaves_hangs_up_at_once() -> None:
    """While it waits for the head, and while it reads; nothing is left behind."""

    async def main() -> None:
        async with Simulator() as sim, exchanging() as exchange:
            for model in ("sim-silence", "sim-stall=2"):
                asking = asyncio.create_task(asked(exchange, outgoing(sim.port, model, stream=True)))
                await sim.until(lambda log: log and (log[-1].first_sent or log[-1].step == "stall=start"))
                await quiet()
                asking.cancel("client_disconnect")
                with pytest.raises(asyncio.CancelledError, match="client_disconnect"):
                    await asking
                await sim.until(lambda log: log[-1].hung_up)

    go(main)


@pytest.mark.usefixtures("transport")
def test_closing_ends_what_still_runs_and_lets_nobody_in() -> None:
    """Whoever waits for an answer, or for a connection, fails at once."""

    async def main() -> None:
        async with Simulator() as sim:
            async with exchanging(connections=1) as exchange:
                asking = [asyncio.create_task(asked(exchange, outgoing(sim.port, "sim-silence"))) for _ in range(2)]
                await sim.until(lambda log: log)
            for task in asking:
                with pytest.raises(Failed):
                    await task
            with pytest.raises(Failed, match="being closed"):
                await asked(exchange, outgoing(sim.port))

    go(main)


def test_a_transport_that_does_not_end_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left behind after a while."""

    async def main() -> None:
        ends = asyncio.Event()

        async def act(request: httpx.Request) -> httpx.Response:
            while not ends.is_set():
                try:
                    await ends.wait()
                except asyncio.CancelledError:
                    continue
            return httpx.Response(200)

        acted = Acted(act)
        with pytest.raises(TimedOut):
            await acted.send()
        await acted.exchange.close()
        assert acted.transport.closed
        ends.set()
        await quiet()

    run(main)


# Transports of others


async def custom(transport: httpx.AsyncBaseTransport, port: int = 80, scheme: str = "http") -> tuple[bytes, Connection]:
    """One request over a transport of somebody else."""
    async with exchanging(scheme=scheme, maker=lambda settings: transport) as exchange:
        answer = await asked(exchange, outgoing(port, scheme=scheme, host="localhost"))
    return answer.body, answer.connection


def test_a_transport_that_tells_nothing_leaves_facts_absent() -> None:
    """Not false, not 0."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def main() -> None:
        mock = httpx.MockTransport(lambda request: httpx.Response(200, content=b"ok"))
        for transport in (mock, httpx.ASGITransport(app)):
            assert await custom(transport) == (b"ok", Connection())

    go(main)


def test_a_transport_of_others_is_asked_to_keep_the_limits_and_told_the_attempt() -> None:
    """The stock one is not: its limits are kept here, exactly."""
    extensions: list[dict[str, Any]] = []

    def wrap(transport: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        async def act(request: httpx.Request) -> httpx.Response:
            extensions.append(dict(request.extensions))
            return await transport.handle_async_request(request)

        acting = Acting(act)
        acting.aclose = transport.aclose  # type: ignore[method-assign]  # what is wrapped is closed
        return acting

    async def main() -> None:
        mock = httpx.MockTransport(lambda request: httpx.Response(200, content=b"ok"))
        async with Simulator() as sim:
            for maker in (None, lambda settings: mock):
                async with exchanging(maker=maker, wrap=wrap) as exchange:
                    request = outgoing(sim.port)
                    request.span = (b"t" * 16, b"s" * 8)
                    await asked(exchange, request)
        stock, other = extensions
        assert stock.keys() == {"trace", SPAN}
        assert other[SPAN] == (b"t" * 16, b"s" * 8)
        assert other["timeout"].keys() == {"connect", "pool", "write", "read"}
        assert 4 < other["timeout"]["connect"] <= 5

    go(main)


async def speak_h2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request over HTTP/2."""
    protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    protocol.initiate_connection()
    writer.write(protocol.data_to_send())
    while data := await reader.read(65536):
        for event in protocol.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                protocol.send_headers(event.stream_id, [(":status", "200")])
                protocol.send_data(event.stream_id, b"ok", end_stream=True)
        writer.write(protocol.data_to_send())


def test_http_2_comes_with_a_transport_that_speaks_it() -> None:
    """Its hooks are listened to like the stock one's; the stock one never offers it."""
    served = tls_server()
    served.set_alpn_protocols(["h2", "http/1.1"])

    async def main() -> None:
        async with serving(speak_h2, served) as port:
            transport = httpx.AsyncHTTPTransport(http2=True, verify=ssl.create_default_context(cafile=CA))
            async with exchanging(scheme="https", maker=lambda settings: transport) as exchange:
                for reused in (False, True):
                    answer = await asked(exchange, outgoing(port, scheme="https"))
                    facts = answer.connection
                    assert (answer.body, facts.protocol, facts.tls) == (b"ok", "h2", "TLSv1.3")
                    assert (facts.reused, facts.connect_ns is None) == (reused, reused)
                    assert facts.sent is not None
                    assert facts.first_byte is not None
        async with serving(answering(OK), served) as port, exchanging(scheme="https", ca=CA) as exchange:
            answer = await asked(exchange, outgoing(port, scheme="https"))
            assert answer.connection.protocol == "http/1.1"

    go(main)


def test_the_instrumentation_hides_nothing() -> None:
    """Around the stock transport: its hooks still tell all, bytes behind an answer are still seen, connections kept."""
    exported = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({}))
    provider.add_span_processor(SimpleSpanProcessor(exported))

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await received(reader)
        writer.write(OK)
        await received(reader)
        writer.write(OK + OK)  # one too many
        await reader.read()

    async def main() -> None:
        async with serving(handle) as port, exchanging(wrap=instrumented(provider)) as exchange:
            for reused in (False, True, False):
                request = outgoing(port, headers=(("authorization", "Bearer secret"),))
                request.span = (b"t" * 16, b"s" * 8)
                facts = (await asked(exchange, request)).connection
                assert facts == Connection(
                    reused=reused,
                    protocol="http/1.1",
                    peer=f"127.0.0.1:{port}",
                    connect_ns=facts.connect_ns,
                    sent=facts.sent,
                    first_byte=facts.first_byte,
                )
                assert None not in (facts.sent, facts.first_byte)
                assert (facts.connect_ns is None) == reused
                await quiet()
        spans = exported.get_finished_spans()
        assert [span.parent.span_id.to_bytes(8, "big") for span in spans if span.parent] == [b"s" * 8] * 3

    go(main)


def test_a_maker_is_given_the_settings() -> None:
    """All that the configuration says of the way."""

    async def main() -> None:
        got: list[TransportSettings] = []

        def maker(settings: TransportSettings) -> httpx.AsyncBaseTransport:
            got.append(settings)
            return httpx.MockTransport(lambda request: httpx.Response(200))

        async with exchanging(port=443, connections=3, maker=maker) as exchange:
            assert isinstance(exchange, HttpxExchange)
        assert [(settings.port, settings.connections) for settings in got] == [(443, 3)]

    go(main)
