"""The way to an origin: TLS that is always verified, proxies of the configuration and of the environment."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.upstream.served import (
    LATE,
    MS,
    OK,
    TLS,
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
from tracegate.errors import Failed, TimedOut, Unreachable
from tracegate.facts import Connection
from tracegate.testing import Simulator
from tracegate.upstream import transport, trust
from tracegate.upstream.origin import TransportSettings
from tracegate.upstream.transport import httpx_exchange

pytestmark = pytest.mark.slow

CA = str(TLS / "ca.pem")

# Proxies


class Proxy:
    """A proxy that forwards, and opens tunnels; it remembers what it was asked."""

    def __init__(self, refusal: bytes | None = None) -> None:
        self.heads: list[bytes] = []
        self.refusal = refusal

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one connection."""
        head = await received(reader)
        self.heads.append(head)
        if self.refusal is not None:
            writer.write(self.refusal)
            await reader.read()
            return
        method, target, _ = head.split(b" ", 2)
        if method == b"CONNECT":
            port = int(target.rpartition(b":")[2])
            writer.write(b"HTTP/1.1 200 Go Ahead\r\n\r\n")
            first = b""
        else:
            port = int(target.split(b":")[2].split(b"/")[0])
            first = head
        there, to = await asyncio.open_connection("127.0.0.1", port)
        to.write(first)
        back = asyncio.create_task(pump(there, writer))
        try:
            await pump(reader, to)
        finally:
            to.transport.abort()
            back.cancel()
            await asyncio.wait([back])


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Hand bytes on to the end."""
    try:
        while data := await source.read(65536):
            sink.write(data)
    except ConnectionError:
        pass


def test_plain_requests_go_to_a_proxy_whole() -> None:
    """With its credentials; the peer is the proxy."""
    proxy = Proxy()

    async def main() -> None:
        async with (
            Simulator() as sim,
            serving(proxy) as port,
            exchanging(proxy=f"http://user:p%40ss@127.0.0.1:{port}") as exchange,
        ):
            answer = await asked(exchange, outgoing(sim.port))
            assert answer.status == 200
            assert (answer.connection.peer, answer.connection.reused) == (f"127.0.0.1:{port}", False)
            await quiet()
            assert (await asked(exchange, outgoing(sim.port))).connection.reused is True
        assert proxy.heads[0].startswith(b"POST http://127.0.0.1:%d/v1/chat/completions HTTP/1.1\r\n" % sim.port)
        credentials = base64.b64encode(b"user:p@ss")
        assert b"proxy-authorization: basic " + credentials.lower() in proxy.heads[0].lower()

    go(main)


@pytest.mark.parametrize("secure", [False, True])
def test_encrypted_requests_go_through_a_tunnel(secure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is with the provider, within TLS with the proxy where that has it; both are verified."""
    for module in (transport, trust):
        monkeypatch.setattr(module, "system_trust", lambda: ssl.create_default_context(cafile=CA))
    proxy = Proxy()

    async def main() -> None:
        async with (
            serving(answering(OK, OK), tls_server()) as port,
            serving(proxy, tls_server() if secure else None) as way,
            exchanging(scheme="https", proxy=f"http{'s' if secure else ''}://127.0.0.1:{way}") as exchange,
        ):
            for reused in (False, True):
                answer = await asked(exchange, outgoing(port, scheme="https"))
                facts = answer.connection
                assert (answer.body, facts.reused, facts.tls) == (b"ok", reused, "TLSv1.3")
                assert facts.peer == f"127.0.0.1:{way}"
                assert (facts.connect_ns is None) == reused
                await quiet()
        assert [head.split(b"\r\n")[0] for head in proxy.heads] == [b"CONNECT 127.0.0.1:%d HTTP/1.1" % port]
        assert b"authorization" not in proxy.heads[0]

    go(main)


def test_a_proxy_is_verified_too() -> None:
    """By the system's trust and the provider's own authority; the client's certificate is not for it."""

    async def main() -> None:
        async with serving(Proxy(), tls_server(clients=True)) as port:
            for ca, token in ((None, "tls_certificate_error"), (CA, "connection_terminated")):
                async with exchanging(
                    scheme="https",
                    proxy=f"https://127.0.0.1:{port}",
                    ca=ca,
                    cert=str(TLS / "client.pem"),
                    key=(TLS / "client.key").read_text(),
                ) as exchange:
                    with pytest.raises(Unreachable) as caught:
                        await asked(exchange, outgoing(443, scheme="https"))
                    assert caught.value.token in (token, "tls_alert_received")

    go(main)


def test_a_proxy_that_refuses_is_no_connection() -> None:
    """Nothing was sent to the provider, and its reason is told."""
    proxy = Proxy(b"HTTP/1.1 407 Who Are You\r\ncontent-length: 0\r\n\r\n")

    async def main() -> None:
        async with (
            serving(proxy) as port,
            exchanging(scheme="https", proxy=f"http://127.0.0.1:{port}") as exchange,
        ):
            connection = Connection()
            with pytest.raises(Unreachable, match="407 Who Are You") as caught:
                await asked(exchange, outgoing(443, scheme="https"), connection=connection)
            assert caught.value.token == "connection_refused"
            assert connection.sent is None

    go(main)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 Go Ahead\r\n\r\n"])
