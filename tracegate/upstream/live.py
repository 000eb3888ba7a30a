"""The source of a live reply: reads one upstream answer, bounded by absolute times.

It stamps what the attempt's record takes over: first event, commit, end. A failure found behind good events waits
until those were read. How bytes become events is the dialect's reader's affair.
"""

from __future__ import annotations

from tracegate.errors import Broken, Failed, TimedOut
from tracegate.events import Chunk, Event, Final
from tracegate.facts import Attempt, Limit
from tracegate.hop import Call
from tracegate.upstream.decoding import Decoding, decoding_of
from tracegate.upstream.exchange import Incoming
from tracegate.upstream.leaf import Leaf

HELD_EVENTS = 16  # events without output that are held before the commit (ruling 39)
HELD_BYTES = 64 * 1024
_IDLE: Limit = "idle"
_DEADLINE: Limit = "deadline"
ERROR_BODY = 64 * 1024  # of an error body this much is read; the rest is dropped with the connection


class Live:
    """One answer as it arrives; see `Source`.

    Args:
        leaf: The hop's parts.
        call: What is answered.
        attempt: Written while the answer is read.
        incoming: The answer's bytes; its head is there.
    """

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
        "_stream",
    )

    def __init__(self, leaf: Leaf, call: Call, attempt: Attempt, incoming: Incoming) -> None:
        self._leaf = leaf
        self._attempt = attempt
        self._incoming = incoming
        self._clock = call.clock
        self._deadline = call.deadline
        self._idle = leaf.timeouts.idle
        self._stream = call.body.stream
        self._last = call.clock.now()  # when the last bytes of the body came; at first, the head
        self._queue: list[Event] = []  # a read brings at most three
        self._broken: Failed | None = None
        self._decoding: Decoding | None = None
        self._reader = leaf.dialect.reader(
            call.body,
            incoming.status,
            incoming.headers,
            limit=leaf.answer_limit,
            skip_malformed=leaf.skip_malformed,
            asked=leaf.target.usage_in_stream,
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
            self.abort()  # the status came and decides; the rest of its text is lost
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
            try:
                data = await self._incoming.read(until, limit)
            except Failed as exc:
                events = self._cut(exc)
            else:
                events = self._came(data)
            for event in events:
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
            until, limit = self._deadline, _DEADLINE
            if self._idle is not None and (idle := self._clock.now() + self._idle) < until:
                until, limit = idle, _IDLE
            try:
                data = await self._incoming.read(until, limit)
            except Failed as exc:
                self._cut(exc)
            else:
                self._came(data)
        event = queue.pop(0)
        if isinstance(event, Chunk):
            self._attempt.chunks += event.count
        return event

    def abort(self) -> None:
        """See `Source.abort`."""
        if self._attempt.end is None:
            self._attempt.end = self._clock.now()
            self._incoming.abort()

    def _came(self, data: bytes, cut: Failed | None = None) -> list[Event]:
        """Bytes of the body, none at its end, into the queue; returns what they brought."""
        reader = self._reader
        try:
            if data:
                arrived = self._incoming.arrived  # a slow client does not stretch the attempt
                self._last = self._clock.now() if arrived is None else arrived
                if self._decoding is not None:
                    data = self._decoding.feed(data)
                    if not data:
                        return []
            events = reader.feed(data) if data else reader.end()
        except Failed as exc:
            self._broke(cut or exc)
            return []
        if events:
            if self._attempt.first_event is None:
                self._attempt.first_event = self._last
            self._queue += events
            if isinstance(events[-1], Final):
                self._end(complete=True)
        if reader.failure is not None:
            self._broke(reader.failure)
        return events

    def _cut(self, exc: Failed) -> list[Event]:
        """No more bytes come. A stream is complete all the same if every finish reason came before (ruling 54)."""
        if isinstance(exc, TimedOut) or not self._stream:
            self._broke(exc)
            return []
        return self._came(b"", exc)

    def _end(self, *, complete: bool) -> None:
        """The answer is whole: its last byte was its end, not what framing came behind it (ruling 15)."""
        self._attempt.end = self._last
        self._attempt.complete = complete
        self._attempt.skipped = self._reader.skipped
        self._incoming.release()

    def _broke(self, failure: Failed) -> None:
        """The answer broke; raised when what came before it was read."""
        attempt = self._attempt
        if failure.status is None:
            failure.status = attempt.status
        arrived = None if isinstance(failure, TimedOut) else self._incoming.arrived
        attempt.end = self._clock.now() if arrived is None else arrived
        attempt.skipped = self._reader.skipped
        self._incoming.abort()
        self._leaf.redactor.failed(failure)
        self._broken = failure
