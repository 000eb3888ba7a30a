"""TLS: sessions, ends, and what goes wrong; certificates are tested with both transports.

The server of most tests speaks TLS by hand, because asyncio's own can't end without its message or ask for new keys.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from tests.upstream.served import OK, TLS, S, answering, asked, go, outgoing, quiet, received, serving, tls_server
from tracegate.alarms import Alarms
from tracegate.clock import SystemClock
from tracegate.errors import Broken, Failed, Unreachable
from tracegate.facts import Connection
from tracegate.upstream.fast.exchange import FastExchange, fast_exchange
from tracegate.upstream.fast.link import Link, Origin
from tracegate.upstream.fast.tls import Secured
from tracegate.upstream.origin import TransportSettings

pytestmark = pytest.mark.slow

CA = str(TLS / "ca.pem")


def exchange() -> FastExchange:
    """One that trusts the tests' authority."""
    return fast_exchange(TransportSettings("https", "localhost", proxy="none", ca=CA), SystemClock(), waiting=1)


def secured(exchange: FastExchange) -> Secured:
    """What secures its only connection."""
    (link,) = exchange._links
    assert isinstance(link, Link)
    assert link.secured is not None
    return link.secured


class Server:
    """The server's side of one connection, by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
        self.reader, self.writer = reader, writer
        self.came, self.going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.came, self.going, server_side=True)

    async def do(self, act: Callable[[], bytes | None]) -> bytes | None:
        """Something that may need bytes of the peer."""
        while True:
            try:
                result = act()
            except ssl.SSLWantReadError:
                self.flush()
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionResetError from None
                self.came.write(data)
            else:
                self.flush()
                return result

    async def request(self) -> bytes:
        """One request, whole."""
        got = b""
        while not got.endswith(b"}"):
            got += await self.do(lambda: self.tls.read(65536)) or b""
        return got

    def say(self, data: bytes) -> None:
        """Say something."""
        self.tls.write(data)
        self.flush()

    def flush(self) -> None:
        """Send what there is."""
        self.writer.write(self.going.read())


def by_hand(
    act: Callable[[Server], Awaitable[None]], context: ssl.SSLContext | None = None
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A handler that does something when TLS stands."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = Server(reader, writer, context or tls_server())
        await server.do(server.tls.do_handshake)
        await act(server)

    return handle


@pytest.mark.parametrize("loop", [None, uvloop.new_event_loop])
def test_a_connection_is_freed_without_the_collector(
    loop: Callable[[], asyncio.AbstractEventLoop] | None,
) -> None:
    """What OpenSSL holds for each is large."""

    def left() -> int:
        return sum(isinstance(found, Secured | Link | ssl.SSLObject) for found in gc.get_objects())

    async def main() -> None:
        async with serving(answering(OK), tls_server()) as port:
            fast = exchange()
            for _ in range(3):
                await asked(fast, outgoing(port, scheme="https", host="localhost"))
                while fast._links:  # noqa: ASYNC110  # until the server's end was noticed
                    await asyncio.sleep(0.001)
            await fast.close()
        await quiet()
        assert left() == before

    before = left()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(main())
    finally:
        gc.enable()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("loop", [None, uvloop.new_event_loop])
def test_a_session_is_resumed(version: ssl.TLSVersion, loop: Callable[[], asyncio.AbstractEventLoop] | None) -> None:
    """By the next connection to the same origin: it costs the provider and us one key exchange less."""
    context = tls_server()
    context.minimum_version = context.maximum_version = version

    async def main() -> None:
        async with serving(answering(OK), context) as port:
            fast, resumed = exchange(), []
            for _ in range(3):
                answer = asyncio.create_task(asked(fast, outgoing(port, scheme="https", host="localhost")))
                while not any(link.exchange for link in fast._links):  # noqa: ASYNC110  # nobody tells it
                    await asyncio.sleep(0)
                resumed.append(secured(fast).resumed)
                assert (await answer).connection.tls == version.name.replace("_", ".")
                while fast._links:  # noqa: ASYNC110  # until the server's end was noticed
                    await asyncio.sleep(0.001)
            assert resumed == [False, True, True]
            await fast.close()

    go(main, loop)


def test_a_name_is_named_and_a_protocol_offered() -> None:
    """SNI, and HTTP/1.1 alone."""
    named: list[object] = []
    context = tls_server()
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda tls, name, _: named.extend([name, tls])

    async def main() -> None:
        async with serving(answering(OK), context) as port:
            fast = exchange()
            await asked(fast, outgoing(port, scheme="https", host="localhost"))
            name, tls = named
            assert name == "localhost"
            assert isinstance(tls, ssl.SSLObject)
            assert tls.selected_alpn_protocol() == "http/1.1"
            await fast.close()

    go(main)


@pytest.mark.parametrize("clean", [True, False])
def test_a_body_up_to_the_end_must_end_with_the_message_of_tls(clean: bool) -> None:
    """Without it anybody may have cut it (RFC 9112, section 9.8)."""

    async def act(server: Server) -> None:
        await server.request()
        server.say(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        if clean:
            with contextlib.suppress(ssl.SSLError):
                server.tls.unwrap()
            server.flush()

    async def main() -> None:
        async with serving(by_hand(act)) as port:
            fast = exchange()
            request = outgoing(port, scheme="https", host="localhost")
            if clean:
                assert (await asked(fast, request)).body == b"all of it"
            else:
                with pytest.raises((Broken, Unreachable)) as caught:
                    await asked(fast, request)
                assert caught.value.token == "http_response_incomplete"
            await fast.close()

    go(main)


def test_an_idle_connection_whose_tls_ended_is_not_used() -> None:
    """Though its socket stands."""
    ended = asyncio.Event

    async def main() -> None:
        told = ended()

        async def act(server: Server) -> None:
            await server.request()
            server.say(OK)
            with contextlib.suppress(ssl.SSLError):
                server.tls.unwrap()
            server.flush()
            await server.reader.read()
            told.set()

        async with serving(by_hand(act)) as port:
            fast = exchange()
            for _ in range(2):
                told.clear()
                answer = await asked(fast, outgoing(port, scheme="https", host="localhost"))
                assert (answer.body, answer.connection.reused) == (b"ok", False)
                await told.wait()
            await fast.close()

    go(main)


def test_a_connection_is_ended_as_tls_has_it() -> None:
    """When it was idle for too long the peer is told; nobody waits for its answer."""

    async def main() -> None:
        told: list[object] = []

        async def act(server: Server) -> None:
            await server.request()
            server.say(OK)
            told.append(await server.do(lambda: server.tls.read(10)))

        async with serving(by_hand(act)) as port:
            way = TransportSettings("https", "localhost", idle_ns=1, proxy="none", ca=CA)
            fast = fast_exchange(way, SystemClock(), waiting=1)
            await asked(fast, outgoing(port, scheme="https", host="localhost"))
            while not told:  # noqa: ASYNC110  # bounded by the test
                await asyncio.sleep(0.001)
            assert told == [b""]
            await fast.close()

    go(main)


@pytest.mark.parametrize("moment", ["head", "body", "idle"])
def test_what_is_no_record_of_tls_ends_the_connection(moment: str) -> None:
    """With the token of what it ended."""

    async def main() -> None:
        idle = asyncio.Event()

        async def act(server: Server) -> None:
            await server.request()
            if moment == "body":
                server.say(OK[:-1])
            if moment == "idle":
                server.say(OK)
                await idle.wait()
            server.writer.write(b"\x17\x03\x03\x00\x20" + bytes(32))
            await server.reader.read()

        async with serving(by_hand(act)) as port:
            fast = exchange()
            asking = asked(fast, outgoing(port, scheme="https", host="localhost"))
            if moment == "idle":
                await asking
                idle.set()
                while fast._links:  # noqa: ASYNC110  # until it was noticed
                    await asyncio.sleep(0.001)
            else:
                with pytest.raises(Failed) as caught:
                    await asking
                token = {"head": "tls_protocol_error", "body": "http_response_incomplete"}[moment]
                assert caught.value.token == token
            await fast.close()

    go(main)


def test_a_handshake_that_is_cut_is_no_connection() -> None:
    """Before its first byte, or in the middle."""

    async def main() -> None:
        for answer in (b"", b"\x16\x03\x03\x00\x7a"):

            async def handle(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes = answer
            ) -> None:
                await reader.read(65536)
                writer.write(answer)
                await writer.drain()

            async with serving(handle) as port:
                fast = exchange()
                with pytest.raises(Unreachable) as caught:
                    await asked(fast, outgoing(port, scheme="https", host="localhost"))
                assert caught.value.token == "tls_protocol_error"
                await fast.close()

    go(main)


@pytest.mark.parametrize("good", [True, False])
def test_a_handshake_may_end_when_nobody_waits_for_it_any_more(good: bool) -> None:
    """In the turn of the loop in which its caller left."""

    class Transport:
        """The other side of it, in memory."""

        def __init__(self) -> None:
            self.got = b""
            self.closed = False

        def set_write_buffer_limits(self, high: int, low: int) -> None:
            """See asyncio."""

        def write(self, data: bytes) -> None:
            """See asyncio."""
            self.got += data

        def close(self) -> None:
            """See asyncio."""
            self.closed = True

    async def main() -> None:
        fast, transport = exchange(), Transport()
        link = Link(Alarms(SystemClock()), fast, Origin("https", "localhost", 443))
        client = Secured(link, ssl.create_default_context(cafile=CA), "localhost", None)
        client.connection_made(transport)  # type: ignore[arg-type]  # a transport for this purpose
        client.ready.cancel()
        came, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = tls_server().wrap_bio(came, going, server_side=True)
        came.write(transport.got)
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
        client.data_received(going.read() if good else b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert transport.closed is not good
        assert link.tls == ("TLSv1.3" if good else None)
        await fast.close()

    go(main)


def test_an_answer_may_come_in_many_records_and_pieces() -> None:
    """Of any size; the handshake's last bytes may come with the first of the answer's connection."""

    async def main() -> None:
        body = bytes(range(256)) * 300

        async def act(server: Server) -> None:
            while True:
                await server.request()
                server.tls.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body))
                for at in range(0, len(body), 997):
                    server.tls.write(body[at : at + 997])
                data = server.going.read()
                for at in range(0, len(data), 20_001):
                    server.writer.write(data[at : at + 20_001])
                    await server.writer.drain()
                    await quiet()

        async with serving(by_hand(act)) as port:
            fast = exchange()
            for _ in range(2):
                answer = await asked(fast, outgoing(port, scheme="https", host="localhost"))
                assert answer.body == body
            await fast.close()

    go(main)


def test_a_write_that_fails_ends_the_connection() -> None:
    """As TLS may, where its state forbids it."""

    async def main() -> None:
        async with serving(answering(OK, OK), tls_server()) as port:
            fast = exchange()
            await asked(fast, outgoing(port, scheme="https", host="localhost"))
            broken = secured(fast)
            with contextlib.suppress(ssl.SSLError):
                broken._secure.unwrap()  # nothing may be written behind that
            with pytest.raises(Unreachable) as caught:
                await asked(fast, outgoing(port, scheme="https", host="localhost"))
            assert caught.value.token == "tls_protocol_error"
            assert broken.is_closing()
            await fast.close()

    go(main)


def test_a_slow_reader_stops_the_provider() -> None:
    """Through TLS, too."""

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await received(reader)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(bytes(100_000))
                await writer.drain()

        async with serving(handle, tls_server()) as port:
            fast = exchange()
            now = SystemClock.now()
            incoming = await fast.send(
                outgoing(port, scheme="https", host="localhost"),
                Connection(),
                connect_by=now + 9 * S,
                write_by=now + 9 * S,
                until=now + 9 * S,
                limit="attempt",
            )
            (link,) = fast._links

            def stopped() -> bool:
                return link._paused

            while not stopped():  # noqa: ASYNC110  # bounded by the test
                await asyncio.sleep(0.001)
            assert len(await incoming.read(now + 9 * S, "attempt")) < 1_000_000
            assert not stopped()
            incoming.abort()
            await fast.close()

    go(main)
