"""A signal's way out is bounded, patient and honest about what it lost."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.telemetry.made import success
from tracegate.telemetry import names
from tracegate.telemetry.export import BODY, PATIENCE_NS, SECOND_NS, Channel, Endpoint, Signal
from tracegate.telemetry.metrics_tally import Losses, Repeats
from tracegate.telemetry.otlp import Encoder, Envelope
from tracegate.telemetry.post import Answer, Headers, Unanswered
from tracegate.telemetry.spans import spans
from tracegate.testing.clock import EPOCH, START, FakeClock
from tracegate.testing.loop import run

TOOK = Answer(200, (), b"")
ITEM = Encoder().spans(spans(success()))


class Post:
    """A receiver by script: answers, errors, or awaitables; at the end of the script it takes everything."""

    def __init__(self, clock: FakeClock, *script: Answer | Exception | Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self.clock = clock
        self.script = list(script)
        self.times: list[float] = []
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []
        self.urls: list[str] = []

    async def __call__(self, url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        """See `Post`."""
        self.times.append((self.clock.now() - START) / SECOND_NS)
        self.urls.append(url)
        self.headers.append(dict(headers))
        self.bodies.append(body)
        step = self.script.pop(0) if self.script else TOOK
        if isinstance(step, Answer):
            return step
        if isinstance(step, Exception):
            raise step
        await step()
        return TOOK

    @property
    def taken(self) -> list[int]:
        """Spans in each request."""
        requests = map(ExportTraceServiceRequest.FromString, self.bodies)
        return [len(request.resource_spans[0].scope_spans[0].spans) for request in requests]


class Kit:
    """A channel and what stands around it."""

    def __init__(
        self,
        *script: Answer | Exception | Callable[[], Coroutine[Any, Any, Any]],
        signal: Signal = "traces",
        limit: int = 1_000_000,
        endpoint: Endpoint | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.post = Post(self.clock, *script)
        self.losses = Losses()
        self.repeats = Repeats()
        self.channel = Channel(
            signal,
            endpoint or Endpoint("http://key:secret@collector:4318/v1/traces?token=secret"),
            Envelope({"service.name": "t"}),
            self.post,
            self.clock,
            lambda: 0.0,
            self.losses,
            limit,
            self.repeats,
        )

    @property
    def lost(self) -> dict[str, int]:
        """What was lost, by where."""
        return {str(labels[0][1]): count for labels, count in self.losses.counts() if count}

    @property
    def repeated(self) -> dict[str, int]:
        """What was sent again though it may have arrived, by signal."""
        return {str(labels[0][1]): count for labels, count in self.repeats.counts()}

    async def after(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now() + int(seconds * SECOND_NS))


def test_what_is_queued_is_sent_in_one_request() -> None:
    """With the headers of OTLP, and those that are configured."""
    endpoint = Endpoint("http://c/v1/traces", (("api-key", "k"),))

    async def main() -> Kit:
        kit = Kit(endpoint=endpoint)
        kit.channel.kick()  # nothing to do
        kit.channel.put(ITEM, 3)
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        kit.channel.kick()  # under way already
        await kit.after(0)
        await kit.channel.drain(kit.clock.now() + SECOND_NS)
        await kit.channel.drain(kit.clock.now() + SECOND_NS)  # nothing to do
        return kit

    kit = run(main)
    assert kit.post.taken == [6]
    assert kit.post.urls == ["http://c/v1/traces"]
    assert kit.post.headers == [{"Content-Type": "application/x-protobuf", "api-key": "k"}]
    assert (kit.channel.held, kit.lost) == (0, {})


def test_requests_are_bounded_in_size() -> None:
    """What is more goes into the next one; a batch is never split."""

    async def main() -> Kit:
        kit = Kit(limit=10 * BODY)
        per_batch = BODY // 2 // len(ITEM)
        for _ in range(3):
            kit.channel.put(ITEM * per_batch, 3 * per_batch)
        kit.channel.put(ITEM * (3 * per_batch), 9 * per_batch)
        await kit.channel.drain(kit.clock.now() + SECOND_NS)
        assert kit.post.taken == [6 * per_batch, 3 * per_batch, 9 * per_batch]
        return kit

    assert run(main).channel.held == 0


def test_a_body_is_compressed_where_that_is_configured() -> None:
    """In a thread, so on a real loop."""

    async def main() -> Kit:
        kit = Kit(endpoint=Endpoint("http://c/v1/traces", gzip=True))
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        async with asyncio.timeout(10):
            await kit.channel.drain(kit.clock.now() + SECOND_NS)
        return kit

    kit = asyncio.run(main())
    assert kit.post.headers[0]["Content-Encoding"] == "gzip"
    kit.post.bodies = [gzip.decompress(body) for body in kit.post.bodies]
    assert kit.post.taken == [3]


@pytest.mark.parametrize(
    "failure",
    [
        ConnectionRefusedError(111, "refused"),
        TimeoutError(),
        *(Answer(status, (), b"") for status in (429, 502, 503, 504)),
    ],
)
def test_what_may_pass_is_tried_again(failure: Answer | Exception) -> None:
    """After pauses that double, from one second to five, with jitter: here half of them."""

    async def main() -> Kit:
        kit = Kit(*[failure] * 8)
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(200)
        return kit

    kit = run(main)
    assert kit.post.times == [0, 0.5, 1.5, 3.5, 6, 8.5, 11, 13.5, 16]
    assert len(set(kit.post.bodies)) == 1
    assert (kit.channel.held, kit.lost) == (0, {})


def test_a_kept_connection_that_has_ended_costs_no_pause(caplog: pytest.LogCaptureFixture) -> None:
    """It says so only when it is used; nothing is told, but what was sent again is counted: it may have arrived."""

    async def main() -> Kit:
        kit = Kit(Unanswered("the receiver closed the connection"))
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(1)
        return kit

    kit = run(main)
    assert kit.post.times == [0, 0]
    assert (kit.lost, kit.repeated) == ({}, {"traces": 3})
    assert caplog.records == []


def test_what_is_not_answered_again_and_again_is_tried_with_pauses(caplog: pytest.LogCaptureFixture) -> None:
    """Each time it is sent again is counted; a refusal on the way does not undo that it may have arrived."""

    async def main() -> Kit:
        kit = Kit(*[Unanswered("no answer in time")] * 2, Answer(503, (), b""))
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(10)
        return kit

    kit = run(main)
    assert kit.post.times == [0, 0, 0.5, 1.5]
    assert kit.repeated == {"traces": 9}
    assert "no answer: no answer in time" in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    ("failure", "repeated"),
    [
        (ConnectionRefusedError(), {}),
        (Answer(429, (), b""), {}),
        (Answer(503, (), b""), {}),
        (Answer(502, (), b""), {"traces": 3}),
        (Answer(504, (), b""), {"traces": 3}),
    ],
)
def test_only_what_may_have_arrived_counts_as_repeated(
    failure: Answer | Exception, repeated: Mapping[str, int]
) -> None:
    """A refusal, or nobody there, leaves no doubt; a proxy without an answer does."""

    async def main() -> Kit:
        kit = Kit(failure)
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(10)
        return kit

    kit = run(main)
    assert len(kit.post.times) == 2
    assert kit.repeated == repeated


def test_what_was_cut_off_by_the_end_of_a_drain_may_have_arrived() -> None:
    """With what came after it in one request, only the part that had been sent counts."""

    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> Kit:
        kit = Kit(forever)
        kit.channel.put(ITEM, 3)
        await kit.channel.drain(kit.clock.now() + SECOND_NS)
        kit.channel.put(ITEM, 4)
        await kit.channel.drain(kit.clock.now() + SECOND_NS)
        return kit

    kit = run(main)
    assert kit.post.taken == [3, 6]  # the second item says 4 and has 3
    assert (kit.lost, kit.repeated) == ({}, {"traces": 3})


@pytest.mark.parametrize(("value", "at"), [("7", 7), ("Thu, 01 Jan 2026 00:00:09 GMT", 9), ("0", 0), ("nonsense", 0.5)])
def test_retry_after_stands_instead_of_the_pause(value: str, at: float) -> None:
    """Never shortened."""

    async def main() -> Kit:
        kit = Kit(Answer(503, (("retry-after", value),), b""))
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(20)
        return kit

    assert run(main).post.times == [0, at]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 500, 501])
def test_what_will_not_pass_is_lost_at_once(status: int) -> None:
    """And counted by span; what comes behind it is sent."""

    async def main() -> Kit:
        kit = Kit(Answer(status, (), b"x"))
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(1)
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(1)
        return kit

    kit = run(main)
    assert kit.post.times == [0, 1]
    assert kit.lost == {names.LOST_TRACES_EXPORT: 3}


def test_patience_ends() -> None:
    """A batch that nobody takes for five minutes is lost, and the next one has its turn."""

    async def main() -> Kit:
        kit = Kit(*[Answer(503, (), b"")] * 1000)
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(PATIENCE_NS / SECOND_NS + 1)
        assert kit.lost == {names.LOST_TRACES_EXPORT: 3}
        kit.post.script.clear()
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(1)
        return kit

    kit = run(main)
    assert kit.post.taken[-1] == 3
    assert kit.lost == {names.LOST_TRACES_EXPORT: 3}


def test_a_wait_beyond_patience_is_not_begun() -> None:
    """A receiver that asks for an hour gets nothing more."""

    async def main() -> Kit:
        kit = Kit(Answer(429, (("retry-after", "3600"),), b""))
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(1)
        return kit

    kit = run(main)
    assert (kit.channel.held, kit.lost) == (0, {names.LOST_TRACES_EXPORT: 3})


def test_a_poster_that_fails_by_itself_loses_one_batch() -> None:
    """Whatever it raises, the channel lives."""

    async def main() -> Kit:
        kit = Kit(ValueError("a secret"))
        for _ in range(2):
            kit.channel.put(ITEM, 3)
            kit.channel.kick()
            await kit.after(1)
        return kit

    kit = run(main)
    assert kit.post.taken == [3, 3]
    assert kit.lost == {names.LOST_TRACES_EXPORT: 3}


def test_what_does_not_fit_is_refused_and_counted() -> None:
    """What waits stays; what is under way counts, too."""

    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> Kit:
        kit = Kit(forever, limit=2 * len(ITEM))
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(1)
        kit.channel.put(ITEM, 3)
        kit.channel.put(ITEM, 4)
        assert kit.channel.held == 2 * len(ITEM)
        await kit.channel.drain(kit.clock.now() + SECOND_NS)
        return kit

    kit = run(main)
    assert kit.lost == {names.LOST_TRACES_QUEUE: 4}
    assert kit.channel.held == 2 * len(ITEM)


def test_partial_success_is_counted() -> None:
    """As many as the receiver says; a warning without a number is no loss."""
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message="no")
    warning = ExportTracePartialSuccess(error_message="careful")

    async def main() -> Kit:
        kit = Kit(
            *(
                Answer(200, (), ExportTraceServiceResponse(partial_success=said).SerializeToString())
                for said in (partial, warning, None)
            ),
            Answer(200, (), b"\x0a\x00"),
        )
        for _ in range(4):
            kit.channel.put(ITEM, 3)
            kit.channel.kick()
            await kit.after(70)
        return kit

    kit = run(main)
    assert len(kit.post.times) == 4
    assert kit.lost == {names.LOST_TRACES_REJECTED: 2}


def test_draining_is_in_a_hurry() -> None:
    """A pause that was begun ends, and the next try is made at once."""

    async def main() -> Kit:
        kit = Kit(Answer(503, (("retry-after", "60"),), b""))
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(1)
        await kit.channel.drain(kit.clock.now() + SECOND_NS)
        return kit

    kit = run(main)
    assert kit.post.times == [0, 1]
    assert kit.channel.held == 0


def test_draining_ends_in_time_and_leaves_nothing_running() -> None:
    """What was not sent stays, first in the queue; later it can be sent, or given up and counted."""

    async def main() -> Kit:
        kit = Kit(*[ConnectionRefusedError()] * 3)
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(0.1)
        kit.channel.put(ITEM * 2, 6)
        await kit.channel.drain(kit.clock.now() + SECOND_NS)
        assert kit.clock.now() == START + 1_100_000_000
        assert (kit.channel.held, kit.lost) == (3 * len(ITEM), {})
        kit.post.script.clear()
        kit.channel.kick()
        await kit.after(1)
        assert kit.post.taken[-1] == 9
        kit.channel.put(ITEM, 3)
        kit.channel.drop()
        kit.channel.drop()
        return kit

    kit = run(main)
    assert (kit.channel.held, kit.lost) == (0, {names.LOST_TRACES_EXPORT: 3})


def test_a_cancelled_drain_leaves_nothing_running() -> None:
    """The deadline of whoever drains is shorter still."""

    async def main() -> Kit:
        kit = Kit(*[ConnectionRefusedError()] * 9)
        kit.channel.put(ITEM, 3)
        draining = asyncio.get_running_loop().create_task(kit.channel.drain(kit.clock.now() + 60 * SECOND_NS))
        await kit.after(1)
        draining.cancel()
        await kit.after(60)
        return kit

    kit = run(main)
    assert kit.post.times == [0, 0.5]
    assert kit.channel.held == len(ITEM)


def test_metrics_replace_each_other() -> None:
    """Counts are cumulative: of those that wait only the newest is sent, and a try for an old one ends."""

    async def main() -> Kit:
        kit = Kit(*[Answer(503, (), b"")] * 2, signal="metrics")
        kit.channel.put(b"\x12\x00", 1)
        kit.channel.put(b"\x12\x03\x0a\x01m", 1)
        kit.channel.kick()
        await kit.after(0.1)
        kit.channel.put(b"\x12\x03\x0a\x01n", 1)
        await kit.after(10)
        return kit

    kit = run(main)
    assert [b"\x0a\x01m" in body for body in kit.post.bodies] == [True, True, False]
    assert kit.lost == {names.LOST_METRICS_EXPORT: 1}
    assert kit.channel.held == 0


def test_an_old_export_of_metrics_does_not_come_back() -> None:
    """Draining ended while it was tried, and a newer one waits: together they would count everything twice."""

    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> Kit:
        kit = Kit(forever, signal="metrics")
        kit.channel.put(b"\x12\x03\x0a\x01m", 1)
        kit.channel.kick()
        await kit.after(0.1)
        kit.channel.put(b"\x12\x03\x0a\x01n", 1)
        await kit.channel.drain(kit.clock.now() + SECOND_NS)
        assert kit.channel.held == 5
        await kit.channel.drain(kit.clock.now() + SECOND_NS)
        return kit

    kit = run(main)
    assert [b"\x0a\x01m" in body for body in kit.post.bodies] == [True, False]
    assert kit.channel.held == 0


def test_what_waits_after_a_drain_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """It may never be sent: the gateway stops."""

    async def main() -> None:
        kit = Kit(*[ConnectionRefusedError()] * 2)
        kit.channel.put(ITEM, 3)
        await kit.channel.drain(kit.clock.now() + SECOND_NS)

    run(main)
    assert "3 spans wait and were not sent in time" in caplog.records[-1].getMessage()


def test_logs_are_counted_as_logs() -> None:
    """Each signal has its own names."""

    async def main() -> Kit:
        kit = Kit(Answer(400, (), b""), signal="logs", limit=10)
        kit.channel.put(b"x" * 11, 2)
        kit.channel.put(b"x", 1)
        kit.channel.kick()
        await kit.after(1)
        return kit

    assert run(main).lost == {names.LOST_LOGS_QUEUE: 2, names.LOST_LOGS_EXPORT: 1}


def test_the_operator_reads_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """It says why, and how much was lost since the last one, and shows nothing secret."""

    async def main() -> Kit:
        kit = Kit(*[Answer(400, (), b"")] * 20)
        for _ in range(13):
            kit.channel.put(ITEM, 3)
            kit.channel.kick()
            await kit.after(10)
        return kit

    with caplog.at_level(logging.WARNING):
        run(main)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"Exporting traces to http://collector:4318/v1/traces: status 400. Lost since the last such line: {lost} spans."
        for lost in (3, 18, 18)
    ]


def test_nobody_there_is_told_before_anything_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    """An operator should not have to wait for it."""

    async def main() -> None:
        kit = Kit(ConnectionRefusedError(111, "refused"), TimeoutError())
        kit.channel.put(ITEM, 3)
        kit.channel.kick()
        await kit.after(5)

    run(main)
    (record,) = caplog.records
    assert "ConnectionRefusedError: [Errno 111] refused. Lost since the last such line: 0 spans." in record.getMessage()


def test_an_endpoint_shows_no_headers() -> None:
    """They may hold keys."""
    assert "secret" not in repr(Endpoint("http://c", (("api-key", "secret"),)))


def test_the_fake_wall_clock_is_the_one_retry_after_is_read_against() -> None:
    """Guards the date of another test."""
    assert EPOCH == 1_767_225_600_000_000_000
