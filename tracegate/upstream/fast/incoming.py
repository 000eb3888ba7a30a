"""The answer of one exchange over the fast transport; see `upstream.exchange.Incoming`, and `ahead` for how it is read.

Bytes are taken from the connection as they come. No task belongs to it, and whoever reads it goes on in the turn of the
loop in which they came; a limit ends the wait without cancelling anything.
"""

from __future__ import annotations

from tracegate.clock import Clock
from tracegate.errors import Failed
from tracegate.facts import Connection, Limit
from tracegate.upstream.ahead import AHEAD, Ahead
from tracegate.upstream.fast.answer import Answer
from tracegate.upstream.fast.link import Link
from tracegate.upstream.fast.wakeup import Wakeup
from tracegate.upstream.faults import IDLE_DEATH_NS, causes, cut_off, terminated, tls_or_name, too_late
from tracegate.upstream.pool import Pool, closing


class FastIncoming(Ahead):
    """See the module.

    Args:
        clock: Of limits and stamps.
        connection: Filled with what there is to tell.
        pool: Where the turn of this exchange is given back when the connection is not needed any more.
        write_by: When the request must be handed over, in monotonic nanoseconds.
        until: When the head must be here.
        limit: The name of `until`.
    """

    __slots__ = ("_connection", "_limit", "_link", "_pool", "_started", "_until", "_wakeup", "_write_by", "stale")

    def __init__(
        self, clock: Clock, connection: Connection, pool: Pool, *, write_by: int, until: int, limit: Limit
    ) -> None:
        super().__init__(clock)
        self.stale = False
        self._connection = connection
        self._pool: Pool | None = pool
        self._write_by = write_by
        self._until = until
        self._limit: Limit = limit
        self._link: Link | None = None  # while the exchange is on it
        self._started = 0
        self._wakeup = Wakeup()

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
                raise too_late(limit)
            await self._wait(by)

    def abort(self) -> None:
        """See `Incoming.abort`."""
        link, self._link = self._link, None
        if link is not None:
            link.abort()
        self._over()
        self._fail(closing(), self._clock.now())  # where it was not the reader who aborted

    # The connection

    def sent(self, now: int) -> None:
        """See `Exchanging.sent`."""
        self._connection.sent = now

    def came(self, answer: Answer, body: bytes, now: int) -> None:
        """See `Exchanging.came`."""
        over = answer.done or answer.failure is not None
        if body and not over and self.status and not self._released:  # as nearly always; `_take` does the same
            if not self._chunks:
                self._first = now
            self._last = now
            self._chunks.append(body)
            self._size += len(body)
            if self._size >= AHEAD:
                self._pause()
            self._wakeup.wake()
            return
        if not self.status:
            self._answered(answer, now)
        if over:
            self._link = None  # which may be somebody else's at once
            self._over()
        if body and not self._take(body, now):
            self.abort()
        if answer.failure is not None:
            self._fail(answer.failure, now)
        elif over:
            self._ended = True
            self._end = now
            self._wakeup.wake()
        elif self.status:
            self._wakeup.wake()

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
            failure: Failed = cut_off()
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

    def _over(self) -> None:
        """The connection is not needed any more."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.give()

    def _wait(self, by: int) -> Wakeup:
        """See `Ahead`. The limit stays when the wait is over: it wakes nobody then."""
        link = self._link
        assert link is not None  # noqa: S101  # else there is an end or a failure, which nobody waits for
        if by < link.armed:
            link.limit(by)
        else:
            link.by = by
        return self._wakeup

    def _wake(self) -> None:
        """See `Ahead`."""
        self._wakeup.wake()

    def _pause(self) -> None:
        """See `Ahead`."""
        if self._link is not None:
            self._link.pause()

    def _resume(self) -> None:
        """See `Ahead`."""
        if self._link is not None:
            self._link.resume()

    def _drain(self, by: int) -> None:
        """See `Ahead`."""
        assert self._link is not None  # noqa: S101  # else there is an end or a failure, and nothing to drain
        self._link.limit(by)


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
