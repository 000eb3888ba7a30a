"""Connections without sockets, on virtual time, and one exchange over them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.upstream.served import S, outgoing
from tracegate.alarms import Alarms
from tracegate.dialects.dialect import Outgoing
from tracegate.errors import Failed
from tracegate.facts import Connection, Limit
from tracegate.testing.clock import FakeClock
from tracegate.upstream.fast.dial import Dial
from tracegate.upstream.fast.exchange import FastExchange
from tracegate.upstream.fast.incoming import FastIncoming
from tracegate.upstream.fast.link import Keeper, Link, Origin

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
ORIGIN = Origin("http", "127.0.0.1", 80)


class Wire:
    """What is written to a connection, and what is done to it; as asyncio's transports, it tells its end later.

    Args:
        link: The connection.
        room: Bytes that the peer takes, `None` for any number.
    """

    def __init__(self, link: Link, room: int | None = None) -> None:
        self.link = link
        self.room = room
        self.got = b""
        self.paused = False
        self.ended = ""  # how

    def write(self, data: bytes | memoryview) -> None:
        """See `link.Wire`."""
        assert not self.ended
        self.got += bytes(data)
        if self.room is not None and len(self.got) > self.room:
            self.link.pause_writing()

    def pause_reading(self) -> None:
        """See `link.Wire`."""
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        """See `link.Wire`."""
        assert self.paused
        self.paused = False

    def is_closing(self) -> bool:
        """See `link.Wire`."""
        return bool(self.ended)

    def close(self) -> None:
        """See `link.Wire`."""
        self._end("closed")

    def abort(self) -> None:
        """See `link.Wire`."""
        self._end("aborted")

    def _end(self, how: str) -> None:
        if not self.ended:
            self.ended = how
            asyncio.get_running_loop().call_soon(self.link.connection_lost, None)

    def say(self, data: bytes) -> None:
        """The peer says something."""
        assert not self.ended
        assert not self.paused
        self.link.data_received(data)

    def hang_up(self) -> None:
        """The peer closes the connection."""
        if not self.link.eof_received():
            self.close()

    def break_(self, exc: Exception) -> None:
        """The connection breaks."""
        self.ended = "broken"
        self.link.connection_lost(exc)


class Wiring(Dial):
    """Makes connections at once, or when it is let.

    Args:
        clock: Of the connections.
    """

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock, lambda: (_ for _ in ()).throw(AssertionError("no TLS here")))
        self.clock = clock
        self.takes = 0  # nanoseconds
        self.room: int | None = None
        self.wires: list[Wire] = []
        self.connected = asyncio.Event()
        self.failure: Failed | None = None

    async def connect(self, origin: Origin, keeper: Keeper) -> Link:
        """See `Dial.connect`."""
        if self.takes:
            await self.clock.sleep_until(self.clock.now() + self.takes)
        if self.failure is not None:
            raise self.failure
        link = Link(Alarms(self.clock), keeper, origin)
        link.peer = f"{origin.host}:{origin.port}"
        keeper.made(link)
        wire = Wire(link, self.room)
        link.connected(wire)
        self.wires.append(wire)
        self.connected.set()
        return link


class Wired:
    """An exchange on a fake clock over wires."""

    def __init__(self, *, connections: int = 9, waiting: int = 9, idle: int = 20 * S) -> None:
        self.clock = FakeClock()
        self.dial = Wiring(self.clock)
        self.exchange = FastExchange(self.clock, self.dial, connections=connections, waiting=waiting, idle_ns=idle)
        self.connection = Connection()

    @property
    def wire(self) -> Wire:
        """The last connection that was made."""
        return self.dial.wires[-1]

    async def send(
        self,
        request: Outgoing | None = None,
        *,
        connect: int = 5 * S,
        write: int = 30 * S,
        within: int = 60 * S,
        limit: Limit = "attempt",
    ) -> FastIncoming:
        """Send a request; limits count from now."""
        now = self.clock.now()
        self.connection = Connection()
        return await self.exchange.send(
            request or outgoing(80),
            self.connection,
            connect_by=now + connect,
            write_by=now + write,
            until=now + within,
            limit=limit,
        )

    def asking(self, request: Outgoing | None = None) -> asyncio.Task[FastIncoming]:
        """A request under way."""
        return asyncio.create_task(self.send(request))

    def at(self, after: int, fn: Callable[..., object], *args: object) -> None:
        """Do something in so many nanoseconds."""
        self.clock.call_at(self.clock.now() + after, fn, *args)

    async def answered(self, answer: bytes = OK) -> bytes:
        """Send a request, which is answered at once, and read the answer."""
        task = self.asking()
        await quiet()
        self.wire.say(answer)
        incoming = await task
        body = b""
        while data := await incoming.read(self.clock.now() + S, "attempt"):
            body += data
        incoming.release()
        return body


async def quiet() -> None:
    """Let the loop do what is ready."""
    for _ in range(10):
        await asyncio.sleep(0)
