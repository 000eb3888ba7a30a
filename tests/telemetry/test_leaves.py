"""A leaf goes out as one OTLP log record, its bytes as they are, and the receiver's word decides what becomes of it."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from tracegate.errors import ConfigError
from tracegate.shipment import NotTaken, PartlyTaken, ShippedLeaf
from tracegate.telemetry.leaves import PIECE, LeafSink, leaf_poster, leaf_sink
from tracegate.telemetry.post import Answer, Headers, Poster, Unanswered
from tracegate.telemetry.setup import Otlp
from tracegate.testing.clock import EPOCH, FakeClock
from tracegate.testing.loop import run
from tracegate.testing.receiver import Receiver
from tracegate.testing.receiving import listen

LOG = "gw.example/tracegate/prod/r1-w0/2026-11"
TOOK = Answer(200, (), b"")


def leaf(index: int = 7, t: int | None = EPOCH, **more: Any) -> ShippedLeaf:
    """One that is about no request, unless more is said."""
    return ShippedLeaf(LOG, index, b'{"n":"\xc3\xa4"}', bytes(range(32)), t, **more)


class Post:
    """A receiver by script."""

    def __init__(self, *script: Answer | Exception) -> None:
        self.script = list(script)
        self.bodies: list[bytes] = []
        self.headers: list[Headers] = []

    async def __call__(self, url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        """See `Post`."""
        self.bodies.append(body)
        self.headers.append(headers)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def sink(post: Post, **more: Any) -> LeafSink:
    """A sink at a receiver by script."""
    to = Otlp("http://key:secret@collector:4319/v1/logs?token=secret", headers=(("x-key", "1"),), **more)
    return leaf_sink(to, {"service.name": "shop"}, FakeClock(), post)


def sent(*leaves: ShippedLeaf) -> Any:
    """What goes out, read by the official classes, which would write the same bytes."""
    post = Post(TOOK)
    run(lambda: sink(post).send(leaves))
    request: Any = ExportLogsServiceRequest.FromString(post.bodies[0])
    assert request.SerializeToString() == post.bodies[0]
    return request


def test_a_leaf_is_a_log_record_with_its_bytes_as_the_body() -> None:
    """With an index copy of what it is, and the ids of its request."""
    raw = sent(leaf(record_id="tg-1", trace=bytes(range(16)), span=bytes(range(8))))
    (resource,) = raw.resource_logs
    assert {one.key: one.value.string_value for one in resource.resource.attributes}["service.name"] == "shop"
    (record,) = resource.scope_logs[0].log_records
    assert record.body.string_value.encode() == b'{"n":"\xc3\xa4"}'
    assert (record.event_name, record.severity_number, record.severity_text) == ("tracegate.audit.v1", 0, "")
    assert record.time_unix_nano == record.observed_time_unix_nano == EPOCH
    assert (record.trace_id, record.span_id, record.flags) == (bytes(range(16)), bytes(range(8)), 1)
    told = {one.key: one.value.string_value or one.value.int_value for one in record.attributes}
    assert told == {
        "audit.record.id": "tg-1",
        "audit.sequence.number": 7,
        "tracegate.audit.log": LOG,
        "tracegate.audit.leaf.hash": bytes(range(32)).hex(),
    }


def test_a_leaf_about_the_log_has_no_ids() -> None:
    """They are absent, not empty or zero."""
    (record,) = sent(leaf(0)).resource_logs[0].scope_logs[0].log_records
    assert (record.trace_id, record.span_id, record.flags) == (b"", b"", 0)
    assert "audit.record.id" not in {one.key for one in record.attributes}
    assert [one.value.int_value for one in record.attributes if one.key == "audit.sequence.number"] == [0]


def test_a_leaf_that_tells_no_time_has_none() -> None:
    """Absent is how OTLP says that it is not known; all else is there."""
    timed, one = sent(leaf(), leaf(t=None)).resource_logs[0].scope_logs[0].log_records
    assert {field.name for field, _ in timed.ListFields()} - {field.name for field, _ in one.ListFields()} == {
        "time_unix_nano",
        "observed_time_unix_nano",
    }
    assert one.body == timed.body


def test_many_leaves_go_in_one_request_in_their_order() -> None:
    """Encoded in pieces, between which the loop has its turn."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def go() -> None:
        task = asyncio.create_task(others())
        post = Post(TOOK)
        await sink(post).send([leaf(index) for index in range(3 * PIECE)])
        task.cancel()
        (resource,) = ExportLogsServiceRequest.FromString(post.bodies[0]).resource_logs
        numbers = [record.attributes[0].value.int_value for record in resource.scope_logs[0].log_records]
        assert numbers == list(range(3 * PIECE))

    run(go)
    assert turns >= 3


