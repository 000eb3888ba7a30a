"""The wire: what a client may send before there is a request, over real sockets and on both event loops."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest

from tests.server.certificate import certificate, trusting
from tests.server.opened import KEY, KEYS
from tests.server.sockets import POST, SOON_S, Served, call, on_sockets, read_all, until
from tracegate.server.limits import WAITING, Wire
from tracegate.server.protocol import LimitedProtocol
from tracegate.testing.script import Step

pytestmark = pytest.mark.slow

# uvloop serves; where transports differ, asyncio's own, which serves on Windows, is tried too.
BOTH = pytest.mark.parametrize("loop", ["uvloop", "asyncio"])


@pytest.fixture
def loop() -> str:
    """Which event loop serves."""
    return "uvloop"


# --- the size of a header section ---

LIMIT = 1000


def sized(size: int) -> bytes:
    """A request whose header section counts so many bytes: its target, and `name: value` with its end, each."""
    fields = [("host", "gw.test"), ("x-fill", "")]
    counted = len("/healthz") + sum(len(name) + len(value) + 4 for name, value in fields)
    fields[1] = ("x-fill", "x" * (size - counted))
    return b"GET /healthz HTTP/1.1\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in fields) + b"\r\n"


@pytest.mark.parametrize("cut", [1, 7, LIMIT // 2, 10_000])
def test_the_limit_of_a_header_section_is_exact(loop: str, cut: int) -> None:
    """However its bytes are cut into reads."""

    async def asked(served: Served) -> None:
        for size, status in ((LIMIT, 200), (LIMIT + 1, 431)):
            async with served.client() as client:
                data = sized(size)
                for at in range(0, len(data), cut):
                    client.send(data[at : at + cut])
                    await asyncio.sleep(0)
                answer = await client.answer()
                assert answer.status == status
                if status == 431:
                    assert (answer.code, answer.fields["connection"]) == ("header_too_large", "close")
                    assert await client.closed() == b""

    on_sockets(loop, asked, limits="header: 1KB")


@BOTH
@pytest.mark.parametrize("head", [b"GET /healthz HTTP/1.1\r\nx-fill: ", b"GET /", b"GET /healthz HTTP/1.1\r\nx"])
def test_a_megabyte_without_an_end_of_line_is_refused(loop: str, head: bytes) -> None:
    """The parser would keep all of it; and the client can read why, though it is still sending."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(head)
            client.send(b"a" * 1_000_000)
            assert (await client.answer()).code == "header_too_large"
            assert await client.closed() == b""

    on_sockets(loop, asked)


@pytest.mark.parametrize("part", [b"1;ext=" + b"e" * 300_000, b"0\r\nx-trailer: " + b"t" * 300_000, b"0" * 300_000])
def test_what_makes_no_sense_behind_the_head_is_bounded_too(loop: str, part: bytes) -> None:
    """Extensions of a chunk and trailers have no end of their own; the request that runs gets its answer."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(b"GET /readyz HTTP/1.1\r\nhost: gw.test\r\ntransfer-encoding: chunked\r\n\r\n")
            assert (await client.answer()).status == 200
            for at in range(0, len(part), 10_000):
                client.send(part[at : at + 10_000])
                await asyncio.sleep(0)
            rest = await client.closed()
            assert rest.startswith(b"HTTP/1.1 431 ")

    on_sockets(loop, asked)


def test_trailers_count_with_the_header_section(loop: str) -> None:
    """Many small ones are no way around the limit."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(b"GET /readyz HTTP/1.1\r\nhost: gw.test\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
            assert (await client.answer()).status == 200
            client.send(b"x-trailer: t\r\n" * 5000)
            assert (await client.answer()).code == "header_too_large"

    on_sockets(loop, asked)


def test_a_refusal_is_said_once(loop: str) -> None:
    """Whatever stands behind it."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(sized(LIMIT + 50)[:-2] + b"x: y\r\nbad name: x\r\n\r\nGARBAGE")
            assert (await client.answer()).status == 431
            assert await client.closed() == b""

    on_sockets(loop, asked, limits="header: 1KB")


@BOTH
def test_a_refusal_ends_a_connection_with_tls_too(loop: str) -> None:
    """Which can't be half closed."""
    cert, key = certificate()

    async def asked(served: Served) -> None:
        async with served.client(trusting()) as client:
            client.send(sized(LIMIT + 50))
            assert (await client.answer()).code == "header_too_large"
            assert await client.closed() == b""

    listen = f'{{address: "127.0.0.1:0", tls: {{cert: {cert}, key: {key}}}}}'
    on_sockets(loop, asked, listen=listen, limits="header: 1KB")


# --- time ---