def test_a_proxy_that_is_silent_is_bound_by_the_limit_of_connecting(answer: bytes) -> None:
    """As is what is silent behind it."""

    async def main() -> None:
        async with (
            serving(Proxy(answer)) as port,
            exchanging(scheme="https", proxy=f"http://127.0.0.1:{port}") as exchange,
        ):
            began = SystemClock.now()
            with pytest.raises(TimedOut) as caught:
                await asked(exchange, outgoing(443, scheme="https"), connect=50 * MS)
            assert caught.value.limit == "connect"
            assert 50 * MS <= SystemClock.now() - began < LATE

    go(main)


@pytest.mark.parametrize(
    "url", ["ftp://user:secret@host", "socks5://user:secret@host", "http://", "http://user:secret@\x00"]
)
def test_a_proxy_that_can_not_be_used_is_told_without_its_url(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(ValueError, match="can't be used") as caught:
        httpx_exchange(TransportSettings("http", "host", proxy=url), SystemClock(), waiting=1)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_what_is_no_transport_is_not_used() -> None:
    """Whatever a maker of others makes."""
    odd: Any = "odd"
    with pytest.raises(ValueError, match="made str, which is no httpx"):
        httpx_exchange(TransportSettings("http", "host"), SystemClock(), waiting=1, maker=lambda settings: odd)


def test_settings_never_show_a_secret() -> None:
    """Neither the proxy's password nor the key."""
    shown = repr(TransportSettings("http", "host", proxy="http://user:secret@proxy", key="secret"))
    assert "secret" not in shown


# TLS


def client(key: str | None = None, cert: Path = TLS / "client.pem") -> dict[str, Any]:
    """The settings of a caller with a certificate."""
    return {"scheme": "https", "ca": CA, "cert": str(cert), "key": key}


@pytest.mark.usefixtures("transport")
def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    """Its key by itself, or in the file of the certificate."""
    key = (TLS / "client.key").read_text()
    both = tmp_path / "both.pem"
    both.write_text((TLS / "client.pem").read_text() + key)

    async def main() -> None:
        async with serving(answering(OK), tls_server(clients=True)) as port:
            for settings in (client(key), client(cert=both)):
                async with exchanging(**settings) as exchange:
                    assert (await asked(exchange, outgoing(port, scheme="https"))).body == b"ok"
            async with exchanging(scheme="https", ca=CA) as exchange:
                with pytest.raises(Failed):
                    await asked(exchange, outgoing(port, scheme="https"))

    go(main)


ENCRYPTED = """-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgrkASpmrq6dQICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEKGy4ZOMxdYfP/OwqJehI8cEgZCZ
xefMaNKirUZLCJqkuC4ZhoKqAK5zh9R/QEfzy1TSqvRmEJF6tFLmd6qWEsnAR+RU
zxX/Q4Q4H3okY2FUVJQPZ4AcnNSWBzm7zR71AHFZjR1VmkWwkRNDGaEENYPauA4g
WINT6EKwQYIKEhTwk1IibUZ3EOPtTt/hOvMG8BZV3q+XVBr6VZp8ZndGTrkou80=
-----END ENCRYPTED PRIVATE KEY-----
"""


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (client("-----BEGIN PRIVATE KEY-----\nno\n-----END PRIVATE KEY-----\n"), "`tls.key`"),
        (client(ENCRYPTED), "`tls.key`"),
        (client((TLS / "elsewhere.pem").read_text()), "mismatch"),
        (client(), "`tls.cert`"),
        ({"scheme": "https", "ca": str(TLS / "none.pem")}, "none.pem` .* No such file"),
        ({"scheme": "https", "ca": str(TLS / "client.key")}, "`tls.ca`"),
    ],
)
def test_certificates_and_keys_that_can_not_be_used_fail_at_once(settings: dict[str, Any], told: str) -> None:
    """Not with the first request; the text names what is wrong, and shows no key."""
    with pytest.raises(ValueError, match=told) as caught:
        httpx_exchange(TransportSettings(host="host", proxy="none", **settings), SystemClock(), waiting=1)
    assert "BEGIN" not in str(caught.value)


# Idle connections


@pytest.mark.usefixtures("transport")
def test_connections_are_kept_as_long_as_is_said() -> None:
    """And closed then, although nobody asks."""
    ended = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await received(reader)
        writer.write(OK)
        assert await reader.read() == b""
        ended.set()

    async def main() -> None:
        async with serving(handle) as port, exchanging(idle=30 * MS) as exchange:
            await asked(exchange, outgoing(port))
            began = SystemClock.now()
            await ended.wait()
            assert SystemClock.now() - began < LATE

    go(main)
