"""What httpcore does not look at: each fault is shown with httpx alone, and gone with the network of ours."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable

import httpcore
import httpx
import pytest

from tests.upstream.served import (
    OK,
    TLS,
    Handler,
    answering,
    asked,
    exchanging,
    go,
    outgoing,
    quiet,
    received,
    sending_alerts,
    serving,
    tls_server,
)
from tracegate.errors import Unreachable
from tracegate.upstream.network import Network, NothingCame, Stream, left_over

pytestmark = pytest.mark.slow

EVIL = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nEVIL"
CA = str(TLS / "ca.pem")


def behind(answer: bytes) -> Handler:
    """A provider that says more than it was asked for, and good answers on every further request."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await received(reader)
        writer.write(answer)
        writer.write(EVIL)  # with TLS, a record of its own
        while await received(reader):
            writer.write(OK)

    return handle


def of_size(size: int) -> bytes:
    """An answer of so many bytes, head and body."""
    body = size
    while len(answer := b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (body, b"x" * body)) > size:
        body -= 1
    return answer


@contextlib.asynccontextmanager
async def plain_httpx(scheme: str, port: int) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Httpx's own transport, asked by a function without anything of ours."""
    context = ssl.create_default_context(cafile=CA)
    transport = httpx.AsyncHTTPTransport(verify=context)

    async def ask() -> bytes:
        answer = await transport.handle_async_request(
            httpx.Request("POST", f"{scheme}://127.0.0.1:{port}/", content=b"x")
        )
        body = await answer.aread()
        await answer.aclose()
        await quiet()
        return body

    yield ask
    await transport.aclose()


# Where bytes behind an answer lie when it was read: in the parser of HTTP, in what anyio took from the socket (one
# read of the socket is larger than one of the parser), in what TLS has not yet decrypted.
BEHIND = {
    "parser": ("http", OK),
    "anyio": ("http", of_size(64 * 1024)),
    "tls": ("https", OK),
}


@pytest.mark.parametrize("place", BEHIND)
def test_httpx_still_takes_bytes_behind_an_answer_for_the_next_one(place: str) -> None:
    """The reason for `left_over` and `Stream`; when this fails, somebody mended it."""
    scheme, answer = BEHIND[place]

    async def main() -> None:
        async with (
            serving(behind(answer), tls_server() if scheme == "https" else None) as port,
            plain_httpx(scheme, port) as ask,
        ):
            await ask()
            assert await ask() == b"EVIL"

    go(main)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("place", BEHIND)
def test_bytes_behind_an_answer_never_reach_the_next_request(place: str) -> None:
    """Its connection is dropped, and the next request has another one."""
    scheme, answer = BEHIND[place]

    async def main() -> None:
        async with (
            serving(behind(answer), tls_server() if scheme == "https" else None) as port,
            exchanging(scheme=scheme, ca=CA if scheme == "https" else None) as exchange,
        ):
            for _ in range(3):
                answered = await asked(exchange, outgoing(port, scheme=scheme))
                assert not answered.body.endswith(b"EVIL")
                assert answered.connection.reused is False
                await quiet()

    go(main)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_without_anything_behind_its_answer_is_used_again(scheme: str) -> None:
    """The guard does not cost every connection."""

    async def main() -> None:
        async with (
            serving(answering(*[OK] * 3), tls_server() if scheme == "https" else None) as port,
            exchanging(scheme=scheme, ca=CA if scheme == "https" else None) as exchange,
        ):
            told = []
            for _ in range(3):
                answered = await asked(exchange, outgoing(port, scheme=scheme))
                told.append((answered.connection.reused, answered.connection.tls))
                await quiet()
            assert told == [(reused, "TLSv1.3" if scheme == "https" else None) for reused in (False, True, True)]

    go(main)


async def hears_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read until the caller hangs up; answer nothing, not even TLS."""
    while await reader.read(65536):
        pass


async def cancelled_in_handshake(start: Callable[[int], asyncio.Task[object]]) -> bool:
    """Cancel a request in its TLS handshake; whether the peer sees the end of the connection."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        began.set()
        await hears_nothing(reader, writer)
        ended.set()

    async with serving(handle) as port:
        task = start(port)
        await began.wait()
        task.cancel()
        await asyncio.wait([task])
        try:
            async with asyncio.timeout(0.1):
                await ended.wait()
        except TimeoutError:
            return False
    return True


def test_httpcore_still_leaves_the_socket_of_a_cancelled_handshake_open() -> None:
    """The reason for what `Stream.start_tls` does; when this fails, somebody mended it."""

    async def main() -> None:
        transport = httpx.AsyncHTTPTransport()

        def start(port: int) -> asyncio.Task[object]:
            request = httpx.Request("GET", f"https://127.0.0.1:{port}/")
            return asyncio.get_running_loop().create_task(transport.handle_async_request(request))

        assert not await cancelled_in_handshake(start)
        await transport.aclose()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of the socket that it leaves behind
        go(main)


