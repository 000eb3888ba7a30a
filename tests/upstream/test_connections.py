"""One transport for each connection: which is used, which is kept, and which is closed when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpcore
import httpx
import pytest

from tests.upstream.acting import Body, forever
from tests.upstream.served import OK, S, answering, asked, exchanging, go, outgoing, quiet, received, serving
from tracegate.clock import SystemClock
from tracegate.testing import Simulator
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run
from tracegate.upstream.connections import FRESH, Connections

pytestmark = pytest.mark.slow


class One(httpx.AsyncBaseTransport):
    """One connection that tells what became of it."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.used = 0
        self.closed: int | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        self.used += 1
        return await self.kit.act(self)

    async def aclose(self) -> None:
        """See httpx."""
        self.closed = self.kit.clock.now()
        await self.kit.ends()


class Kit:
    """Connections on a fake clock; each that is made stands in `made`."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.made: list[One] = []
        self.connections = Connections(self._make, self.clock, 20 * S)
        self.closing: Callable[[], Awaitable[object]] | None = None
        self.extensions: dict[str, object] = {}
        self.ends: Callable[[], Awaitable[object]] = quiet  # how a connection ends

    def _make(self) -> One:
        self.made.append(One(self))
        return self.made[-1]

    async def act(self, one: One) -> httpx.Response:
        """Answer, whoever is asked."""

        async def chunks():  # type: ignore[no-untyped-def]  # an empty generator
            yield b"ok"

        return httpx.Response(200, stream=Body(chunks, self.closing), extensions=self.extensions)

    async def ask(self, *, fresh: bool = False) -> httpx.Response:
        """One request, whose answer holds its connection until it is closed."""
        extensions = {FRESH: True} if fresh else {}
        return await self.connections.handle_async_request(httpx.Request("POST", "http://host/", extensions=extensions))

    def since(self, one: int) -> int | None:
        """When a connection was closed, in nanoseconds from the start."""
        closed = self.made[one].closed
        return None if closed is None else closed - 1_000_000_000


async def close(response: httpx.Response) -> None:
    """Close an answer, twice."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    await response.stream.aclose()
    await response.stream.aclose()


def test_the_connection_that_was_used_last_is_used_again() -> None:
    """A new one is made only where none is idle."""

    async def main() -> None:
        kit = Kit()
        first, second = await kit.ask(), await kit.ask()
        await close(first)
        await close(second)
        await close(await kit.ask())
        assert [one.used for one in kit.made] == [1, 2]
        assert b"".join([part async for part in (await kit.ask()).stream]) == b"ok"  # type: ignore[union-attr]  # an async stream
        await kit.connections.aclose()

    run(main)


def test_a_fresh_connection_can_be_asked_for() -> None:
    """Even where others are idle."""

    async def main() -> None:
        kit = Kit()
        await close(await kit.ask())
        await close(await kit.ask(fresh=True))
        assert [one.used for one in kit.made] == [1, 1]
        await kit.connections.aclose()

    run(main)


def test_connections_are_closed_when_they_were_idle_for_long_enough() -> None:
    """Each at its time, also where nobody asks for anything any more."""

    async def main() -> None:
        kit = Kit()
        first, second = await kit.ask(), await kit.ask()
        await close(first)
        await kit.clock.sleep_until(kit.clock.now() + 5 * S)
        await close(second)
        await kit.clock.sleep_until(kit.clock.now() + 60 * S)
        assert (kit.since(0), kit.since(1)) == (20 * S, 25 * S)
        await close(await kit.ask())
        assert len(kit.made) == 3
        await kit.connections.aclose()

    run(main)


def test_a_connection_whose_request_failed_is_closed() -> None:
    """By an error, and by a cancel; nobody gets it again."""

    async def main() -> None:
        kit = Kit()

        async def fails(one: One) -> httpx.Response:
            raise httpx.ReadError("")

        async def hangs(one: One) -> httpx.Response:
            await forever()
            raise AssertionError

        kit.act = fails  # type: ignore[method-assign]  # as a test may
        with pytest.raises(httpx.ReadError):
            await kit.ask()
        kit.act = hangs  # type: ignore[method-assign]  # a test may replace it
        asking = asyncio.create_task(kit.ask())
        await quiet()
        asking.cancel()
        await asyncio.wait([asking])
        assert [kit.since(0), kit.since(1)] == [0, 0]
        await kit.connections.aclose()

    run(main)


def test_a_connection_that_can_not_be_used_again_is_closed() -> None:
    """One that has more to say, or that could not be given back."""

    class Readable:
        def get_extra_info(self, info: str) -> bool:
            return info == "is_readable"

    async def main() -> None:
        kit = Kit()
        kit.extensions = {"network_stream": Readable()}
        await close(await kit.ask())
        assert kit.since(0) == 0
        kit.extensions = {}

        async def closing() -> None:
            raise RuntimeError("no")

        kit.closing = closing
        with pytest.raises(RuntimeError):
            await close(await kit.ask())
        assert kit.since(1) == 0
        await kit.connections.aclose()

    run(main)


