"""The view of prompts and answers queues, renders late, sends apart from all else, and counts what it loses."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.telemetry.made import AZURE, CHAT, Made, of, success
from tracegate.events import Chunk, Event, Final
from tracegate.hop import Call, Hop, Reply
from tracegate.record import Record, Recorder
from tracegate.telemetry import names
from tracegate.telemetry.content import TICK_NS, TURN, Beside, Content
from tracegate.telemetry.content_kept import Kept
from tracegate.telemetry.export import SECOND_NS, Channel, Endpoint
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.otlp import Envelope
from tracegate.telemetry.post import Answer, Headers
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.receiver import Hang, Receiver, Refuse

EVENT = "gen_ai.client.inference.operation.details"


class Kit:
    """The view in front of the test kit's receiver, in process, on virtual time."""

    def __init__(self, limit: int = 1_000_000) -> None:
        self.clock = FakeClock()
        self.receiver = Receiver(self.clock, Registry.ours())
        self.losses = Losses()
        self.kept = Kept()
        self.closed = 0
        endpoint = Endpoint("http://content/v1/logs", timeout_ns=SECOND_NS)
        envelope = Envelope({"service.name": "tracegate"})
        channel = Channel("content", endpoint, envelope, self.post, self.clock, lambda: 0.5, self.losses, limit)
        self.view = Content(self.clock, channel, self.kept, self.losses, limit=limit, close=self.close)

    async def post(self, url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        """Hand a request to the receiver, as a socket would."""
        async with asyncio.timeout(timeout_ns / SECOND_NS):
            answer = await self.receiver.post(urlsplit(url).path, headers, body)
        return Answer(answer.status, tuple(answer.headers), answer.body)

    async def close(self) -> None:
        """Counts how often the connection was closed."""
        self.closed += 1

    async def after(self, ns: int) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now() + ns)

    async def answer(self, request: Recorder, text: str) -> Recorder:
        """Release an answer of the request's first attempt."""
        data = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
        reply = Reply(request.attempts[0], Whole(Chunk(data), Final()), whole=True)
        body = request.inbound.body
        assert body is not None
        call = Call(body, request, request.server, 10**18, self.clock, request.ids)
        async with await self.kept.hop(replying(reply))(call) as told:
            while isinstance(await told.next(), Chunk):
                pass
        return request

    @property
    def lost(self) -> dict[str, int]:
        """What was lost, by where."""
        return {str(labels[0][1]): count for labels, count in self.losses.counts() if count}

    @property
    def texts(self) -> list[str]:
        """The answers that were received."""
        found: list[str] = []
        for log in self.receiver.logs:
            messages: Any = log.attributes.get(names.GEN_AI_OUTPUT_MESSAGES, [{"parts": [{"content": ""}]}])
            found.append(messages[0]["parts"][0]["content"])
        return found


class Whole:
    """A source that plays events."""

    def __init__(self, *events: Event) -> None:
        self._events = list(events)

    async def next(self) -> Event:
        """See `Source.next`."""
        return self._events.pop(0)

    def abort(self) -> None:
        """See `Source.abort`."""


def replying(reply: Reply) -> Hop:
    """A hop that gives a reply."""

    async def hop(call: Call) -> Reply:
        return reply

    return hop


def asking(prompt: str, seed: int = 1) -> Recorder:
    """A success with a prompt."""
    body = {"model": "chat", "messages": [{"role": "user", "content": prompt}]}
    return success(json.dumps(body).encode(), seed=seed)


def test_prompt_and_answer_arrive_as_one_event() -> None:
    """Adding only queues; after a moment it is sent, held to the registry."""

    async def main() -> Kit:
        kit = Kit()
        request = await kit.answer(asking("hi"), "hello")
        kit.view.start()
        kit.view.add(request)
        assert kit.receiver.requests == []
        await kit.after(2 * TICK_NS)
        assert len(kit.receiver.requests) == 1
        await kit.view.close(kit.clock.now() + SECOND_NS)
        return kit

    kit = run(main)
    (log,) = kit.receiver.logs
    assert kit.receiver.problems(lost=True) == []
    assert (log.name, log.severity, log.severity_text) == (EVENT, 5, "DEBUG")
    assert log.attributes[names.GEN_AI_INPUT_MESSAGES] == (
        {"role": "user", "parts": ({"type": "text", "content": "hi"},)},
    )
    assert kit.texts == ["hello"]
    assert (kit.lost, kit.closed) == ({}, 1)


