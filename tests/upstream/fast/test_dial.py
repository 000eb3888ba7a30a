"""New connections; what fails with which token is tested with both transports."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import pytest

from tests.upstream.served import OK, TLS, answering, asked, go, outgoing, quiet, serving, tls_server
from tracegate.clock import SystemClock
from tracegate.errors import Failed, TimedOut, Unreachable
from tracegate.upstream.fast import dial as module
from tracegate.upstream.fast.dial import Dial
from tracegate.upstream.fast.exchange import FastExchange, fast_exchange
from tracegate.upstream.fast.names import Names
from tracegate.upstream.origin import TransportSettings

pytestmark = pytest.mark.slow


class Told(Names):
    """A resolver that knows one host, and remembers what it was asked and told."""

    def __init__(self, *addresses: str) -> None:
        super().__init__(SystemClock())
        self.addresses_ = addresses
        self.told: list[str] = []

    async def addresses(self, host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:  # type: ignore[override]  # of IPv4
        """See `Names.addresses`."""
        self.told.append(host)
        return [(socket.AF_INET, (address, port)) for address in self.addresses_]

    def forget(self, host: str, port: int) -> None:
        """See `Names.forget`."""
        self.told.append(f"forget {host}")


def dialling(names: Names) -> FastExchange:
    """An exchange that finds hosts so."""
    dial = Dial(SystemClock(), lambda: ssl.create_default_context(cafile=str(TLS / "ca.pem")), names)
    return FastExchange(SystemClock(), dial, connections=2, waiting=1, idle_ns=10**9)


def test_a_name_leads_to_an_address() -> None:
    """The one that answers is the peer."""

    async def main() -> None:
        async with serving(answering(OK)) as port:
            names = Told("127.0.0.2", "127.0.0.1")  # nobody listens at the first
            fast = dialling(names)
            answer = await asked(fast, outgoing(port, host="a.example"))
            assert answer.connection.peer == f"127.0.0.1:{port}"
            assert names.told == ["a.example"]
            await fast.close()

    go(main)


def test_an_address_that_leads_nowhere_is_forgotten() -> None:
    """The name may have moved."""

    async def main() -> None:
        names = Told("127.0.0.1")
        fast = dialling(names)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with pytest.raises(Unreachable) as caught:
            await asked(fast, outgoing(port, host="a.example"))
        assert caught.value.token == "connection_refused"
        assert names.told == ["a.example", "forget a.example"]
        await fast.close()

    go(main)


def test_an_address_that_does_not_answer_until_a_limit_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its machine may be gone without a word; the name leads elsewhere by now, maybe."""

    async def silent(addresses: object) -> socket.socket:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    monkeypatch.setattr(module, "connected", silent)

    async def main() -> None:
        names = Told("192.0.2.1")
        fast = dialling(names)
        with pytest.raises(TimedOut) as caught:
            await asked(fast, outgoing(80, host="a.example"), connect=1)
        assert caught.value.limit == "connect"
        await fast.close()
        assert names.told == ["a.example", "forget a.example"]

    go(main)


def test_trust_is_read_when_tls_is_first_spoken() -> None:
    """Once."""

    async def main() -> None:
        read: list[str] = []

        def trust() -> ssl.SSLContext:
            read.append("read")
            return ssl.create_default_context(cafile=str(TLS / "ca.pem"))

        async with serving(answering(OK)) as plain, serving(answering(OK), tls_server()) as secure:
            dial = Dial(SystemClock(), trust)
            fast = FastExchange(SystemClock(), dial, connections=2, waiting=1, idle_ns=10**9)
            await asked(fast, outgoing(plain))
            assert read == []
            for _ in range(2):
                assert (await asked(fast, outgoing(secure, scheme="https", host="localhost"))).body == b"ok"
            assert read == ["read"]
            await fast.close()

    go(main)


def test_the_dot_at_the_end_of_a_name_is_not_in_its_certificate() -> None:
    """It is the resolver's alone."""

    async def main() -> None:
        async with serving(answering(OK), tls_server()) as port:
            names = Told("127.0.0.1")
            fast = dialling(names)
            assert (await asked(fast, outgoing(port, scheme="https", host="localhost."))).body == b"ok"
            assert names.told == ["localhost."]
            await fast.close()

    go(main)


def test_a_loop_that_takes_no_socket_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed, and nobody counts it."""

    async def main() -> None:
        async with serving(answering(OK)) as port:
            fast = dialling(Told("127.0.0.1"))

            async def refuses(*args: object, **named: object) -> None:
                raise OSError(errno.EMFILE, "too many")

            with monkeypatch.context() as patch:
                patch.setattr(asyncio.get_running_loop(), "create_connection", refuses)
                with pytest.raises(Failed) as caught:
                    await asked(fast, outgoing(port))
            assert caught.value.token == "connection_refused"
            assert not fast._links
            assert (await asked(fast, outgoing(port))).body == b"ok"
            await fast.close()

    go(main)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", ".example"])
def test_a_name_that_can_not_be_one_is_no_fault_of_the_gateway(host: str) -> None:
    """It leads nowhere."""

    async def main() -> None:
        fast = dialling(Names(SystemClock()) if host[0] == "a" else Told("127.0.0.1"))
        async with serving(answering(OK)) as port:
            with pytest.raises(Unreachable) as caught:
                await asked(fast, outgoing(port, scheme="https", host=host))
        assert caught.value.token == "dns_error"
        await fast.close()

    go(main)


def test_a_handshake_that_nobody_waits_for_is_ended() -> None:
    """With its socket."""
    gone: list[bytes] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"localhost")  # the name that is asked for
        gone.append(await reader.read())

    async def main() -> None:
        async with serving(silent) as port:
            way = TransportSettings("https", "localhost", proxy="none", ca=str(TLS / "ca.pem"))
            fast = fast_exchange(way, SystemClock(), waiting=1)
            task = asyncio.create_task(asked(fast, outgoing(port, scheme="https", host="localhost")))
            while not fast._links:  # noqa: ASYNC110  # bounded by the test
                await asyncio.sleep(0.001)
            await quiet()
            task.cancel()
            await asyncio.wait([task])
            await fast.close()
            assert not fast._links

    go(main)