@pytest.mark.usefixtures("transport")
def test_a_cancelled_handshake_closes_its_socket() -> None:
    """At once."""

    async def main() -> None:
        async with exchanging(scheme="https") as exchange:

            def start(port: int) -> asyncio.Task[object]:
                return asyncio.get_running_loop().create_task(asked(exchange, outgoing(port, scheme="https")))

            assert await cancelled_in_handshake(start)

    go(main)


def test_httpx_still_lets_tls_alerts_pass_as_what_they_are() -> None:
    """The reason why `Stream.read` maps them; when this fails, somebody mended it."""

    async def main() -> None:
        async with serving(sending_alerts(tls_server(clients=True))) as port, plain_httpx("https", port) as ask:
            with pytest.raises(ssl.SSLError):
                await ask()

    go(main)


@pytest.mark.usefixtures("transport")
def test_an_alert_while_the_head_is_awaited_is_a_tls_alert() -> None:
    """With TLS 1.3 a provider refuses a caller's certificate only after the handshake."""

    async def main() -> None:
        async with (
            serving(sending_alerts(tls_server(clients=True))) as port,
            exchanging(scheme="https", ca=CA) as exchange,
        ):
            with pytest.raises(Unreachable, match="CERTIFICATE_REQUIRED") as caught:
                await asked(exchange, outgoing(port, scheme="https"))
            assert caught.value.token == "tls_alert_received"

    go(main)


class Played(httpcore.AsyncNetworkStream):
    """A stream that gives what it is told to, in order."""

    def __init__(self, *plays: bytes | Exception) -> None:
        self.plays = list(plays)
        self.asked: list[str] = []

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # as in httpcore
        """See httpcore."""
        return self._next()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  # as in httpcore
        """See httpcore."""
        self._next()

    async def aclose(self) -> None:
        """See httpcore."""
        self.asked.append("close")

    def get_extra_info(self, info: str) -> object:
        """See httpcore."""
        self.asked.append(info)
        return f"the {info}"

    def _next(self) -> bytes:
        play = self.plays.pop(0)
        if isinstance(play, Exception):
            raise play
        return play


def test_the_end_before_any_byte_is_told_from_a_cut() -> None:
    """An end as well as an error; and anew with each request."""

    async def main() -> None:
        stream = Stream(Played(b"", b"H", b"", b"", b"", httpcore.ReadError("reset")), lambda: 7)
        await stream.write(b"x")
        assert await stream.read(9) == b"H"
        assert stream.first == 7
        assert await stream.read(9) == b""
        await stream.write(b"x")
        with pytest.raises(NothingCame):
            await stream.read(9)
        with pytest.raises(NothingCame, match="reset"):
            await stream.read(9)
        stream = Stream(Played(b"H", httpcore.ReadError("reset")), lambda: 7)
        await stream.read(9)
        with pytest.raises(httpcore.ReadError) as caught:
            await stream.read(9)
        assert not isinstance(caught.value, NothingCame)

    go(main)


def test_a_fault_of_tls_while_writing_is_a_write_error() -> None:
    """So httpcore goes on to read what the provider has to say."""

    async def main() -> None:
        with pytest.raises(httpcore.WriteError, match="bad"):
            await Stream(Played(ssl.SSLError("bad")), lambda: 7).write(b"x")

    go(main)


def test_what_a_connection_is_is_asked_once() -> None:
    """Its peer does not change."""
    played = Played()
    stream = Stream(played, lambda: 7)
    assert [stream.get_extra_info("server_addr") for _ in range(2)] == ["the server_addr"] * 2
    assert played.asked == ["server_addr"]


def test_a_connection_that_can_not_be_looked_into_is_never_used_again() -> None:
    """Safe, where a library changed what we look at."""
    assert Stream(Played(), lambda: 7).get_extra_info("is_readable") is True


def test_what_is_behind_an_answer_of_an_unknown_make() -> None:
    """Of our own network it counts as spoilt; of another transport nothing is known."""
    assert not left_over(httpx.Response(200, content=b"x"))
    assert left_over(httpx.Response(200, content=b"x", extensions={"network_stream": Stream(Played(), lambda: 7)}))


def test_connections_are_opened_by_the_network_below() -> None:
    """With its arguments."""

    class Below(httpcore.AsyncNetworkBackend):
        async def connect_tcp(self, *given: object) -> httpcore.AsyncNetworkStream:
            assert given == ("host", 1, None, None, None)
            return Played(b"data")

    async def main() -> None:
        stream = await Network(Below(), lambda: 7).connect_tcp("host", 1)
        assert await stream.read(9) == b"data"

    go(main)