def test_a_header_section_that_trickles_is_refused_in_time(loop: str) -> None:
    """Counted from its first byte: byte by byte it would last for ever."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            now = asyncio.get_running_loop().time
            began = now()
            trickling = asyncio.create_task(client.trickle(sized(LIMIT), 0.02))
            answer = await client.answer()
            assert (answer.status, answer.code) == (408, "request_timeout")
            assert 0.15 <= now() - began < 2
            trickling.cancel()
            await asyncio.wait([trickling])

    on_sockets(loop, asked, limits="header_time: 200ms")


def test_a_slow_header_section_in_time_is_served(loop: str) -> None:
    """And its timer is gone."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            await client.trickle(sized(200), 0.001)
            assert (await client.answer()).status == 200
            assert made[0]._phase == "idle"
            client.send(sized(100))
            assert (await client.answer()).status == 200

    with noting() as made:
        on_sockets(loop, asked, limits="header_time: 5s")


@BOTH
@pytest.mark.parametrize("sent", [b"", b"\r\n"])
@pytest.mark.parametrize("after_a_request", [False, True])
def test_an_idle_connection_is_closed(loop: str, sent: bytes, after_a_request: bool) -> None:
    """A new one, and a kept one; empty lines, which may stand before a request, do not keep it."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            if after_a_request:
                client.send(sized(100))
                assert (await client.answer()).status == 200
            now = asyncio.get_running_loop().time
            began = now()
            trickling = asyncio.create_task(client.trickle(sent * 100, 0.03))
            with suppress(ConnectionResetError):  # closed is closed, with a reset or without
                assert await client.closed() == b""
            assert 0.15 <= now() - began < 2
            trickling.cancel()
            await asyncio.wait([trickling])

    on_sockets(loop, asked, limits="keep_alive: 200ms")


def test_the_rest_of_a_body_that_was_answered_already_is_not_waited_for(loop: str) -> None:
    """A refused client may trickle it for as long as an idle connection is kept, in all."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(f"{POST}content-length: 1000000\r\n\r\n".encode())
            assert (await client.answer()).status == 413
            now = asyncio.get_running_loop().time
            began = now()
            trickling = asyncio.create_task(client.trickle(b"x" * 100, 0.03))
            assert await client.closed() == b""
            assert now() - began < 2
            trickling.cancel()
            await asyncio.wait([trickling])

    on_sockets(loop, asked, limits="body: 10KB, keep_alive: 200ms")


def test_a_client_that_sends_its_refused_body_to_the_end_keeps_its_connection(loop: str) -> None:
    """It reads the refusal, and asks again."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(f"{POST}content-length: 20000\r\n\r\n".encode() + b"x" * 20_000)
            assert (await client.answer()).code == "request_too_large"
            client.send(call())
            assert (await client.answer()).status == 200

    on_sockets(loop, asked, limits="body: 10KB")


def test_a_body_that_is_slower_than_the_deadline_is_refused(loop: str) -> None:
    """408, and the connection ends."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(call()[:-5])
            answer = await client.answer()
            assert (answer.status, answer.code) == (408, "request_timeout")
            assert answer.fields["connection"] == "close"
            assert await client.closed() == b""

    on_sockets(loop, asked, more="timeouts: {deadline: 300ms}\n")


