"""The receiver on a socket: strict HTTP, gone and back, and the official exporters find nothing to complain about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.testing.otlp.make import span, traces
from tracegate.testing.otlp.values import Malformed
from tracegate.testing.receiver import Hang, Receiver, Refuse, Reset, Slow
from tracegate.testing.receiving import Listening, listen, take_request

BODY = traces(span(1)).SerializeToString()
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
IN_CHUNKS = (
    HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n5;ext=1\r\n"
    + BODY[:5]
    + b"\r\n%x\r\n" % (len(BODY) - 5)
    + BODY[5:]
    + b"\r\n0\r\n\r\n"
)


def serve(test: Callable[[Receiver, Listening], Awaitable[None]]) -> Receiver:
    """Run a test against a listening receiver, for at most 10 seconds."""
    receiver = Receiver()

    async def main() -> None:
        async with asyncio.timeout(10), listen(receiver) as listening:
            await test(receiver, listening)

    asyncio.run(main())
    return receiver


async def ask(port: int, data: bytes) -> bytes:
    """Send bytes and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("whole", [WHOLE, IN_CHUNKS])
def test_a_request_is_whole_only_at_its_last_byte(whole: bytes) -> None:
    """Cut anywhere, it is not there yet; what follows stays in the buffer."""
    for cut in range(len(whole)):
        assert take_request(bytearray(whole[:cut])) is None
    buffer = bytearray(whole + b"POST")
    request = take_request(buffer)
    assert request is not None
    assert (request.method, request.path, request.body, bytes(buffer)) == ("POST", "/v1/traces", BODY, b"POST")
    assert request.values("content-type") == ["application/x-protobuf"]


def test_a_request_without_a_body_is_whole_at_its_head() -> None:
    """No framing, no body."""
    request = take_request(bytearray(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"))
    assert request is not None
    assert (request.method, request.body) == ("GET", b"")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"POST / HTTP/1.0\r\n\r\n", "request line"),
        (b"POST / HTTP/1.1\r\nHost : x\r\n\r\n", "header field"),
        (b"POST / HTTP/1.1\r\n\r\n", "one `Host`"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n", "content-length"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n", "ambiguous"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n", "transfer-encoding"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "a chunk begins"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n", "longer than it says"),
    ],
)
def test_wrong_http_is_refused(data: bytes, said: str) -> None:
    """The sender gets a 400 and a closed connection, the test a problem."""
    with pytest.raises(Malformed, match=said):
        take_request(bytearray(data))

    async def test(receiver: Receiver, listening: Listening) -> None:
        assert (await ask(listening.port, data + WHOLE)).startswith(b"HTTP/1.1 400 ")

    [problem] = serve(test).problems()
    assert said in problem


def test_requests_on_one_connection_are_answered_in_turn() -> None:
    """Also when they come together; what is no POST gets a 405; the sender's port is known."""

    async def test(receiver: Receiver, listening: Listening) -> None:
        last = traces(span(2)).SerializeToString()
        more = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(last) + last
        answer = await ask(listening.port, WHOLE + b"GET /v1/traces HTTP/1.1\r\nhost: x\r\n\r\n" + more)
        assert [line for line in answer.split(b"\r\n") if b"HTTP/1.1" in line] == [
            b"HTTP/1.1 200 ",
            b"HTTP/1.1 405 ",
            b"HTTP/1.1 200 ",
        ]
        assert [s.name for s in receiver.spans] == ["span 1", "span 2"]
        assert len({request.port for request in receiver.requests}) == 1
        assert receiver.requests[0].port not in (None, listening.port)

    serve(test).check()


def test_a_body_in_chunks_is_taken() -> None:
    """As exporters that stream send it."""

    async def test(receiver: Receiver, listening: Listening) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        for at in range(0, len(IN_CHUNKS), 50):
            writer.write(IN_CHUNKS[at : at + 50])
            await asyncio.sleep(0)
        await receiver.until(lambda r: bool(r.spans))
        writer.close()
        await writer.wait_closed()

    serve(test).check()


def test_reset_drops_the_connection() -> None:
    """Without an answer."""

    async def test(receiver: Receiver, listening: Listening) -> None:
        receiver.behaviour = Reset()
        with pytest.raises(ConnectionResetError):
            await ask(listening.port, WHOLE)

    assert serve(test).requests[0].status is None


def test_a_sender_that_hangs_up_was_not_answered() -> None:
    """A request that was slow when its sender left is not taken."""

    async def test(receiver: Receiver, listening: Listening) -> None:
        receiver.behaviour = Slow(60_000_000_000)
        _, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        writer.write(WHOLE)
        await receiver.until(lambda r: r.requests)
        writer.close()
        await writer.wait_closed()
        await receiver.until(lambda r: r.requests[0].over)

    receiver = serve(test)
    assert (receiver.requests[0].status, receiver.spans) == (None, [])


def test_a_dead_receiver_refuses_and_comes_back_on_its_port() -> None:
    """Open connections are dropped, hanging ones too."""

    async def test(receiver: Receiver, listening: Listening) -> None:
        port = listening.port
        assert listening.url == f"http://127.0.0.1:{port}"
        receiver.script.append(Hang())
        hanging = asyncio.create_task(ask(port, WHOLE))
        await receiver.until(lambda r: r.requests)
        await listening.die()
        with pytest.raises(ConnectionResetError):
            await hanging
        assert listening.connections == 0
        with pytest.raises(ConnectionRefusedError):
            await ask(port, WHOLE)
        await listening.die()
        await listening.revive()
        assert listening.port == port
        answer = await ask(port, WHOLE.replace(b"Host: x", b"Host: x\r\nConnection: close"))
        assert answer.startswith(b"HTTP/1.1 200 ")

    assert len(serve(test).spans) == 1


def test_the_official_exporters_are_understood() -> None:
    """Spans and metrics of the SDK arrive without a problem, compressed or not."""

    def export(url: str) -> None:
        exporter = OTLPSpanExporter(f"{url}/v1/traces", headers={"x-key": "k"})
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(exporter))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{url}/v1/metrics"), export_interval_millis=60_000)
        meters = MeterProvider([reader])
        tracer = tracers.get_tracer("test")
        with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner") as inner:
            inner.set_attribute("k", ["a", "b"])
            meters.get_meter("test").create_counter("c").add(2, {"l": "x"})
        tracers.shutdown()
        meters.shutdown()

    async def test(receiver: Receiver, listening: Listening) -> None:
        await asyncio.to_thread(export, listening.url)

    receiver = serve(test)
    receiver.check()
    assert [(s.name, bool(s.parent)) for s in receiver.spans] == [("inner", True), ("outer", False)]
    assert receiver.spans[0].attributes == {"k": ("a", "b")}
    assert receiver.total("c", l="x") == 2
    assert receiver.requests[0].header("x-key") == "k"


def test_the_official_exporter_retries_a_refusal() -> None:
    """A 503 with `Retry-After` is followed by the same span once more, which is no duplicate."""

    def export(url: str) -> None:
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
        tracers.get_tracer("test").start_span("once").end()
        tracers.shutdown()

    async def test(receiver: Receiver, listening: Listening) -> None:
        receiver.script.append(Refuse(503, retry_after=0))
        await asyncio.to_thread(export, listening.url)

    receiver = serve(test)
    receiver.check()
    assert ([r.status for r in receiver.requests], len(receiver.spans)) == ([503, 200], 1)
