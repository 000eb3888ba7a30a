"""The upstream hop: one attempt, which is one HTTP exchange with one target.

It is the only writer of an `Attempt`: it stamps the times, maps every end to one `Failed`, and commits to a reply at
the first event with output (ruling 39). It opens no record: `build` wraps it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tracegate.clock import Clock
from tracegate.dialects.dialect import Dialect, Outgoing, Reader
from tracegate.errors import Broken, Failed, TimedOut
from tracegate.events import Chunk, Event, Final
from tracegate.facts import Attempt, Limit, Target, Timeouts
from tracegate.hop import Call, Reply
from tracegate.redact import Redactor
from tracegate.upstream.decoding import Decoding, decoding_of
from tracegate.upstream.exchange import Exchange, Incoming
from tracegate.wire.headers import header

HELD_EVENTS = 16  # events without output that are held before the commit (ruling 39)
HELD_BYTES = 64 * 1024
ERROR_BODY = 64 * 1024  # of an error body this much is read; the rest is dropped with the connection
REQUEST_IDS = ("x-request-id", "apim-request-id", "x-ms-request-id", "request-id", "cf-ray")


@dataclass(frozen=True, slots=True)
class Leaf:
    """What one upstream hop is made of, resolved at build.

    Args:
        target: What is called.
        dialect: Its wire format.
        exchange: The way to its origin.
        timeouts: Its limits, in nanoseconds.
        redactor: Knows every configured secret.
        credentials: Header fields with the key, empty for none.
        via: Our `Via` member for the provider, `None` to send none.
        answer_limit: Bytes of a unary answer, or of one event.
        skip_malformed: Whether malformed events are skipped and counted (ruling 33).
    """

    target: Target
    dialect: Dialect
    exchange: Exchange
    timeouts: Timeouts
    redactor: Redactor
    credentials: tuple[tuple[str, str], ...] = ()
    via: str | None = None
    answer_limit: int = 64_000_000
    skip_malformed: bool = False


class Upstream:
    """The leaf of every route tree."""

    __slots__ = ("_leaf",)

    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf

    async def __call__(self, call: Call) -> Reply:
        """Make one attempt; its record is the call's parent."""
        attempt = call.parent.attempt
        if attempt is None:
            raise TypeError("an upstream hop is called through the wrapper that records it")
        leaf = self._leaf
        outgoing = self._outgoing(call)
        now = call.clock.now()
        attempt.start = now
        until, limit = _until_commit(leaf.timeouts, now, call)
        live: Live | None = None
        try:
            incoming = await leaf.exchange.send(
                outgoing,
                attempt.connection,
                connect_by=now + leaf.timeouts.connect,
                write_by=now + leaf.timeouts.write,
                until=until,
                limit=limit,
            )
            attempt.status = incoming.status
            attempt.headers = incoming.headers
            attempt.request_id = next(filter(None, (header(incoming.headers, name) for name in REQUEST_IDS)), None)
            live = Live(leaf, call, attempt, incoming)
            if not 200 <= incoming.status < 300:
                raise await live.refusal(until, limit)
            await live.commit(until, limit)
        except BaseException as exc:
            if live is not None:
                live.abort()
            if attempt.end is None:
                attempt.end = call.clock.now()
            if isinstance(exc, Failed):
                leaf.redactor.failed(exc)
            raise
        return Reply(attempt, live, whole=attempt.complete)

    def _outgoing(self, call: Call) -> Outgoing:
        leaf = self._leaf
        outgoing = leaf.dialect.request(call.body, leaf.target, call.recorder.inbound.passed)
        outgoing.span = (call.recorder.trace, call.parent.span)
        headers = outgoing.headers
        headers += leaf.credentials
        if leaf.via is not None:
            headers.append(("via", leaf.via))
        if leaf.target.propagate:  # from the attempt's own span, never the client's header copied
            headers.append(("traceparent", f"00-{call.recorder.trace.hex()}-{call.parent.span.hex()}-01"))
        return outgoing


def _until_commit(timeouts: Timeouts, start: int, call: Call) -> tuple[int, Limit]:
    """The limit that will fire first before the commit, and its name."""
    until = call.deadline
    limit: Limit = "deadline"
    if timeouts.attempt is not None and start + timeouts.attempt < until:
        until, limit = start + timeouts.attempt, "attempt"
    if call.body.stream and timeouts.first_token is not None and start + timeouts.first_token < until:
        until, limit = start + timeouts.first_token, "first_token"
    return until, limit


