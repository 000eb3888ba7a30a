"""The exchange of the fast transport: a turn, a connection, one write, one answer. See `upstream.exchange`.

A request that met a connection which had died idle is sent once more, on a fresh one, as the same attempt. The seam
sends what is not idempotent, so that is done only where the provider can't have begun to work (RFC 9110, section 9.2.2,
asks for "some means to detect that the original request was never applied"): the connection had been used before, it
ended without a byte of an answer, without a word of TLS, and at once.
"""

from __future__ import annotations

import asyncio

from tracegate.clock import Clock
from tracegate.dialects.dialect import Outgoing
from tracegate.facts import Connection, Limit
from tracegate.upstream.fast.dial import Dial
from tracegate.upstream.fast.idle import Idle
from tracegate.upstream.fast.incoming import FastIncoming
from tracegate.upstream.fast.link import Link, Origin
from tracegate.upstream.fast.request import Requests
from tracegate.upstream.faults import too_late
from tracegate.upstream.origin import TransportSettings
from tracegate.upstream.pool import Pool, closing, no_turn
from tracegate.upstream.trust import system_trust, trust
from tracegate.upstream.until import resolve
from tracegate.upstream.until import until as wait_until

_new = tuple.__new__  # half the cost of calling the class

CLOSE_NS = 1_000_000_000  # connections that do not end when they are told to are dropped after this time


class FastExchange:
    """Exchanges with the origins of one provider.

    Args:
        clock: Of limits and stamps.
        dial: Makes connections.
        connections: Most exchanges at once, at least 1, and most idle connections.
        waiting: Most exchanges that wait for another to end.
        idle_ns: How long an unused connection is kept.
    """

    def __init__(self, clock: Clock, dial: Dial, *, connections: int, waiting: int, idle_ns: int) -> None:
        self._clock = clock
        self._dial = dial
        self._pool = Pool(clock, connections, waiting)
        self._idle = Idle(clock, idle_ns, connections)
        self._requests = Requests()
        self._links: set[Link] = set()  # all that stand, or are being connected
        self._dialling: set[asyncio.Task[Link]] = set()
        self._ended: asyncio.Future[bool] | None = None  # the last of them has gone, where that is waited for

    async def send(
        self, outgoing: Outgoing, connection: Connection, *, connect_by: int, write_by: int, until: int, limit: Limit
    ) -> FastIncoming:
        """See `Exchange.send`."""
        request = self._requests.head(outgoing) + outgoing.body
        target = outgoing.target
        pool = self._pool
        if not pool.at_once() and not await pool.take(min(connect_by, until)):
            raise no_turn(connect_by, until, limit)
        incoming = FastIncoming(self._clock, connection, pool, write_by=write_by, until=until, limit=limit)
        try:
            origin = _new(Origin, (target.scheme, target.host, target.port))
            link = self._idle.take(origin)
            connection.reused = link is not None and link.used
            while True:
                if link is None:
                    link = await self._fresh(origin, connection, connect_by, until, limit)
                incoming.start(link, request, outgoing.method)
                await incoming.head()
                if not incoming.stale:
                    return incoming
                connection.reused, connection.resent = False, True
                link = None
        except BaseException:
            incoming.abort()
            raise

    async def close(self) -> None:
        """See `Exchange.close`; what still runs is aborted."""
        self._pool.close()
        for task in self._dialling:
            task.cancel()
        self._idle.close()
        for link in list(self._links):
            if link.exchange is not None:
                link.exchange.abort()
        if self._dialling:
            await asyncio.wait(self._dialling)
        await self._dial.close()
        if self._links:
            self._ended = asyncio.get_running_loop().create_future()
            if not await wait_until(self._ended, self._clock.now() + CLOSE_NS, self._clock):
                for link in list(self._links):
                    link.abort()

    # Where connections go

    def made(self, link: Link) -> None:
        """See `Keeper.made`."""
        self._links.add(link)

    def keep(self, link: Link) -> None:
        """See `Keeper.keep`."""
        if self._pool.closed:
            link.close()
            return
        self._dial.remember(link)
        self._idle.put(link)

    def gone(self, link: Link) -> None:
        """See `Keeper.gone`."""
        self._links.discard(link)
        self._idle.remove(link)
        if not self._links and self._ended is not None:
            resolve(self._ended, True)

    async def _fresh(self, origin: Origin, connection: Connection, connect_by: int, until: int, limit: Limit) -> Link:
        """A new connection. It is made in a task of its own, so that a limit need not cancel who waits for it."""
        began = self._clock.now()
        task = asyncio.get_running_loop().create_task(self._dial.connect(origin, self))
        self._dialling.add(task)
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        task.add_done_callback(lambda _: resolve(done, True))
        task.add_done_callback(self._dialling.discard)
        try:
            if not await wait_until(done, min(connect_by, until), self._clock):
                if connect_by < until:
                    limit = "connect"
                raise too_late(limit)
            if task.cancelled():
                raise closing()
            link = task.result()
        except BaseException:
            if not task.cancel() and not task.cancelled() and task.exception() is None:
                self.keep(task.result())  # it stood in the turn in which its time was over
            raise
        finally:
            del task  # it holds its error, which holds this frame
        connection.connect_ns = self._clock.now() - began
        return link


def fast_exchange(settings: TransportSettings, clock: Clock, *, waiting: int) -> FastExchange:
    """An exchange with one origin over the fast transport.

    Args:
        settings: How the origin is reached; it can't name a proxy.
        clock: Of limits and stamps.
        waiting: Most exchanges that wait for a connection.

    Raises:
        ValueError: A certificate or its key can't be used; the text says which.
    """
    context = trust(settings) if settings.ca is not None or settings.cert is not None else None
    dial = Dial(clock, system_trust if context is None else lambda: context)
    return FastExchange(clock, dial, connections=settings.connections, waiting=waiting, idle_ns=settings.idle_ns)
