"""One connection to an origin, with at most one exchange on it at a time.

It writes a request at once, or as fast as the peer takes it; hands what comes to the exchange's answer; and goes back
to its keeper when the answer is whole and nothing came behind it. Bytes that nobody asked for, or an end, while it is
idle make it unusable. One alarm serves all limits of all its exchanges: it is set anew only for an earlier time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tracegate.alarms import NEVER, Alarms
from tracegate.upstream.fast.answer import Answer

if TYPE_CHECKING:
    from tracegate.upstream.fast.tls import Secured

SLICE = 256 * 1024  # of a request that is handed on at once; a larger one waits until the peer has taken most of that
UNSENT = 64 * 1024  # bytes that may wait before the socket: less than that counts as handed over


class Origin(NamedTuple):
    """Where requests go."""

    scheme: str
    host: str
    port: int


class Wire(Protocol):
    """What a connection needs of an asyncio transport, or of TLS over one."""

    def write(self, data: bytes | memoryview) -> None:
        """Hand over bytes."""

    def pause_reading(self) -> None:
        """Take nothing from the socket."""

    def resume_reading(self) -> None:
        """Go on with it."""

    def is_closing(self) -> bool:
        """Whether it ends, or has ended."""

    def close(self) -> None:
        """End it when what was written is sent."""

    def abort(self) -> None:
        """End it at once."""


class Exchanging(Protocol):
    """The exchange that a connection is used for."""

    def sent(self, now: int) -> None:
        """The request was handed over whole."""

    def came(self, answer: Answer, body: bytes, now: int) -> None:
        """Something of the answer came, maybe its end."""

    def lost(self, exc: BaseException | None, now: int) -> None:
        """The connection ended before the answer did."""

    def rang(self) -> None:
        """The time came that was asked for by `Link.limit`."""

    def abort(self) -> None:
        """The connection is to be dropped."""


class Keeper(Protocol):
    """Where connections go when they are not used."""

    def made(self, link: Link) -> None:
        """Know of one that is being connected."""

    def keep(self, link: Link) -> None:
        """Take one that can be used again."""

    def gone(self, link: Link) -> None:
        """Forget one that ended."""


class Gone:
    """What stands for the transport of a connection that ended, so that the two do not hold each other for ever."""

    def write(self, data: bytes | memoryview) -> None:
        """See `Wire`."""

    def pause_reading(self) -> None:
        """See `Wire`."""

    def resume_reading(self) -> None:
        """See `Wire`."""

    def is_closing(self) -> bool:
        """See `Wire`."""
        return True

    def close(self) -> None:
        """See `Wire`."""

    def abort(self) -> None:
        """See `Wire`."""


GONE = Gone()


class Link(asyncio.Protocol):
    """See the module.

    Args:
        alarms: Of limits; its clock is that of stamps, too.
        keeper: Where it goes when it is not used.
        origin: Whom it leads to.

    Attributes:
        peer: Address and port, in the form of `facts.Connection`.
        tls: The version of TLS, `None` without.
        secured: What secures it, `None` without TLS.
        remembered: Whether its session is known to who may resume it.
        kept_s: For how long the peer said that it keeps an idle connection, in seconds.
        expires: Until when it may lie idle, in monotonic nanoseconds; the keeper's.
        by: When it rings, in monotonic nanoseconds; whoever says a time from `armed` on may just write it here.
        armed: When the alarm does.
        exchange: What it is used for.
        used: Whether it ever was.
    """

    __slots__ = (
        "_alarms",
        "_answer",
        "_clock",
        "_full",
        "_keeper",
        "_paused",
        "_rest",
        "_why",
        "_wire",
        "armed",
        "by",
        "closed",
        "exchange",
        "expires",
        "kept_s",
        "origin",
        "peer",
        "remembered",
        "secured",
        "tls",
        "used",
    )

    def __init__(self, alarms: Alarms, keeper: Keeper, origin: Origin) -> None:
        self.origin = origin
        self.peer: str | None = None
        self.tls: str | None = None
        self.secured: Secured | None = None
        self.remembered = False
        self.kept_s: int | None = None
        self.expires = 0
        self.closed = False
        self.used = False
        self._alarms = alarms
        self._clock = alarms.clock
        self._keeper = keeper
        self._wire: Wire
        self.exchange: Exchanging | None = None
        self._answer: Answer | None = None
        self._rest: memoryview | None = None  # of a request that the peer has not taken yet
        self._why: BaseException | None = None  # it ended, where nobody was there to be told
        self._full = False  # whether enough waits before the socket
        self._paused = False
        self.armed = NEVER
        self.by = NEVER

    # The exchange

    def start(self, exchange: Exchanging, request: bytes, method: str) -> None:
        """Send a request, whose answer is the exchange's; on a connection that has ended meanwhile it is lost."""
        if self.closed:
            exchange.lost(self._why, self._clock.now())  # nobody else would tell it
            return
        self.exchange = exchange
        self.used = True
        self._answer = Answer(method)
        if len(request) > SLICE:
            self._rest = memoryview(request)
            self._write()
            return
        self._wire.write(request)
        if self.exchange is exchange and not self._full:  # it is not where writing broke the connection
            exchange.sent(self._clock.now())

    def limit(self, by: int) -> None:
        """Ring at monotonic nanosecond `by`, unless another time is said before; `NEVER` takes it back."""
        self.by = by
        if by < self.armed:
            self._alarms.set(self, by)

    def pause(self) -> None:
        """Take nothing more from the socket."""
        if not self._paused and not self._wire.is_closing():
            self._paused = True
            self._wire.pause_reading()

    def resume(self) -> None:
        """Go on reading."""
        if self._paused:
            self._paused = False
            if not self._wire.is_closing():
                self._wire.resume_reading()

    def abort(self) -> None:
        """Drop the connection at once; whoever uses it is told nothing."""
        self._over()
        self._wire.abort()

    def close(self) -> None:
        """End an idle connection as the peer expects it."""
        self._over()
        self._wire.close()

    @property
    def usable(self) -> bool:
        """Whether a request may be sent on it."""
        return not self.closed and not self._wire.is_closing()

    # What asyncio, or TLS, calls

    def connected(self, wire: Wire) -> None:
        """The connection stands, TLS included."""
        self._wire = wire

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what a socket has can do all this, of whatever class
        """See `asyncio.Protocol`."""
        transport.set_write_buffer_limits(high=UNSENT, low=0)
        self._wire = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        exchange, answer = self.exchange, self._answer
        if exchange is None or answer is None:
            self.abort()  # nobody asked
            return
        now = self._clock.now()
        body = answer.feed(data)
        if answer.done:
            self._finish(answer)
        elif answer.failure is not None:
            self.abort()
        exchange.came(answer, body, now)

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`; a peer that writes no more has nothing to say to a further request either."""
        self.ended(clean=True)
        return False

    def ended(self, *, clean: bool) -> None:
        """The peer ended the connection, TLS with the message for it where `clean`."""
        exchange, answer = self.exchange, self._answer
        if exchange is not None and answer is not None and answer.end(clean=clean):
            self.abort()
            exchange.came(answer, b"", self._clock.now())
        else:
            self.failed(None)

    def failed(self, exc: BaseException | None) -> None:
        """The connection can't be used any more, in the middle of whatever it was used for."""
        exchange = self.exchange
        self.abort()
        self._tell(exchange, exc)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See `asyncio.Protocol`."""
        exchange = self.exchange
        self._over()
        self._wire, self.secured = GONE, None
        self._keeper.gone(self)
        self._tell(exchange, exc)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._full = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._full = False
        if self._rest is not None:
            self._write()
        elif self.exchange is not None:
            self.exchange.sent(self._clock.now())

    def _write(self) -> None:
        """Hand on as much of a large request as the peer takes."""
        rest = self._rest
        while rest is not None and not self._full and not self.closed:
            part, rest = rest[:SLICE], rest[SLICE:] if len(rest) > SLICE else None
            self._rest = rest
            self._wire.write(part)
        if rest is None and not self._full and self.exchange is not None:
            self.exchange.sent(self._clock.now())

    def _finish(self, answer: Answer) -> None:
        """The answer is whole."""
        head = answer.head
        if answer.spoilt or head is None or head.close or self._rest is not None or self._full:
            self.abort()
            return
        self.exchange = self._answer = None
        self.by = NEVER
        self.kept_s = head.kept_s
        self.resume()
        self._keeper.keep(self)

    def _tell(self, exchange: Exchanging | None, exc: BaseException | None) -> None:
        """The connection ended: its exchange is told why, or else the one that still comes to use it."""
        if exchange is not None:
            exchange.lost(exc, self._clock.now())
        elif exc is not None:
            self._why = exc.with_traceback(None)  # its frames hold us

    def _over(self) -> None:
        self.closed = True
        self.exchange = self._answer = self._rest = None
        self.by = NEVER
        self._alarms.take(self)

    def ring(self) -> None:
        """See `Alarm`."""
        by = self.by
        if by == NEVER:
            return  # nobody waits; the next who does arms it
        if self._clock.now() < by:  # a later time was said meanwhile, or the loop's timer was early
            self.limit(by)
        elif self.exchange is not None:
            self.exchange.rang()