# --- what is no request ---


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT gw.test:443 HTTP/1.1\r\nhost: gw.test\r\n\r\n",
        "GET /ü HTTP/1.1\r\nhost: gw.test\r\n\r\n".encode(),
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad name: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_http_is_refused_in_openais_shape(loop: str, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """400, and the connection ends; what still comes is ignored."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(sent)
            answer = await client.answer()
            assert (answer.status, answer.code) == (400, "invalid_http")
            client.send(call())
            assert await client.closed() == b""

    caplog.set_level(logging.ERROR)
    on_sockets(loop, asked)
    assert caplog.text == ""


@pytest.mark.parametrize("protocol_name", ["h2c", "websocket"])
def test_an_upgrade_that_we_do_not_know_is_not_taken(
    loop: str, protocol_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Java's client offers one with every request; it gets HTTP/1.1, and nobody a warning."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            for _ in range(2):
                client.send(call(fields=f"connection: upgrade, http2-settings\r\nupgrade: {protocol_name}\r\n"))
                assert (await client.answer()).status == 200

    on_sockets(loop, asked)
    assert caplog.text == ""


# --- connections ---


@pytest.mark.parametrize(
    ("request_line", "fields", "kept"),
    [("HTTP/1.1", "", True), ("HTTP/1.1", "connection: close\r\n", False), ("HTTP/1.0", "", False)],
)
def test_a_connection_is_kept_as_its_client_says(loop: str, request_line: str, fields: str, kept: bool) -> None:
    """The default of HTTP/1.1 is to keep it."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(call(fields=fields).replace(b"HTTP/1.1", request_line.encode()))
            answer = await client.answer()
            assert (answer.status, answer.fields.get("connection")) == (200, None if kept else "close")
            if not kept:
                assert await client.closed() == b""

    on_sockets(loop, asked)


def test_a_client_that_asks_before_it_sends_its_body_is_answered(loop: str) -> None:
    """`100 Continue`, or the refusal at once: then nothing is sent for nothing."""

    async def asked(served: Served) -> None:
        for size, kind in ((len(call().partition(b"\r\n\r\n")[2]), b"100"), (1_000_000, b"413")):
            async with served.client() as client:
                client.send(f"{POST}content-length: {size}\r\nExpect: 100-Continue\r\n\r\n".encode())
                line = await client.reader.readline()
                assert line.split()[1] == kind
                if kind == b"100":
                    await client.reader.readline()
                    client.send(call().partition(b"\r\n\r\n")[2])
                    assert (await client.answer()).status == 200

    on_sockets(loop, asked, limits="body: 10KB")


def test_requests_that_are_sent_at_once_are_answered_in_order(loop: str) -> None:
    """Pipelining: of each its own answer."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(call("nope1") + call(stream=True) + call("nope2") + call())
            answers = [await client.answer() for _ in range(4)]
            assert [answer.status for answer in answers] == [404, 200, 404, 200]
            assert [b"nope1" in answers[0].body, b"nope2" in answers[2].body] == [True, True]
            assert answers[1].body.endswith(b"data: [DONE]\n\n")

    on_sockets(loop, asked)


def test_too_many_requests_behind_one_end_its_connection(loop: str) -> None:
    """The one that runs gets its answer, which is the last."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(call() + call() * (WAITING + 1))
            answer = await client.answer()
            assert (answer.status, answer.fields["connection"]) == (200, "close")
            assert await client.closed() == b""

    assert len(on_sockets(loop, asked, "sim-ok+wait=100ms").view.requests) == 1


def test_a_bad_request_behind_one_does_not_disturb_it(loop: str) -> None:
    """A refusal there could be taken for its answer."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(call() + b"GARBAGE\r\n\r\n")
            answer = await client.answer()
            assert (answer.status, answer.fields["connection"]) == (200, "close")
            assert await client.closed() == b""

    on_sockets(loop, asked, "sim-ok+wait=100ms")


def test_a_slow_request_behind_one_does_not_disturb_it(loop: str) -> None:
    """Its time counts when it is its turn."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(call() + b"GET ")
            assert (await client.answer()).status == 200
            client.send(b"/healthz HTTP/1.1\r\nhost:")
            assert (await client.answer()).code == "request_timeout"

    on_sockets(loop, asked, "sim-ok+wait=300ms", limits="header_time: 100ms")


@pytest.mark.parametrize("behind", [b"", call()])
def test_a_client_that_leaves_is_noticed_also_when_it_has_sent_more(loop: str, behind: bytes) -> None:
    """By the request that runs; those behind it never begin."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(call() + behind)
            await until(lambda: len(served.exchange.log) > 0)
        (request,) = await served.view.until(1, SOON_S)
        assert request.server.reason == "client_disconnect"

    assert len(on_sockets(loop, asked, "sim-silence").view.requests) == 1


@BOTH
def test_a_client_that_leaves_late_is_noticed_whatever_it_sent(loop: str) -> None:
    """A body that comes at once makes uvicorn stop reading, and then nobody would learn that the client left."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(f"{POST}content-length: {len(body)}\r\n\r\n".encode() + body)
            await until(lambda: any(connection._left for connection in made))
            assert made[0]._reading
            made[0].left(lambda: None, False)  # of a request before it, which ends only now
        (request,) = await served.view.until(1, SOON_S)
        assert request.server.reason == "client_disconnect"
        assert made[0]._left is None

    body = call().partition(b"\r\n\r\n")[2] + b" " * 200_000
    with noting() as made:
        on_sockets(loop, asked, "sim-silence")


@BOTH
def test_a_client_that_does_not_read_is_dropped_at_the_deadline(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    """Else what lies unsent would keep the connection; nobody logs it as a fault."""

    async def asked(served: Served) -> None:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(served.address)
            sock.sendall(call(stream=True))
            (request,) = await served.view.until(1, SOON_S)
            assert request.server.reason == "deadline"
            sock.settimeout(SOON_S)
            assert not (await asyncio.to_thread(read_all, sock)).endswith(b"0\r\n\r\n")

    event = 'data: {"choices": [{"index": 0, "delta": {"content": "' + "x" * 60_000 + '"}}]}\n\n'
    much = Step(body=event * 20, content_type="text/event-stream", split=65_536)  # more than both sockets hold
    # Long enough for a busy machine to fill both sockets before: else the provider's side is what is late.
    on_sockets(loop, asked, "much", {"much": much}, route="deadline: 2s, ")
    assert caplog.text == ""


def test_a_stop_makes_the_gateway_not_ready_and_closes_idle_connections(loop: str) -> None:
    """The answer that runs is the last of its connection."""
    tasks: list[asyncio.Task[None]] = []
    seen: list[object] = []

    async def idle(served: Served) -> None:
        async with served.client() as client:
            seen.append(await client.closed())
            seen.append(set(served.made.gateway.not_ready))

    async def running(served: Served) -> None:
        async with served.client() as client:
            client.send(call())
            answer = await client.answer()
            seen.append((answer.status, answer.fields["connection"]))

    async def asked(served: Served) -> None:
        tasks.extend(asyncio.create_task(one(served)) for one in (idle, running))
        await until(lambda: len(served.exchange.log) > 0)

    async def afterwards() -> None:
        await asyncio.wait(tasks)

    on_sockets(loop, asked, "sim-ok+wait=300ms", afterwards=afterwards)
    assert seen == [b"", {"shutting_down"}, (200, "close")]


@BOTH
def test_a_refused_client_that_does_not_hang_up_is_dropped(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a while to read why."""
    monkeypatch.setattr("tracegate.server.assemble.Wire", partial(Wire, linger_ns=100_000_000))

    async def asked(served: Served) -> None:
        with socket.create_connection(served.address) as sock:
            sock.setblocking(False)
            running = asyncio.get_running_loop()
            await running.sock_sendall(sock, b"GARBAGE\r\n\r\n")
            async with asyncio.timeout(SOON_S):
                while await running.sock_recv(sock, 65536):
                    pass
                while True:  # half closed: what is sent is still taken, until the connection is dropped
                    try:
                        await running.sock_sendall(sock, b"more")
                    except OSError:
                        break
                    await asyncio.sleep(0.02)  # what is sent after a drop comes back as an error, a moment later

    on_sockets(loop, asked)


@BOTH
def test_a_connection_that_is_reset_leaves_nothing(loop: str) -> None:
    """In the head, in the body, during the answer."""

    async def asked(served: Served) -> None:
        for sent in (b"GET /", call()[:-3], call()):
            sock = socket.create_connection(served.address)
            sock.sendall(sent)
            await asyncio.sleep(0.05)  # a reset that overtakes the bytes would let the server see none of them
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        requests = await served.view.until(2, SOON_S)
        assert {request.server.reason for request in requests} == {"client_disconnect"}

    on_sockets(loop, asked, "sim-silence")


@contextmanager
def noting() -> Iterator[list[LimitedProtocol]]:
    """The protocols that a server makes."""
    made: list[LimitedProtocol] = []

    class Noted(LimitedProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracegate.server.serve.LimitedProtocol", Noted)
        yield made


@BOTH
def test_dropping_a_connection_on_which_nothing_runs_is_harmless(loop: str) -> None:
    """Nobody is told."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            await until(lambda: len(made) > 0)
            made[0].drop()
            with suppress(ConnectionResetError):  # closed is closed, with a reset or without
                assert await client.closed() == b""

    with noting() as made:
        on_sockets(loop, asked)


@BOTH
def test_a_time_that_passes_while_a_connection_closes_is_harmless(loop: str) -> None:
    """Both may be due in one turn of the loop."""

    async def asked(served: Served) -> None:
        async with served.client() as client:
            client.send(b"GET /")
            await until(lambda: len(made) > 0)
            made[0].transport.close()
            made[0]._by = 0
            made[0].ring()
            with suppress(ConnectionResetError):  # closed is closed, with a reset or without
                assert await client.closed() == b""

    with noting() as made:
        on_sockets(loop, asked)


def test_each_connection_keeps_who_called_over_it_and_forgets_it_at_its_end(loop: str) -> None:
    """No other one is asked, and no key outlives its connection."""

    async def asked(served: Served) -> None:
        async with served.client() as client, served.client():
            await until(lambda: len(made) == 2)
            first, second = made
            client.send(call(fields=f"api-key: {KEY}\r\n"))
            assert (await client.answer()).status == 200
            kept = [one.called and one.called[0] for one in (first, second)]
            assert kept in ([KEY.encode(), None], [None, KEY.encode()])
        await until(lambda: first.gone and second.gone)
        assert first.called is second.called is None

    with noting() as made:
        on_sockets(loop, asked, more=KEYS)