def test_requests_wait_for_others() -> None:
    """What comes within a moment is one export."""
    requests = [asking("hi", seed) for seed in range(3)]

    async def main() -> Kit:
        kit = Kit()
        for request in requests:
            kit.view.add(request)
            await kit.after(TICK_NS // 10)
        await kit.after(TICK_NS)
        return kit

    kit = run(main)
    assert [len(kit.receiver.requests), len(kit.receiver.logs)] == [1, 3]


def test_large_prompts_wait_for_nobody_and_are_rendered_one_by_one() -> None:
    """So that the loop turns in between."""
    large = [asking("x" * TURN, seed) for seed in range(3)]
    small = asking("hi", 9)

    async def main() -> Kit:
        kit = Kit(limit=10_000_000)
        kit.view.add(small)  # its timer is taken forward by the next one
        for request in large:
            kit.view.add(request)
        waiting = set()
        while kit.view._held:
            waiting.add(kit.view._held // TURN)
            await asyncio.sleep(0)
        assert waiting >= {1, 2}
        assert kit.clock.now() == began
        await kit.after(SECOND_NS)
        return kit

    began = FakeClock().now()
    assert len(run(main).receiver.logs) == 4


def test_requests_without_an_answer_have_no_event() -> None:
    """Refused ones, and those whose attempts all failed."""
    made = Made()
    route = made.route(CHAT)
    attempt = made.attempt(route)
    made.close(attempt, RuntimeError())
    made.close(route, RuntimeError())

    async def main() -> Kit:
        kit = Kit()
        kit.view.add(made.end(RuntimeError()))
        await kit.view.flush(kit.clock.now() + SECOND_NS)
        return kit

    kit = run(main)
    assert (kit.receiver.requests, kit.lost) == ([], {})


def later(made: Made) -> tuple[Recorder, Record, Record]:
    """A request with an attempt that is still open at its end, one that answered and one that did not."""
    route = made.route(CHAT)
    first = made.attempt(route)
    made.answer(first)
    made.close(first)
    answering, failing = made.attempt(route, AZURE), made.attempt(route, AZURE)
    made.close(route)
    return made.end(), answering, failing


def test_an_attempt_that_closes_later_has_an_event_of_its_own() -> None:
    """With the prompt and without an answer, for nobody was sent it; one that failed has none."""
    made = Made(json.dumps({"model": "chat", "messages": [{"content": "hi"}]}).encode())
    request, answering, failing = later(made)

    async def main() -> Kit:
        kit = Kit()
        kit.view.add(request)
        of(answering).committed = made.clock.now()
        made.close(answering)
        made.close(failing, RuntimeError())
        kit.view.late(request, answering)
        kit.view.late(request, failing)
        await kit.view.flush(kit.clock.now() + SECOND_NS)
        return kit

    kit = run(main)
    assert [log.span for log in kit.receiver.logs] == [request.records[2].span, answering.span]
    assert names.GEN_AI_OUTPUT_MESSAGES not in kit.receiver.logs[1].attributes


def test_what_does_not_fit_is_refused_and_counted() -> None:
    """Prompts that wait count as well as what waits to be sent; a single one always fits."""
    requests = [asking("x" * 5000, seed) for seed in range(4)]

    async def main() -> Kit:
        kit = Kit(limit=14_000)
        kit.receiver.behaviour = Hang()
        for request in requests[:3]:
            kit.view.add(request)
        assert kit.lost == {names.LOST_CONTENT_QUEUE: 1}
        await kit.after(SECOND_NS)
        kit.view.add(requests[3])  # nothing waits to be rendered, but two to be sent
        assert kit.lost == {names.LOST_CONTENT_QUEUE: 2}
        await kit.view.close(kit.clock.now() + SECOND_NS)
        return kit

    kit = run(main, leave_timers=True)
    assert kit.lost == {names.LOST_CONTENT_QUEUE: 2, names.LOST_CONTENT_EXPORT: 2}

    async def single() -> Kit:
        kit = Kit(limit=6_000)
        kit.view.add(asking("x" * 7000))
        await kit.view.flush(kit.clock.now() + SECOND_NS)
        return kit

    # It was rendered, and then the channel has no room for what it became.
    assert run(single).lost == {names.LOST_CONTENT_QUEUE: 1}


def test_a_refusing_receiver_is_counted_as_content(caplog: pytest.LogCaptureFixture) -> None:
    """And told to the operator as such, without what was said."""

    async def main() -> Kit:
        kit = Kit()
        kit.receiver.behaviour = Refuse(400)
        kit.view.add(asking("planted prompt"))
        await kit.view.close(kit.clock.now() + SECOND_NS)
        return kit

    assert run(main).lost == {names.LOST_CONTENT_EXPORT: 1}
    assert "Exporting content to http://content/v1/logs: status 400." in caplog.text
    assert "planted" not in caplog.text


def test_what_can_not_be_rendered_is_counted_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """A third party's dialect that hands over no bytes, for one; its text is in no log."""
    request, fine = asking("hi"), asking("fine", 2)

    async def main() -> Kit:
        kit = Kit()
        wrong: Any = "planted answer"
        reply = Reply(request.attempts[0], Whole(Chunk(wrong), Final()), whole=True)
        assert request.inbound.body is not None
        call = Call(request.inbound.body, request, request.server, 10**18, kit.clock, request.ids)
        await (await kit.kept.hop(replying(reply))(call)).next()
        kit.view.add(request)
        kit.view.add(fine)
        await kit.view.flush(kit.clock.now() + SECOND_NS)
        return kit

    with caplog.at_level(logging.ERROR):
        kit = run(main)
    assert kit.lost == {names.LOST_RENDER: 1}
    assert len(kit.receiver.logs) == 1
    assert "could not be rendered: TypeError" in caplog.text
    assert "planted" not in caplog.text


def test_nothing_is_taken_after_the_end() -> None:
    """It is counted instead."""

    async def main() -> Kit:
        kit = Kit()
        await kit.view.close(kit.clock.now() + SECOND_NS)
        kit.view.add(asking("hi"))
        return kit

    kit = run(main)
    assert (kit.receiver.requests, kit.lost) == ([], {names.LOST_CONTENT_QUEUE: 1})


class Told:
    """A view that writes down what it is told."""

    def __init__(self, clock: FakeClock, log: list[str]) -> None:
        self.tracers, self.meters = object(), object()
        self._clock = clock
        self._log = log

    def add(self, request: Recorder) -> None:
        """See `View.add`."""
        self._log.append("add")

    def late(self, request: Recorder, record: Record) -> None:
        """See `View.late`."""
        self._log.append("late")

    def start(self) -> None:
        """See `View.start`."""
        self._log.append("start")

    async def flush(self, by: int) -> None:
        """See `View.flush`."""
        self._log.append(f"flush at {(by - self._clock.now()) / SECOND_NS} s before the end")

    async def close(self, by: int) -> None:
        """See `View.close`."""
        self._log.append(f"close at {(by - self._clock.now()) / SECOND_NS} s before the end")


def test_content_stands_beside_everything_else() -> None:
    """Both are told the same; at the end content gets a third of the time and is over first."""
    made = Made(json.dumps({"model": "chat", "messages": [{"content": "hi"}]}).encode())
    request, answering, _ = later(made)
    log: list[str] = []

    async def main() -> Kit:
        kit = Kit()
        other = Told(kit.clock, log)
        both = Beside(kit.clock, other, kit.view)
        assert (both.tracers, both.meters) == (other.tracers, other.meters)
        both.start()
        both.add(request)
        await both.flush(kit.clock.now() + 3 * SECOND_NS)
        assert len(kit.receiver.logs) == 1
        of(answering).committed = made.clock.now()
        made.close(answering)
        both.late(request, answering)
        kit.receiver.behaviour = Hang()
        await both.close(kit.clock.now() + 3 * SECOND_NS)
        return kit

    kit = run(main, leave_timers=True)
    assert log == ["start", "add", "flush at 3.0 s before the end", "late", "close at 2.0 s before the end"]
    assert kit.lost == {names.LOST_CONTENT_EXPORT: 1}
