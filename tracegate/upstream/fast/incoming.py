"""The answer of one exchange, for whoever reads it; see `upstream.exchange.Incoming`.

Bytes are taken from the connection as they come, a little ahead of the reader, so that the end of an answer is known,
stamped, and its connection free, before a slow client has read it. No task belongs to it, and it waits with one future,
which a limit ends without cancelling anything.
"""

from __future__ import annotations

import asyncio

from tracegate.clock import Clock
from tracegate.errors import Broken, Failed, TimedOut
from tracegate.facts import Connection, Limit
from tracegate.upstream.fast.answer import Answer
from tracegate.upstream.fast.link import NEVER, Link
from tracegate.upstream.faults import causes, terminated, tls_or_name
from tracegate.upstream.pool import Pool, closing
from tracegate.wire.headers import Headers

AHEAD = 64 * 1024  # bytes that are read before anybody asks for them; one read of the socket may go beyond
DRAIN_NS = 100_000_000  # the framing behind an answer is read for at most this long (ruling 15)
DRAIN_BYTES = 64 * 1024  # more than this is no framing
IDLE_DEATH_NS = 1_000_000_000  # a dead connection says so within a round trip; after that, the request was being read


class FastIncoming:
    """See the module.

    Args:
        clock: Of limits and stamps.
        connection: Filled with what there is to tell.
        pool: Where the turn of this exchange is given back when the connection is not needed any more.
        write_by: When the request must be handed over, in monotonic nanoseconds.
        until: When the head must be here.
        limit: The name of `until`.
    """

    __slots__ = (
        "_chunks",
        "_clock",
        "_connection",
        "_drained",
        "_end",
        "_ended",
        "_failed",
        "_failure",
        "_first",
        "_last",
        "_limit",
        "_link",
        "_pool",
        "_released",
        "_size",
        "_started",
        "_until",
        "_waiter",
        "_write_by",
        "arrived",
        "headers",
        "stale",
        "status",
    )

    def __init__(
        self, clock: Clock, connection: Connection, pool: Pool, *, write_by: int, until: int, limit: Limit
    ) -> None:
        self.status = 0  # until there is a head
        self.headers: Headers = ()
        self.arrived: int | None = None
        self.stale = False
        self._clock = clock
        self._connection = connection
        self._pool: Pool | None = pool
        self._write_by = write_by
        self._until = until
        self._limit: Limit = limit
        self._link: Link | None = None  # while the exchange is on it
        self._started = 0
        self._chunks: list[bytes] = []  # that were read ahead
        self._size = 0
        self._first = self._last = 0  # when the first of them came, and the last
        self._ended = False
        self._end = 0  # when the end came, or the failure
        self._failed = False
        self._failure: Failed | None = None  # until somebody raised it
        self._waiter: asyncio.Future[None] | None = None  # whoever waits for the answer
        self._released = False
        self._drained = 0

    # Whoever sends

    def start(self, link: Link, request: bytes, method: str) -> None:
        """Send the request on a connection; for the second time where the first one had died (`stale`)."""
        connection = self._connection
        connection.peer = link.peer
        connection.tls = link.tls
        connection.sent = None
        self.stale = False
        self._link = link
        self._started = self._clock.now()
        link.start(self, request, method)

    async def head(self) -> None:
        """Wait for the head, or for `stale`; raises as `Exchange.send` does."""
        while not self.status:
            if self._failed:
                raise self._taken()
            if self.stale:
                return
            unsent = self._connection.sent is None
            by = self._write_by if unsent and self._write_by < self._until else self._until
            if self._clock.now() >= by:
                limit: Limit = "write" if by < self._until else self._limit
                raise TimedOut(limit, f"The provider did not answer before its limit `{limit}`.")
            await self._wait(by)

    # Whoever reads

    async def read(self, until: int, limit: Limit) -> bytes:
        """See `Incoming.read`. What came in time counts, also where it is read later."""
        while not self._chunks:
            if self._failed:
                self.arrived = self._end
                raise self._taken()
            if self._ended:
                if self._end > until:
                    raise _nothing_more(limit)
                self.arrived = self._end
                return b""
            if self._clock.now() >= until:
                raise _nothing_more(limit)
            await self._wait(until)
        if self._first > until:
            raise _nothing_more(limit)
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.arrived = self._last
        if self._size >= AHEAD and self._link is not None:
            self._link.resume()
        self._size = 0
        return data

    def release(self) -> None:
        """See `Incoming.release`."""
        link = self._link
        if link is None or self._released:
            return
        self._released = True
        link.resume()
        link.limit(self._clock.now() + DRAIN_NS)

    def abort(self) -> None:
        """See `Incoming.abort`."""
        link, self._link = self._link, None
        if link is not None:
            link.abort()
        self._over()
        if not self._ended and not self._failed:
            self._fail(closing(), self._clock.now())  # where it was not the reader who aborted

    # The connection

    def sent(self, now: int) -> None:
        """See `Exchanging.sent`."""
        self._connection.sent = now

    def came(self, answer: Answer, body: bytes, now: int) -> None:
        """See `Exchanging.came`."""
        if not self.status:
            self._answered(answer, now)
        over = answer.done or answer.failure is not None
        if over:
            self._link = None  # which may be somebody else's at once
            self._over()
        if body:
            self._take(body, now)
        if answer.failure is not None:
            self._fail(answer.failure, now)
        elif over:
            self._ended = True
            self._end = now
            self._wake()
        elif self.status:
            self._wake()

    def lost(self, exc: BaseException | None, now: int) -> None:
        """See `Exchanging.lost`."""
        self._link = None
        connection = self._connection
        nothing = connection.first_byte is None and connection.reused and _of_tcp(exc)
        if nothing and now - self._started <= IDLE_DEATH_NS:
            self.stale = True  # it had died idle, and its turn is kept for another one
            self._wake()
            return
        self._over()
        if self.status:
            failure: Failed = Broken("http_response_incomplete", "The provider's answer was cut off.")
        else:
            failure = _unanswered(exc)
        self._fail(failure, now)

    def rang(self) -> None:
        """See `Exchanging.rang`."""
        if self._released:
            self.abort()
        else:
            self._wake()

    def _answered(self, answer: Answer, now: int) -> None:
        """The first bytes of a head came, or all of it."""
        if self._connection.first_byte is None:
            self._connection.first_byte = now
        head = answer.head
        if head is not None:
            self.status = head.status
            self.headers = head.headers
            self._connection.protocol = head.protocol

    def _take(self, body: bytes, now: int) -> None:
        if self._released:
            self._drained += len(body)
            if self._drained > DRAIN_BYTES:
                self.abort()
            return
        if not self._chunks:
            self._first = now
        self._last = now
        self._chunks.append(body)
        self._size += len(body)
        if self._size >= AHEAD and self._link is not None:
            self._link.pause()

    def _fail(self, failure: Failed, now: int) -> None:
        self._failed = True
        self._failure = failure
        self._end = now
        self._wake()

    def _over(self) -> None:
        """The connection is not needed any more."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.give()

    def _taken(self) -> Failed:
        """The failure, which is then no longer held here: its traceback would hold us."""
        failure, self._failure = self._failure, None
        return failure or Broken("http_response_incomplete", "The answer had broken before.")

    async def _wait(self, by: int) -> None:
        """Wait until something happens, at most until a time."""
        link = self._link
        assert link is not None  # noqa: S101  # else there is an end or a failure, which nobody waits for
        link.limit(by)
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            self._waiter = None
            if self._link is not None:
                self._link.limit(NEVER)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _of_tcp(exc: BaseException | None) -> bool:
    """Whether a connection ended without a word, as a dead one does."""
    return exc is None or (isinstance(exc, OSError) and tls_or_name([exc]) is None)


def _unanswered(exc: BaseException | None) -> Failed:
    """What ended the connection before the head."""
    failure: Failed = terminated()
    if exc is not None:
        failure = tls_or_name(list(causes(exc))) or failure
        failure.__cause__ = exc
    return failure


def _nothing_more(limit: Limit) -> TimedOut:
    return TimedOut(limit, f"The provider sent nothing more before its limit `{limit}`.")
