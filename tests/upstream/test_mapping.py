"""What the network does, as real sockets do it and as libraries say it, and the token it gets."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import uvloop

from tests.upstream.served import (
    OK,
    TLS,
    Handler,
    answering,
    asked,
    exchanging,
    go,
    outgoing,
    received,
    sending_alerts,
    serving,
    tls_server,
)
from tracegate.errors import Broken, Failed, TimedOut, Unreachable
from tracegate.testing import Simulator
from tracegate.upstream.faults import SHOWN
from tracegate.upstream.mapping import broken, unreachable

pytestmark = pytest.mark.slow

CA = str(TLS / "ca.pem")


async def failure(
    port: int, *, model: str = "m", scheme: str = "http", host: str = "127.0.0.1", ca: str | None = CA
) -> Failed:
    """What an exchange with a server fails with."""
    async with exchanging(scheme=scheme, ca=ca) as exchange:
        with pytest.raises(Failed) as caught:
            await asked(exchange, outgoing(port, model, scheme=scheme, host=host))
    return caught.value


async def met(handler: Handler, tls: ssl.SSLContext | None = None, **given: Any) -> Failed:
    """What an exchange with a handler fails with."""
    async with serving(handler, tls) as port:
        return await failure(port, **given)


def hanging_up(*, reset: bool) -> Handler:
    """A handler that hangs up on what comes first."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 if reset else 65536)  # what lies unread makes a reset of the end
        writer.close()

    return handle


@pytest.mark.usefixtures("transport")
def test_a_refused_connection() -> None:
    """By every address of the name, too."""

    async def main() -> None:
        async with Simulator() as sim:
            port = int(sim.refusing_url().split(":")[2].split("/")[0])
            for host in ("127.0.0.1", "localhost"):
                exc = await failure(port, host=host)
                assert (type(exc), exc.class_, exc.token) == (Unreachable, "connection", "connection_refused")
                assert isinstance(exc.__cause__, httpx.ConnectError | OSError)

    go(main)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("loop", [None, uvloop.new_event_loop])
