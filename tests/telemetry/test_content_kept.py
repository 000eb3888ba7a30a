"""Answers are copied while they pass, and belong to the attempt that they came from."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from tests.telemetry.made import AZURE, MISTRAL
from tracegate.errors import Broken
from tracegate.events import Chunk, Event, Final
from tracegate.facts import Attempt, Target, Why
from tracegate.hop import Call, Hop, Reply
from tracegate.inbound import Inbound
from tracegate.record import Recorder
from tracegate.telemetry.content_kept import Kept
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.wire.body import Body


def event(text: str) -> Chunk:
    """An event of a stream."""
    return Chunk(b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % text.encode())


class Playing:
    """A source that plays events, failures among them."""

    def __init__(self, *events: Event | Exception) -> None:
        self.events = deque(events)
        self.aborted = 0

    async def next(self) -> Event:
        """See `Source.next`."""
        event = self.events.popleft()
        if isinstance(event, Exception):
            raise event
        return event

    def abort(self) -> None:
        """See `Source.abort`."""
        self.aborted += 1


def attempt(target: Target = AZURE, index: int = 0) -> Attempt:
    """An attempt."""
    return Attempt(target, index, Why(), 0, True)


def calling(recorder: Recorder, raw: bytes = b'{"model":"m","stream":true}') -> Call:
    """A call of a request."""
    return Call(Body(raw), recorder, recorder.server, 10**18, recorder.clock, recorder.ids)


def recorder() -> Recorder:
    """The recorder of a new request."""
    return Recorder(Inbound(), FakeClock(), SeededIds(1))


def replying(reply: Reply | Exception) -> Hop:
    """A hop that gives a reply."""

    async def hop(call: Call) -> Reply:
        if isinstance(reply, Exception):
            raise reply
        return reply

    return hop


async def read(reply: Reply, times: int) -> list[Event]:
    """So many events of a reply."""
    return [await reply.next() for _ in range(times)]


def test_what_passes_is_copied_and_passes_unchanged() -> None:
    """Up to where the client got it, and no further."""
    kept, request, answered = Kept(), recorder(), attempt()
    events: list[Event] = [event("a"), event("b"), event("never read"), Final()]

    async def main() -> None:
        reply = await kept.hop(replying(Reply(answered, Playing(*events), whole=False)))(calling(request))
        assert await read(reply, 2) == events[:2]

    asyncio.run(main())
    ((of, said),) = kept.taken(request).items()
    assert of is answered
    assert said.messages() == [{"role": "assistant", "parts": [{"type": "text", "content": "ab"}]}]
    assert kept.taken(request) == {}


def test_a_whole_answer_is_copied_too() -> None:
    """As the one chunk that it is."""
    kept, request, answered = Kept(), recorder(), attempt()
    data = Chunk(b'{"choices":[{"message":{"content":"a"}}]}')

    async def main() -> None:
        hop = kept.hop(replying(Reply(answered, Playing(data, Final()), whole=True)))
        await read(await hop(calling(request, b'{"model":"m"}')), 2)

    asyncio.run(main())
    assert kept.taken(request)[answered].messages() == [
        {"role": "assistant", "parts": [{"type": "text", "content": "a"}]}
    ]


def test_each_part_belongs_to_the_attempt_that_it_came_from() -> None:
    """A reply whose attempt is replaced on the way has two."""
    kept, request, first, second = Kept(), recorder(), attempt(), attempt(MISTRAL, 1)

    async def main() -> None:
        reply = await kept.hop(replying(Reply(first, Playing(event("a"), event("b")), whole=False)))(calling(request))
        await reply.next()
        reply.attempt = second
        await reply.next()

    asyncio.run(main())
    found = kept.taken(request)
    texts = [said.messages()[0] for said in (found[first], found[second])]
    assert texts == [{"role": "assistant", "parts": [{"type": "text", "content": text}]} for text in "ab"]


def test_failures_and_ends_pass_as_they_are() -> None:
    """What was released before a break stays; a reply that is closed stops its source."""
    kept, request, answered = Kept(), recorder(), attempt()
    source = Playing(event("a"), Broken("http_response_incomplete", "cut"))
    settled: list[BaseException | None] = []

    async def main() -> None:
        reply = await kept.hop(replying(Reply(answered, source, whole=False)))(calling(request))
        reply.on_settle(settled.append)
        await reply.next()
        with pytest.raises(Broken):
            await reply.next()

    asyncio.run(main())
    assert source.aborted == 1
    assert [type(exc) for exc in settled] == [Broken]
    assert len(kept.taken(request)[answered].messages()) == 1


def test_what_gave_no_reply_leaves_nothing() -> None:
    """Nor does a request that was never asked."""
    kept, request = Kept(), recorder()

    async def main() -> None:
        with pytest.raises(Broken):
            await kept.hop(replying(Broken("http_response_incomplete", "cut")))(calling(request))

    asyncio.run(main())
    assert kept.taken(request) == {}
    assert kept.taken(recorder()) == {}