class Live:
    """The source of a reply: reads one upstream answer, bounded by absolute times."""

    __slots__ = (
        "_attempt",
        "_broken",
        "_clock",
        "_deadline",
        "_decoding",
        "_idle",
        "_incoming",
        "_last",
        "_leaf",
        "_queue",
        "_reader",
    )

    def __init__(self, leaf: Leaf, call: Call, attempt: Attempt, incoming: Incoming) -> None:
        self._leaf = leaf
        self._attempt = attempt
        self._incoming = incoming
        self._clock: Clock = call.clock
        self._deadline = call.deadline
        self._idle = leaf.timeouts.idle
        self._last = self._clock.now()  # when the last bytes of the body came; at first, the head
        self._queue: deque[Event] = deque()
        self._broken: Failed | None = None
        self._decoding: Decoding | None = None
        self._reader: Reader | None = None
        if 200 <= incoming.status < 300:
            self._reader = leaf.dialect.reader(
                call.body,
                incoming.status,
                incoming.headers,
                limit=leaf.answer_limit,
                skip_malformed=leaf.skip_malformed,
            )
            attempt.answer = self._reader.facts

    async def refusal(self, until: int, limit: Limit) -> Failed:
        """Read the body of an answer other than 2xx, as far as it comes, and classify it."""
        incoming = self._incoming
        body = b""
        try:
            decoding = decoding_of(incoming.headers, ERROR_BODY)
            while len(body) < ERROR_BODY and (data := await incoming.read(until, limit)):
                body += decoding.feed(data) if decoding else data
        except Failed:
            incoming.abort()  # the status came and decides; the rest of its text is lost
        else:
            self._end(complete=False)
        return self._leaf.dialect.failure(
            incoming.status, incoming.headers, body[:ERROR_BODY], self._clock.wall() // 1_000_000_000
        )

    async def commit(self, until: int, limit: Limit) -> None:
        """Read to the first event with output, for a unary answer to its end; raises `Failed` before that."""
        self._decoding = decoding_of(self._incoming.headers, self._leaf.answer_limit)
        held = size = 0
        while True:
            for event in await self._read(until, limit):
                if isinstance(event, Final):
                    # With output before it, the loop would have returned.
                    raise Broken("http_response_incomplete", "The provider's answer ended before it said anything.")
                held += event.count
                size += len(event.data)
                if event.output or held > HELD_EVENTS or size > HELD_BYTES:
                    self._attempt.committed = self._last
                    return
            if self._broken is not None:
                raise self._broken

    async def next(self) -> Event:
        """See `Source.next`."""
        queue = self._queue
        while not queue:
            if self._broken is not None:
                raise self._broken
            now = self._clock.now()
            if self._idle is not None and now + self._idle < self._deadline:
                await self._read(now + self._idle, "idle")
            else:
                await self._read(self._deadline, "deadline")
        event = queue.popleft()
        if isinstance(event, Chunk):
            self._attempt.chunks += event.count
        return event

    def abort(self) -> None:
        """See `Source.abort`."""
        if self._attempt.end is None:
            self._attempt.end = self._clock.now()
            self._incoming.abort()

    async def _read(self, until: int, limit: Limit) -> list[Event]:
        """One read of the body into the queue; a failure waits behind the events that came before it."""
        attempt, reader = self._attempt, self._reader
        assert reader is not None  # noqa: S101  # only answers with a 2xx status get here
        try:
            data = await self._incoming.read(until, limit)
            if data:
                self._last = self._arrived()
                if self._decoding is not None:
                    data = self._decoding.feed(data)
                    if not data:
                        return []
            events = reader.feed(data) if data else reader.end()
        except Failed as exc:
            if exc.status is None:
                exc.status = attempt.status
            attempt.end = self._clock.now() if isinstance(exc, TimedOut) else self._arrived()
            self._incoming.abort()
            self._leaf.redactor.failed(exc)
            self._broken = exc
            return []
        if events:
            if attempt.first_event is None:
                attempt.first_event = self._last
            self._queue += events
            if isinstance(events[-1], Final):
                self._end(complete=True)
        return events

    def _end(self, *, complete: bool) -> None:
        """The answer is whole: its last byte was its end, not what framing came behind it (ruling 15)."""
        self._attempt.end = self._last
        self._attempt.complete = complete
        if self._reader is not None:
            self._attempt.skipped = self._reader.skipped
        self._incoming.release()

    def _arrived(self) -> int:
        """When what was read last came; a slow client does not stretch the attempt."""
        arrived = self._incoming.arrived
        return self._clock.now() if arrived is None else arrived