@pytest.mark.parametrize("reset", [False, True])
def test_a_provider_that_hangs_up_on_whoever_calls_is_not_waited_for(
    reset: bool, loop: Callable[[], asyncio.AbstractEventLoop] | None
) -> None:
    """Its end may come between the connection and the request; it is no limit that ends the exchange."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reset:
            writer.transport.abort()

    async def main() -> None:
        async with serving(handle) as port:
            exc = await failure(port)
            assert (type(exc), exc.token) == (Unreachable, "connection_terminated")

    go(main, loop)


@pytest.mark.usefixtures("transport")
def test_a_name_that_can_not_be_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the resolver says."""

    def unresolved(*given: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def main() -> None:
        monkeypatch.setattr(socket, "getaddrinfo", unresolved)
        exc = await failure(80, host="nowhere.example")
        assert (type(exc), exc.token) == (Unreachable, "dns_error")

    go(main)


@pytest.mark.usefixtures("transport")
def test_an_address_without_a_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system says it to whoever connects."""

    async def unroutable(*given: object, **more: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    async def main() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", unroutable)
        exc = await failure(80)
        assert (type(exc), exc.token) == (Unreachable, "destination_ip_unroutable")

    go(main)


@pytest.mark.usefixtures("transport")
def test_certificates_that_prove_nothing() -> None:
    """Of an unknown authority, and of another host: verification is never off."""

    async def main() -> None:
        strange = await met(answering(OK), tls_server(), scheme="https", ca=None)
        assert (type(strange), strange.token) == (Unreachable, "tls_certificate_error")
        assert "self-signed certificate in certificate chain" in str(strange)
        other = await met(answering(OK), tls_server("elsewhere"), scheme="https")
        assert other.token == "tls_certificate_error"
        assert "127.0.0.1" in str(other)

    go(main)


@pytest.mark.usefixtures("transport")
def test_faults_of_tls() -> None:
    """An alert, something that is no TLS, and an end in the middle of the handshake."""

    async def main() -> None:
        old = tls_server(clients=True)
        old.maximum_version = ssl.TLSVersion.TLSv1_2  # asks for a certificate within the handshake
        alert = await met(sending_alerts(old), scheme="https")
        assert (type(alert), alert.token) == (Unreachable, "tls_alert_received")

        async def talks_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(OK)
            await reader.read()

        wrong = await met(talks_http, scheme="https")
        assert (wrong.token, str(wrong)) == (
            "tls_protocol_error",
            "TLS with the provider failed: WRONG_VERSION_NUMBER.",
        )
        for reset in (False, True):
            ended = await met(hanging_up(reset=reset), scheme="https")
            assert (type(ended), ended.token) == (Unreachable, "tls_protocol_error")
            assert "closed the connection during the TLS handshake" in str(ended)

    go(main)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("answer", "token"), [(b"", "connection_terminated"), (OK[:-1], "http_response_incomplete")])
def test_an_end_within_tls_is_no_fault_of_tls(answer: bytes, token: str, reset: bool) -> None:
    """Before the head and in the body; TLS was only what waited for more."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await received(reader)
        writer.write(answer)
        await writer.drain()
        if not reset:
            writer.close()  # with the end that TLS has of its own
            await writer.wait_closed()

    async def main() -> None:
        assert (await met(handle, tls_server(), scheme="https")).token == token

    go(main)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize(
    ("model", "type_", "token"),
    [
        ("sim-reset-before-head", Unreachable, "connection_terminated"),
        ("sim-close-before-head", Unreachable, "connection_terminated"),
        ("sim-cut=mid-head", Unreachable, "connection_terminated"),
        ("sim-cut=mid-head+reset", Unreachable, "connection_terminated"),
        ("sim-not-http", Broken, "http_protocol_error"),
        ("sim-reset-after-head", Broken, "http_response_incomplete"),
        ("sim-close-after-head", Broken, "http_response_incomplete"),
        ("sim-cut=half", Broken, "http_response_incomplete"),
        ("sim-cut=half+framing=chunked", Broken, "http_response_incomplete"),
        ("sim-bad-frame=0+framing=chunked", Broken, "http_protocol_error"),
    ],
)
def test_answers_that_end_early_or_are_malformed(model: str, type_: type[Failed], token: str, transport: str) -> None:
    """By where they ended (ruling 48)."""

    async def main() -> None:
        async with Simulator() as sim:
            exc = await failure(sim.port, model=model)
        assert (type(exc), exc.token) == (type_, token)
        assert exc.__cause__ is not None or transport == "fast"  # which need not be told by an exception

    go(main)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize(
    ("answer", "token"),
    [
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200_000, "http_response_header_section_size"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000, "http_response_header_section_size"),
        (b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n", "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxy\r\n", "http_protocol_error"),
    ],
)
def test_what_is_no_answer_of_http(answer: bytes, token: str) -> None:
    """Malformed, or beyond what is read of a head."""

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await received(reader)
            writer.write(answer)
            await reader.read()

        exc = await met(handle)
        assert (type(exc), exc.class_, exc.token) == (Broken, "broken_answer", token)

    go(main)


@pytest.mark.parametrize(
    ("exc", "type_", "class_", "token"),
    [
        (httpx.PoolTimeout(""), Failed, "overloaded", "connection_limit_reached"),
        (httpx.ConnectTimeout(""), TimedOut, "timeout", "connection_timeout"),
        (httpx.WriteTimeout(""), TimedOut, "timeout", "connection_write_timeout"),
        (httpx.ReadTimeout(""), TimedOut, "timeout", "connection_read_timeout"),
        (TimeoutError(), TimedOut, "timeout", "connection_read_timeout"),
        (httpx.ConnectError("odd"), Unreachable, "connection", "connection_refused"),
        (httpx.ReadError(""), Unreachable, "connection", "connection_terminated"),
        (httpx.WriteError(""), Unreachable, "connection", "connection_terminated"),
        (httpx.RemoteProtocolError("Server disconnected"), Unreachable, "connection", "connection_terminated"),
        (httpx.RemoteProtocolError("<StreamReset stream_id:1>"), Unreachable, "connection", "connection_terminated"),
        (httpx.RemoteProtocolError("odd"), Broken, "broken_answer", "http_protocol_error"),
        (httpx.LocalProtocolError("odd"), Failed, "invalid_request", "http_request_error"),
        (httpx.UnsupportedProtocol("odd"), Failed, "invalid_request", "http_request_error"),
        (httpx.ProxyError("407 Who?"), Unreachable, "connection", "connection_refused"),
        (BrokenPipeError(), Unreachable, "connection", "connection_terminated"),
        (RuntimeError("odd"), Unreachable, "connection", "proxy_internal_error"),
        (asyncio.CancelledError(), Unreachable, "connection", "proxy_internal_error"),
    ],
)
def test_what_a_transport_raises_before_the_head(
    exc: BaseException, type_: type[Failed], class_: str, token: str
) -> None:
    """Of httpx's errors and of those that no transport should let through."""
    mapped = unreachable(exc, "head")
    assert (type(mapped), mapped.class_, mapped.token) == (type_, class_, token)


@pytest.mark.parametrize(
    ("exc", "type_", "token"),
    [
        (httpx.ReadTimeout(""), TimedOut, "connection_read_timeout"),
        (TimeoutError(), TimedOut, "connection_read_timeout"),
        (httpx.ReadError(""), Broken, "http_response_incomplete"),
        (httpx.RemoteProtocolError("peer closed connection"), Broken, "http_response_incomplete"),
        (httpx.RemoteProtocolError("<ConnectionTerminated error_code:2>"), Broken, "http_response_incomplete"),
        (httpx.RemoteProtocolError("odd"), Broken, "http_protocol_error"),
        (ConnectionResetError(), Broken, "http_response_incomplete"),
        (RuntimeError("odd"), Broken, "proxy_internal_error"),
        (asyncio.CancelledError(), Broken, "proxy_internal_error"),
    ],
)
def test_what_a_transport_raises_in_the_body(exc: BaseException, type_: type[Failed], token: str) -> None:
    """The same, behind a head."""
    mapped = broken(exc)
    assert (type(mapped), mapped.token) == (type_, token)


def caused(exc: Exception, cause: BaseException) -> Exception:
    """An exception that came of another."""
    exc.__cause__ = cause
    return exc


def test_of_several_addresses_the_one_that_tells_most_decides() -> None:
    """Refused, over no answer in time, over no route."""
    route, silence = OSError(errno.EHOSTUNREACH, "no route"), OSError(errno.ETIMEDOUT, "timed out")
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    for tried, token in (
        ([route, silence, refused], "connection_refused"),
        ([refused, route], "connection_refused"),
        ([route, silence], "connection_timeout"),
        ([route], "destination_ip_unroutable"),
    ):
        exc = caused(httpx.ConnectError("all failed"), caused(OSError("all failed"), ExceptionGroup("several", tried)))
        assert unreachable(exc, "connect").token == token


def test_causes_that_go_round_in_a_circle_end() -> None:
    """Both links are followed, each exception once."""
    first, second = httpx.ReadError(""), ValueError()
    first.__context__, second.__context__ = second, first
    assert unreachable(first, "head").token == "connection_terminated"


def test_the_words_of_a_library_are_shown_in_part() -> None:
    """Where there are none, the name of the exception."""
    assert str(broken(RuntimeError("x" * 999))) == f"The transport failed: {'x' * SHOWN}."
    assert str(broken(RuntimeError())) == "The transport failed: RuntimeError."
    assert str(broken(RuntimeError("It failed."))) == "The transport failed: It failed."
