"""The answers of requests that still run, kept for one view and for nobody else.

A hop around what a client selected lets every answer through and puts a copy aside. It is there only where content is
switched on. The copies are in no record, so no other view can come by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tracegate.events import Chunk, Event
from tracegate.facts import Attempt
from tracegate.hop import Call, Hop, Reply, Source
from tracegate.record import Recorder
from tracegate.telemetry.content_answer import Said

Answers = Mapping[Attempt, Said]
_NOTHING: Answers = {}


class Kept:
    """What was released of each answer, by request and by the attempt that it came from."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: dict[Recorder, dict[Attempt, Said]] = {}

    def hop(self, hop: Hop) -> Hop:
        """The hop, its answers kept."""
        return _Keeping(hop, self._answers)

    def taken(self, request: Recorder) -> Answers:
        """What a request's attempts said; it is forgotten here."""
        return self._answers.pop(request, _NOTHING)


class _Keeping:
    __slots__ = ("_answers", "_hop")

    def __init__(self, hop: Hop, answers: dict[Recorder, dict[Attempt, Said]]) -> None:
        self._hop = hop
        self._answers = answers

    async def __call__(self, call: Call) -> Reply:
        reply = await self._hop(call)
        said = self._answers.setdefault(call.recorder, {})
        reply.through(partial(_Copied, reply, said, call.body.stream))
        return reply


class _Copied:
    """A source that puts what passes aside, for the attempt that the reply belongs to just then."""

    __slots__ = ("_reply", "_said", "_source", "_stream")

    def __init__(self, reply: Reply, said: dict[Attempt, Said], stream: bool, source: Source) -> None:
        self._reply = reply
        self._said = said
        self._stream = stream
        self._source = source

    async def next(self) -> Event:
        event = await self._source.next()
        if isinstance(event, Chunk):
            attempt = self._reply.attempt
            said = self._said.get(attempt)
            if said is None:
                said = self._said[attempt] = Said(stream=self._stream)
            said.add(event.data)
        return event

    def abort(self) -> None:
        self._source.abort()
