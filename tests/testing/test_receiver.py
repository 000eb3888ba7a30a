"""The receiver takes what is right, refuses and remembers what is wrong, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from typing import Any

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # the package has no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from tests.testing.otlp.make import TRACE, counter, histogram, log, logs, metrics, number, pairs, span, traces
from tracegate.testing.clock import START, FakeClock
from tracegate.testing.loop import run
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.receiver import (
    Accept,
    Answer,
    Hang,
    NotFlawless,
    Partial,
    Receiver,
    Refuse,
    Reset,
    Slow,
)

HEADERS = {"Content-Type": "application/x-protobuf"}


def post(receiver: Receiver, path: str, message: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """Send a message in process."""

    async def main() -> Answer:
        return await receiver.post(path, HEADERS | dict(headers or {}), message.SerializeToString())

    return run(main)


def test_right_requests_of_all_signals_are_taken() -> None:
    """Each answer is the right empty message, and what came is there as plain values."""
    receiver = Receiver(FakeClock())
    answers = [
        post(receiver, "/v1/traces", traces(span(1), span(2, 1))),
        post(receiver, "/v1/metrics", metrics(counter("c", number(3)))),
        post(receiver, "/v1/logs", logs(log(trace_id=TRACE, span_id=(1).to_bytes(8, "big")))),
    ]
    assert [answer.status for answer in answers] == [200] * 3
    assert ExportTraceServiceResponse.FromString(answers[0].body) == ExportTraceServiceResponse()
    assert ([s.name for s in receiver.spans], [p.value for p in receiver.points]) == (["span 1", "span 2"], [3])
    assert [record.name for record in receiver.logs] == ["event"]
    assert [request.status for request in receiver.requests] == [200] * 3
    assert receiver.trace(TRACE) == receiver.spans
    assert receiver.trace(b"u" * 16) == []
    receiver.check()


def test_requests_are_kept_as_they_came() -> None:
    """Path, fields in lower case, raw body, time; in process there is no port."""
    receiver = Receiver(FakeClock())
    body = traces(span())
    post(receiver, "/v1/traces", body, {"X-Api-Key": "k"})
    [request] = receiver.requests
    assert (request.path, request.body, request.at, request.port) == (
        "/v1/traces",
        body.SerializeToString(),
        START,
        None,
    )
    assert (request.header("X-API-key"), request.header("nobody")) == ("k", None)


def test_gzip_is_read() -> None:
    """The content is kept decompressed beside the raw body; what only claims to be gzip is refused."""
    receiver = Receiver()
    raw = traces(span()).SerializeToString()
    headers = [*HEADERS.items(), ("content-encoding", "gzip")]

    async def main() -> list[int]:
        bodies = (gzip.compress(raw), raw, gzip.compress(raw)[:-9])
        return [(await receiver.post("/v1/traces", headers, body)).status for body in bodies]

    assert run(main) == [200, 400, 400]
    assert (len(receiver.spans), receiver.requests[0].content) == (1, raw)
    assert "the body is no gzip" in str(receiver.problems())


@pytest.mark.parametrize(
    ("path", "headers", "status", "said"),
    [
        ("/v1/profiles", {}, 404, "no such path"),
        ("/v1/traces", {"Content-Type": "application/json"}, 400, "content-type is `application/json`"),
        ("/v1/traces", {"Content-Encoding": "br"}, 400, "content-encoding is `br`"),
        ("/v1/logs", {}, 400, "log_records: a field that the official"),
        ("/v1/metrics", {}, 400, "not a ExportMetricsServiceRequest"),
    ],
)
def test_wrong_requests_are_refused_and_remembered(path: str, headers: dict[str, str], status: int, said: str) -> None:
    """With a `google.rpc.Status` for the sender and a problem for the test."""
    receiver = Receiver()
    bodies: dict[str, Any] = {"/v1/logs": logs(log()), "/v1/metrics": counter("c", number())}
    message = bodies.get(path, traces(span()))
    if path == "/v1/logs":
        message.resource_logs[0].scope_logs[0].log_records[0].MergeFromString(b"\xf8\x07\x01")
    answer = post(receiver, path, message, headers)
    assert answer.status == status
    assert said in Status.FromString(answer.body).message
    assert [said in problem for problem in receiver.problems()] == [True]
    assert (receiver.spans, receiver.points, receiver.logs) == ([], [], [])


@pytest.mark.parametrize("together", [True, False])
def test_a_span_sent_twice_is_refused(together: bool) -> None:
    """In one request or in two; the same id in another trace is another span."""
    receiver = Receiver()
    other = span(1, trace_id=b"u" * 16)
    if together:
        answer = post(receiver, "/v1/traces", traces(span(1), other, span(1)))
    else:
        assert post(receiver, "/v1/traces", traces(span(1), other)).status == 200
        answer = post(receiver, "/v1/traces", traces(span(1)))
    assert answer.status == 400
    with pytest.raises(NotFlawless, match=r"1 problems with what was exported:\n/v1/traces: span `span 1`.*came twice"):
        receiver.check()


def test_check_tells_everything_at_once() -> None:
    """Orphans, dangling references, contradictions and names, each on its line."""
    registry = Registry("tracegate", {}, ("a.",), metrics={"c": ("counter", "{x}")}, events={"event": 9})
    receiver = Receiver(registry=registry)
    post(receiver, "/v1/traces", traces(span(2, 1, attributes=pairs({"a.b": 1}))))
    post(receiver, "/v1/metrics", metrics(counter("c", number(3), number(2, time_unix_nano=300))))
    post(receiver, "/v1/logs", logs(log(trace_id=TRACE, span_id=b"s" * 8)))
    texts = ["is an orphan", "went back", "points at the span", "`a.b` is not registered"]
    assert [text in problem for text, problem in zip(texts, receiver.problems(), strict=True)] == [True] * 4
    with pytest.raises(NotFlawless, match="4 problems"):
        receiver.check()
    assert len(receiver.problems(lost=True)) == 2


def test_refusing_takes_nothing() -> None:
    """The status and `Retry-After` are those of the script; the request is kept and is no problem."""
    receiver = Receiver()
    receiver.script.extend([Refuse(), Refuse(429, retry_after=7)])
    first, second, third = (post(receiver, "/v1/traces", traces(span(n))) for n in (1, 2, 3))
    assert (first.status, second.status, third.status) == (503, 429, 200)
    assert ("retry-after", "7") in second.headers
    assert "retry-after" not in dict(first.headers)
    assert ([s.name for s in receiver.spans], len(receiver.requests)) == (["span 3"], 3)
    receiver.check()


def test_partial_success_says_how_much_was_left() -> None:
    """The last items are not taken, and the answer has count and message for each signal."""
    receiver = Receiver()
    receiver.behaviour = Partial(2, "too many")
    answers = [
        post(receiver, "/v1/traces", traces(span(1), span(2), span(3))),
        post(receiver, "/v1/metrics", metrics(counter("a", number()), counter("b", number()), counter("c", number()))),
        post(receiver, "/v1/logs", logs(log("a"), log("b"), log("c"))),
    ]
    said = [
        ExportTraceServiceResponse.FromString(answers[0].body).partial_success.rejected_spans,
        ExportMetricsServiceResponse.FromString(answers[1].body).partial_success.rejected_data_points,
        ExportLogsServiceResponse.FromString(answers[2].body).partial_success.rejected_log_records,
    ]
    assert said == [2, 2, 2]
    assert ExportLogsServiceResponse.FromString(answers[2].body).partial_success.error_message == "too many"
    assert (len(receiver.spans), len(receiver.points), len(receiver.logs)) == (1, 1, 1)


def test_slow_takes_it_later_and_only_if_the_sender_waits() -> None:
    """A sender that gave up was not answered, so it may send the same again."""

    async def main() -> list[object]:
        clock = FakeClock()
        receiver = Receiver(clock)
        body = traces(span()).SerializeToString()
        receiver.behaviour = Slow(5_000_000_000)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receiver.post("/v1/traces", HEADERS, body), 4)
        assert (receiver.spans, receiver.requests[0].status) == ([], None)
        began = clock.now()
        answer = await receiver.post("/v1/traces", HEADERS, body)
        return [answer.status, clock.now() - began, len(receiver.spans)]

    assert run(main) == [200, 5_000_000_000, 1]


def test_hanging_never_answers_and_reset_drops() -> None:
    """Both keep what was sent, for a search."""

    async def main() -> None:
        receiver = Receiver()
        body = traces(span(name="a planted text")).SerializeToString()
        receiver.script.extend([Hang(), Reset()])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receiver.post("/v1/traces", HEADERS, body), 3600)
        with pytest.raises(ConnectionResetError):
            await receiver.post("/v1/traces", HEADERS, body)
        assert receiver.found("a planted text") == ["a planted text"]
        assert (receiver.spans, [request.status for request in receiver.requests]) == ([], [None, None])

    run(main)


def test_planted_texts_are_found_wherever_they_hide() -> None:
    """In compressed bodies that were never taken, in headers, in paths; what is not there is not found."""
    receiver = Receiver()
    receiver.behaviour = Refuse()

    async def main() -> None:
        body = gzip.compress(traces(span(attributes=pairs({"k": "sk-body"}))).SerializeToString())
        await receiver.post("/v1/sk-path", [*HEADERS.items(), ("content-encoding", "gzip"), ("x", "sk-head")], body)

    run(main)
    assert receiver.found("sk-body", b"sk-head", "sk-path", "sk-none") == ["sk-body", b"sk-head", "sk-path"]


def test_totals_add_up_series() -> None:
    """Cumulative series count with their last point, deltas with all, restarts with both; `None` when there is none."""
    receiver = Receiver()
    restarted = number(4, {"k.x": "a"}, start_time_unix_nano=300, time_unix_nano=400)
    cumulative = counter(
        "c", number(1, {"k.x": "a"}), number(9, {"k.x": "b"}), number(2, {"k.x": "a"}, time_unix_nano=250), restarted
    )
    deltas = counter("d", number(1, time_unix_nano=150), number(2, start_time_unix_nano=150), temporality=1)
    post(receiver, "/v1/metrics", metrics(cumulative, deltas, histogram("h")))
    assert (receiver.total("c"), receiver.total("c", k__x="a"), receiver.total("d")) == (15, 6, 3)
    assert (receiver.total("h"), receiver.total("c", k__x="z"), receiver.total("nobody")) == (6, None, None)
    assert [point.value for point in receiver.series("c", k__x="a")] == [2, 4]
    gauge = pb.Metric(name="g", gauge=pb.Gauge(data_points=[number(0)]))
    post(receiver, "/v1/metrics", metrics(gauge))
    assert receiver.total("g") == 0


def test_waiting_for_what_is_to_come() -> None:
    """A condition is looked at after every request, at first as well, and not for ever."""

    async def main() -> None:
        receiver = Receiver(FakeClock())
        await receiver.until(lambda r: not r.spans)

        async def sender() -> None:
            for n in (1, 2):
                await asyncio.sleep(1)
                await receiver.post("/v1/traces", HEADERS, traces(span(n)).SerializeToString())

        task = asyncio.create_task(sender())
        await receiver.until(lambda r: len(r.spans) == 2)
        with pytest.raises(TimeoutError):
            await receiver.until(lambda r: len(r.spans) == 3, timeout_s=1)
        await task

    run(main)


def test_accept_is_the_default() -> None:
    """And can be set again after another behaviour."""
    receiver = Receiver()
    assert receiver.behaviour == Accept()
