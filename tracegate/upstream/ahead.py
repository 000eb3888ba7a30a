"""An answer as far as it came, for whoever reads it: what the answers of both transports share.

Bytes are read a little ahead of the reader, so that the end of an answer is known, stamped, and its connection free,
before a slow client has read it. What came in time counts, whenever that is read; what came too late does not, though
it is here. How bytes come, and how a connection is stopped and given back, is the transport's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable

from tracegate.clock import Clock
from tracegate.errors import Broken, Failed, TimedOut
from tracegate.facts import Limit
from tracegate.wire.headers import Headers

AHEAD = 64 * 1024  # bytes that are read before anybody asks for them; one read of the socket may go beyond
DRAIN_NS = 100_000_000  # the framing behind an answer is read for at most this long (ruling 15)
DRAIN_BYTES = 64 * 1024  # more than this is no framing


class Ahead(ABC):
    """See the module, and `Incoming`.

    Args:
        clock: Of limits and stamps.
    """

    __slots__ = (
        "_chunks",
        "_clock",
        "_drained",
        "_end",
        "_ended",
        "_failed",
        "_failure",
        "_first",
        "_last",
        "_released",
        "_size",
        "arrived",
        "headers",
        "status",
    )

    def __init__(self, clock: Clock) -> None:
        self.status = 0  # until there is a head
        self.headers: Headers = ()
        self.arrived: int | None = None
        self._clock = clock
        self._chunks: list[bytes] = []  # that were read ahead
        self._size = 0
        self._first = self._last = 0  # when the first of them came, and the last
        self._ended = False
        self._end = 0  # when the end came, or the failure
        self._failed = False
        self._failure: Failed | None = None  # until somebody raised it
        self._released = False
        self._drained = 0

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
        if self._size >= AHEAD:
            self._resume()
        self._size = 0
        return data

    def release(self) -> None:
        """See `Incoming.release`."""
        if self._released or self._ended or self._failed:
            return
        self._released = True
        self._resume()
        self._drain(self._clock.now() + DRAIN_NS)

    @abstractmethod
    def abort(self) -> None:
        """See `Incoming.abort`."""

    # Whoever fills it

    def _take(self, data: bytes, now: int) -> bool:
        """Keep bytes for the reader; `False` where nobody wants them any more and they are too many for framing."""
        if self._released:
            self._drained += len(data)
            return self._drained <= DRAIN_BYTES
        if not self._chunks:
            self._first = now
        self._last = now
        self._chunks.append(data)
        self._size += len(data)
        if self._size >= AHEAD:
            self._pause()
        return True

    def _fail(self, failure: Failed, now: int) -> None:
        """The exchange ended; nobody minds where its answer is whole, or it had failed before."""
        if not self._ended and not self._failed:
            self._failed = True
            self._failure = failure
            self._end = now
            self._wake()

    def _taken(self) -> Failed:
        """The failure, which is then no longer held here: its traceback would hold us."""
        failure, self._failure = self._failure, None
        return failure or Broken("http_response_incomplete", "The answer had broken before.")

    # What the transport does

    @abstractmethod
    def _wait(self, by: int) -> Awaitable[object]:
        """What is awaited until `_wake` is called, at most until a time."""

    @abstractmethod
    def _wake(self) -> None:
        """Something happened: whoever waits looks again."""

    @abstractmethod
    def _pause(self) -> None:
        """Bring no more for now; enough is read ahead."""

    @abstractmethod
    def _resume(self) -> None:
        """Go on, where it was paused."""

    @abstractmethod
    def _drain(self, by: int) -> None:
        """What still comes is framing; drop the connection where that has not ended by a time."""


def _nothing_more(limit: Limit) -> TimedOut:
    return TimedOut(limit, f"The provider sent nothing more before its limit `{limit}`.")