def test_a_body_is_compressed_where_that_is_configured() -> None:
    """And said so, beside what is configured."""
    post = Post(TOOK)
    asyncio.run(sink(post, compression="gzip").send([leaf()]))
    assert ExportLogsServiceRequest.FromString(gzip.decompress(post.bodies[0])).resource_logs
    assert dict(post.headers[0]) == {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", "x-key": "1"}


@pytest.mark.parametrize(
    ("script", "why", "wait"),
    [
        ([Answer(503, (("retry-after", "7"),), b"")], "answered 503", 7_000_000_000),
        ([Answer(401, (), b"")], "answered 401", None),
        ([Answer(400, (), b"")], "answered 400", None),
        ([ConnectionRefusedError("refused")], ": refused", None),
        ([TimeoutError()], ": TimeoutError", None),
        ([Unanswered("hung up")], ": hung up", None),
    ],
)
def test_what_is_not_acknowledged_is_not_taken(script: list[Answer | Exception], why: str, wait: int | None) -> None:
    """Whatever the reason: nothing is given up here, and no secret is told."""
    post = Post(*script)
    with pytest.raises(NotTaken) as raised:
        run(lambda: sink(post).send([leaf()]))
    assert (str(raised.value).startswith("http://collector:4319/v1/logs"), raised.value.wait_ns) == (True, wait)
    assert str(raised.value).endswith(why)
    assert post.script == []


def test_what_a_receiver_rejects_is_counted() -> None:
    """In its words; a warning alone, or an answer that says nothing, is a success."""
    said = ExportLogsPartialSuccess(rejected_log_records=2, error_message="too old")
    with pytest.raises(PartlyTaken, match=r"^http://collector:4319/v1/logs: too old$") as raised:
        run(lambda: sink(Post(Answer(200, (), _response(said)))).send([leaf()]))
    assert raised.value.rejected == 2
    run(lambda: sink(Post(Answer(200, (), _response(ExportLogsPartialSuccess(error_message="soon"))))).send([leaf()]))
    run(lambda: sink(Post(Answer(200, (), _response(ExportLogsPartialSuccess())))).send([leaf()]))


def _response(said: ExportLogsPartialSuccess) -> bytes:
    raw: bytes = ExportLogsServiceResponse(partial_success=said).SerializeToString()
    return raw


def test_leaves_go_over_a_socket_to_a_receiver_that_checks_them() -> None:
    """By the poster that the configuration asks for."""
    receiver = Receiver()

    async def go() -> None:
        async with asyncio.timeout(20), listen(receiver) as listening:
            to = Otlp(f"{listening.url}/v1/logs")
            poster = leaf_poster(to)
            made = leaf_sink(to, {"service.name": "shop"}, FakeClock(), poster)
            await made.send([leaf(record_id="tg-1", trace=bytes(range(1, 17)), span=bytes(range(1, 9)))])
            await poster.close()

    asyncio.run(go())
    (log,) = receiver.logs
    assert log.body == '{"n":"ä"}'


def test_a_wrong_configuration_is_told_at_the_start(tmp_path: Path) -> None:
    """By its key."""
    assert isinstance(leaf_poster(Otlp("https://c/v1/logs")), Poster)
    with pytest.raises(ConfigError, match=r"audit\.ship: leaves go over `http/protobuf`"):
        leaf_poster(Otlp("c:4317", protocol="grpc"))
    with pytest.raises(ConfigError, match=r"audit\.ship: can't use"):
        leaf_poster(Otlp("https://c/v1/logs", ca=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match=r"audit\.ship\.headers"):
        leaf_sink(Otlp("http://c/v1/logs", headers=(("x", "a\nb"),)), {}, FakeClock(), Post())