def test_closing_closes_all() -> None:
    """Idle, in use, and those that are being closed."""

    async def main() -> None:
        kit = Kit()
        first = await kit.ask()
        second = await kit.ask()
        await close(first)
        kit.clock.call_at(kit.clock.now() + 20 * S, lambda: None)
        await kit.clock.sleep_until(kit.clock.now() + 20 * S)  # the first is old now, and its task has not run
        await kit.ask()
        await kit.connections.aclose()
        assert [kit.since(one) for one in range(3)] == [20 * S] * 3
        await close(second)  # too late to be kept
        await Kit().connections.aclose()

    run(main)


def test_a_connection_that_does_not_end_well_harms_nobody() -> None:
    """When it is old, and in the end."""

    async def main() -> None:
        kit = Kit()

        async def fails() -> None:
            raise RuntimeError("no")

        async def cancelled() -> None:
            raise asyncio.CancelledError

        for ends in (fails, cancelled):
            kit.ends = ends
            await close(await kit.ask())
            await kit.clock.sleep_until(kit.clock.now() + 21 * S)
        kit.ends = fails
        first, second = await kit.ask(), await kit.ask()
        await close(first)
        await close(second)
        await kit.connections.aclose()
        assert [kit.since(one) for one in range(4)] == [20 * S, 41 * S, 42 * S, 42 * S]

    run(main)


@pytest.mark.usefixtures("transport")
def test_an_answer_cut_short_costs_its_connection_only() -> None:
    """Over sockets: the next request takes one that lives."""

    async def main() -> None:
        async with Simulator() as sim, exchanging() as exchange:
            both = (asked(exchange, outgoing(sim.port, "sim-wait=300ms")) for _ in range(2))
            await asyncio.gather(*both)
            await quiet()
            limit = SystemClock.now() + 5 * S
            cut = asyncio.create_task(asked(exchange, outgoing(sim.port, "sim-stall=half")))
            await sim.until(lambda log: len(log) == 3 and log[2].first_body)
            cut.cancel()
            await asyncio.wait([cut])
            await quiet()
            assert SystemClock.now() < limit
            assert (await asked(exchange, outgoing(sim.port))).connection.reused is True
            assert len({entry.connection for entry in sim.log}) == 2

    go(main)


@pytest.mark.usefixtures("transport")
def test_any_number_of_idle_connections_may_have_died() -> None:
    """Each costs its request one round trip, and no request is sent more than twice."""

    async def main() -> None:
        async with Simulator() as sim, exchanging() as exchange:
            dying = [outgoing(sim.port, "sim-wait=300ms+idle=next") for _ in range(10)]
            await asyncio.gather(*(asked(exchange, request) for request in dying))
            assert len({entry.connection for entry in sim.log}) == 10
            await quiet()
            answers = await asyncio.gather(*(asked(exchange, outgoing(sim.port)) for _ in range(20)))
            assert {answer.status for answer in answers} == {200}

    go(main)


@pytest.mark.usefixtures("transport")
def test_a_connection_that_the_provider_closed_while_it_was_idle_is_not_used() -> None:
    """No request is lost on it."""

    async def main() -> None:
        async with serving(answering(OK)) as port, exchanging() as exchange:
            for _ in range(3):
                assert (await asked(exchange, outgoing(port))).connection.reused is False
                await quiet()

    go(main)


def test_the_work_for_a_request_does_not_grow_with_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does in httpcore's own pool, which is the reason for all this; when that fails, somebody mended it."""
    looked = 0
    is_idle = httpcore.AsyncHTTPConnection.is_idle

    def counted(self: httpcore.AsyncHTTPConnection) -> bool:
        nonlocal looked
        looked += 1
        return is_idle(self)

    monkeypatch.setattr(httpcore.AsyncHTTPConnection, "is_idle", counted)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await received(reader):
            writer.write(OK)

    async def looks(ask: Callable[[], Awaitable[object]]) -> int:
        """How often a connection was looked at for one request after twenty at once."""
        nonlocal looked
        await asyncio.gather(*(ask() for _ in range(20)))
        await quiet()
        looked = 0
        await ask()
        await quiet()
        return looked

    async def main() -> None:
        async with serving(handle) as port, exchanging() as exchange:
            assert await looks(lambda: asked(exchange, outgoing(port))) < 10
            async with httpx.AsyncHTTPTransport() as transport:

                async def ask() -> None:
                    request = httpx.Request("POST", f"http://127.0.0.1:{port}/", content=b"x")
                    answer = await transport.handle_async_request(request)
                    await answer.aread()
                    await answer.aclose()

                assert await looks(ask) > 400

    go(main)
