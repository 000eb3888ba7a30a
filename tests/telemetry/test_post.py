"""Bodies are posted over kept connections, and no receiver can confuse or hold up the poster for long."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tracegate import __version__
from tracegate.telemetry.post import ANSWER, Answer, Poster, Unanswered, tls_context

TLS = Path(__file__).parent / "tls"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SOON = 5_000_000_000
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server on a socket that answers each request with the next of some scripted bytes; `None` hangs up."""

    def __init__(self, answers: Sequence[bytes | None]) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.scheme = "http"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.port}/v1/traces?x=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(size))
                answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(server: Server, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """The server on a free port."""
    made = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = made.sockets[0].getsockname()[1]
    server.scheme = "http" if tls is None else "https"
    try:
        yield server
    finally:
        made.close()
        await asyncio.sleep(0)


def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a test on a real loop, bounded."""

    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await main()

    return asyncio.run(bounded())


def answers_to(*answers: bytes | None, posts: int = 1, close: bool = True) -> tuple[list[Any], Server]:
    """Post some times; what came back each time, answers or errors, and the server."""
    server = Server(answers)

    async def main() -> list[Any]:
        poster, found = Poster(), list[Any]()
        async with listening(server):
            for n in range(posts):
                try:
                    found.append(await poster(server.url, (("X-Key", "v"),), b"body%d" % n, SOON))
                except OSError as exc:
                    found.append(exc)
            await poster.close()
            await poster.close()
        return found

    return run(main), server


def test_a_body_is_posted_and_the_answer_read() -> None:
    """One request, exactly as OTLP/HTTP wants it."""
    (answer,), server = answers_to(b"HTTP/1.1 503 Busy\r\nRetry-After:  7 \r\nContent-Length: 2\r\n\r\nno")
    assert answer == Answer(503, (("retry-after", "7"), ("content-length", "2")), b"no")
    assert (answer.header("retry-after"), answer.header("date")) == ("7", None)
    assert server.requests == [
        f"POST /v1/traces?x=1 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUser-Agent: tracegate/{__version__}\r\n"
        "X-Key: v\r\nContent-Length: 5\r\n\r\nbody0".encode()
    ]


def test_another_method_is_sent_in_the_same_way() -> None:
    """What is told of heads is put into stores too."""
    server = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",))

    async def main() -> None:
        poster = Poster()
        async with listening(server):
            assert (await poster(server.url, (), b"body", SOON, "PUT")).status == 200
            await poster.close()

    run(main)
    assert server.requests[0].startswith(b"PUT /v1/traces?x=1 HTTP/1.1\r\n")
    assert server.requests[0].endswith(b"Content-Length: 4\r\n\r\nbody")


def test_a_connection_is_kept() -> None:
    """Three posts, one connection."""
    found, server = answers_to(OK, OK, OK, posts=3)
    assert [answer.body for answer in found] == [b"ok"] * 3
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: t\r\n\r\n",
            200,
            b"abc",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" + OK, 200, b"ok"),
    ],
)
def test_every_framing_keeps_the_connection(answer: bytes, status: int, body: bytes) -> None:
    """The next request comes on the same one."""
    found, server = answers_to(answer, OK, posts=2)
    assert [(a.status, a.body) for a in found] == [(status, body), (200, b"ok")]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (ANSWER + 5) + b"x" * (ANSWER + 5), b"x" * ANSWER),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n%x\r\n" % (ANSWER + 1), b"a"),
    ],
)
def test_a_connection_that_can_not_be_used_again_is_closed(answer: bytes, body: bytes) -> None:
    """So is one whose answer is longer than anybody needs."""
    found, server = answers_to(answer, OK, posts=2)
    assert [a.body for a in found] == [body, b"ok"]
    assert server.connections == 2


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    """As HTTP/1.0 had it."""
    server = Server([])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        writer.close()

    server.serve = serve  # type: ignore[method-assign]  # this server's manner

    async def main() -> Answer:
        async with listening(server):
            return await Poster()(server.url, (), b"", SOON)

    assert run(main).body == b"all of it"


def test_nothing_is_sent_twice() -> None:
    """A server that hangs up on a kept connection may have taken the body: who posts is told, and posts anew."""
    found, server = answers_to(OK, None, OK, posts=3)
    assert [type(answer) for answer in found] == [Answer, Unanswered, Answer]
    assert [request[-5:] for request in server.requests] == [b"body0", b"body1", b"body2"]
    assert server.connections == 2


def test_a_connection_known_to_be_closed_is_not_used() -> None:
    """Its end came while nobody looked."""
    server = Server([OK, OK])

    async def main() -> int:
        poster = Poster()
        async with listening(server):
            await poster(server.url, (), b"", SOON)
            assert poster._idle is not None
            poster._idle.writer.close()
            await poster(server.url, (), b"", SOON)
            await poster.close()
        return server.connections

    assert run(main) == 2


def test_another_origin_gets_another_connection() -> None:
    """What is kept belongs to one host."""
    one, other = Server([OK, OK]), Server([OK])

    async def main() -> None:
        poster = Poster()
        async with listening(one), listening(other):
            for server in (one, other, one):
                await poster(server.url, (), b"", SOON)
            await poster.close()

    run(main)
    assert (one.connections, other.connections) == (2, 1)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nConte",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 900 Odd\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 102 Wait\r\n\r\n" * 9,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (3 * ANSWER),
    ],
)
def test_what_is_no_answer_is_a_failed_connection(answer: bytes | None) -> None:
    """Whatever the receiver says: the body may have arrived. The next post starts anew."""
    server = Server([])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer or b"")
        writer.close()

    server.serve = serve  # type: ignore[method-assign]  # this server's manner

    async def main() -> None:
        async with listening(server):
            poster = Poster()
            for _ in range(2):
                with pytest.raises(Unanswered):
                    await poster(server.url, (), b"body", SOON)
            assert poster._idle is None

    run(main)
    assert server.connections == 2


def test_nobody_listening_is_an_error() -> None:
    """At once."""

    async def main() -> None:
        server = Server([])
        async with listening(server):
            pass
        with pytest.raises(ConnectionRefusedError):
            await Poster()(server.url, (), b"", SOON)

    run(main)


def test_a_receiver_that_hangs_is_left_in_time() -> None:
    """The connection goes with it."""
    hung = asyncio.Event

    async def main() -> None:
        left = hung()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()  # to the end, which is our leaving
            left.set()
            writer.close()

        server = Server([])
        server.serve = serve  # type: ignore[method-assign]  # this server's manner
        async with listening(server):
            with pytest.raises(Unanswered, match="no answer in time"):
                await Poster()(server.url, (), b"", 50_000_000)
            await left.wait()

    run(main)


def test_a_connection_that_is_not_made_in_time_has_carried_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain `TimeoutError`: nothing can have arrived."""

    async def open_connection(*_: object, **__: object) -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        monkeypatch.setattr(asyncio, "open_connection", open_connection)
        with pytest.raises(TimeoutError):
            await Poster()("http://127.0.0.1:9", (), b"", 1_000_000)

    run(main)


def server_tls(ca: str | None = None) -> ssl.SSLContext:
    """A server's side of TLS; with `ca` it asks clients for certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    if ca is not None:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_https_is_verified_and_kept() -> None:
    """With our own authority and a client certificate, which the server asks for."""
    server = Server([OK, OK])
    ca = str(TLS / "ca.pem")

    async def main() -> list[int]:
        poster = Poster(tls_context(ca, str(TLS / "client.pem"), str(TLS / "client.key")))
        async with listening(server, server_tls(ca)):
            found = [(await poster(server.url, (), b"", SOON)).status for _ in range(2)]
            await poster.close()
        return found

    assert run(main) == [200, 200]
    assert server.connections == 1


def test_a_certificate_of_nobody_is_refused() -> None:
    """The system does not know our authority."""
    server = Server([OK])

    async def main() -> None:
        async with listening(server, server_tls()):
            with pytest.raises(ssl.SSLCertVerificationError):
                await Poster()(server.url, (), b"", SOON)

    run(main)


def test_missing_files_are_told_at_once() -> None:
    """When the context is made, not when something is sent."""
    with pytest.raises(FileNotFoundError):
        tls_context(str(TLS / "nothing.pem"), None, None)
    with pytest.raises(FileNotFoundError):
        tls_context(None, str(TLS / "nothing.pem"), None)


def test_default_ports_and_paths() -> None:
    """Of the scheme; user and password are no part of `Host`."""
    from tracegate.telemetry.post import _origin

    plain, secure = _origin("http://user:word@collector"), _origin("https://[::1]:4318/v1/logs")
    assert (plain.host, plain.port, plain.target, plain.host_field) == ("collector", 80, "/", "collector")
    assert (secure.host, secure.port, secure.secure, secure.host_field) == ("::1", 4318, True, "[::1]:4318")
    assert _origin("https://c/").port == 443
