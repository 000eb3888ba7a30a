"""One HTTP span below each attempt, with no key in it, and nothing sent upstream that was not asked for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry import baggage, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import attach, detach
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tracegate.clock import SystemClock
from tracegate.dialects.dialect import Outgoing
from tracegate.facts import Connection, Target
from tracegate.plugin.instrumented import Instrumented, instrumented, shown
from tracegate.telemetry.context import traceparent
from tracegate.testing.otlp.decode import decode_traces
from tracegate.testing.otlp.signals import Span
from tracegate.upstream.httpx import SPAN, HttpxExchange

TRACE, ATTEMPT = b"T" * 16, b"A" * 8
KEY = "sk-planted-key"
URL = f"https://user:{KEY}@models.example:8443/v1/chat?key={KEY}&api-version=2024-06-01&key=other"


class Upstream(httpx.AsyncBaseTransport):
    """A provider in process: keeps what it was sent, answers with a status, or fails."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.requests.append(request)
        self.bodies.append(await request.aread())
        if not self.status:
            raise httpx.ConnectError("refused")
        return httpx.Response(self.status, content=b"{}")

    async def aclose(self) -> None:
        """Close."""
        self.closed = True


class Traced:
    """An instrumented transport over a provider, and the spans it made."""

    def __init__(self, status: int = 200) -> None:
        self.upstream = Upstream(status)
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(resource=Resource({"service.name": "t"}), shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.reader = InMemoryMetricReader()
        meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.transport = instrumented(self.provider, meters)(self.upstream)

    def send(self, headers: dict[str, str] | None = None, span: tuple[bytes, bytes] | None = (TRACE, ATTEMPT)) -> None:
        """Send a request of an attempt, or of none."""
        extensions = {} if span is None else {SPAN: span}
        request = httpx.Request("POST", URL, headers=headers, content=b"{}", extensions=extensions)
        asyncio.run(self._send(request))

    async def _send(self, request: httpx.Request) -> None:
        response = await self.transport.handle_async_request(request)
        await response.aread()

    def spans(self) -> list[Span]:
        """What would be exported."""
        return decode_traces(self.exported)

    @property
    def exported(self) -> bytes:
        """The bytes of it."""
        return bytes(encode_spans(self._exporter.get_finished_spans()).SerializeToString())

    @property
    def sent(self) -> httpx.Headers:
        """The header fields of the last request."""
        return self.upstream.requests[-1].headers


@pytest.fixture(autouse=True)
def environment_as_it_was() -> Iterator[None]:
    """The choice of names stays within the test; that of the process is made by the first."""
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]


@pytest.fixture(autouse=True)
def propagators_that_tell_everything() -> Iterator[None]:
    """A host whose global propagator sends trace context and baggage, with baggage in the current context."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()]))
    token = attach(baggage.set_baggage("tenant", KEY))
    yield
    detach(token)
    propagate.set_global_textmap(before)


def test_one_span_stands_below_the_attempt() -> None:
    """With the stable HTTP names, whatever is current in the task."""
    traced = Traced()
    traced.send()
    (span,) = traced.spans()
    assert (span.name, span.kind, span.trace, span.parent) == ("POST", "client", TRACE, ATTEMPT)
    assert span.attributes["http.request.method"] == "POST"
    assert span.attributes["http.response.status_code"] == 200
    assert (span.attributes["server.address"], span.attributes["server.port"]) == ("models.example", 8443)


def test_no_key_is_in_the_span_whatever_the_instrumentation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of the query, user info and headers are hidden, even where all headers are to be captured."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST", ".*")
    traced = Traced()
    traced.send({"authorization": f"Bearer {KEY}", "api-key": KEY, "content-type": "application/json"})
    assert KEY.encode() not in traced.exported
    (span,) = traced.spans()
    full = "https://models.example:8443/v1/chat?key=REDACTED&key=REDACTED&api-version=2024-06-01"
    assert span.attributes["url.full"] == full
    assert span.attributes["http.request.header.content_type"] == ("application/json",)
    headers = {name.rpartition(".")[2] for name in span.attributes if name.startswith("http.request.header.")}
    assert headers == {"content_length", "content_type", "host"}


def test_the_real_request_is_sent_as_it_was() -> None:
    """Address, credentials and body reach the provider; our extension of the request does not matter to it."""
    traced = Traced()
    traced.send({"authorization": f"Bearer {KEY}"})
    (request,) = traced.upstream.requests
    assert str(request.url) == URL
    assert traced.sent["authorization"] == f"Bearer {KEY}"
    assert traced.upstream.bodies == [b"{}"]


def test_nothing_is_propagated_unless_the_target_opted_in() -> None:
    """No trace context, no trace state, no baggage, though the global propagator would send all of it."""
    traced = Traced()
    traced.send()
    assert not {"traceparent", "tracestate", "baggage"} & set(traced.sent)


def test_a_target_that_opted_in_gets_the_context_of_the_http_span() -> None:
    """The attempt's `traceparent` is moved down to the HTTP span; baggage is never sent."""
    traced = Traced()
    traced.send({"traceparent": traceparent(TRACE, ATTEMPT)})
    (span,) = traced.spans()
    assert traced.sent["traceparent"] == traceparent(TRACE, span.span)
    assert traced.sent.get_list("traceparent") == [traced.sent["traceparent"]]
    assert not {"tracestate", "baggage"} & set(traced.sent)


def test_an_excluded_address_keeps_the_attempts_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """No HTTP span, so the provider's spans stand below the attempt."""
    monkeypatch.setenv("OTEL_PYTHON_HTTPX_EXCLUDED_URLS", "models.example")
    traced = Traced()
    traced.send({"traceparent": traceparent(TRACE, ATTEMPT)})
    assert traced.sent["traceparent"] == traceparent(TRACE, ATTEMPT)
    assert len(traced.upstream.requests) == 1


def test_a_request_of_no_attempt_has_no_span() -> None:
    """There is nothing it could stand below."""
    traced = Traced()
    traced.send(span=None)
    assert len(traced.upstream.requests) == 1
    assert traced.exported == b""


@pytest.mark.parametrize(("status", "error"), [(429, "429"), (0, "ConnectError")])
def test_a_failure_is_the_spans_too(status: int, error: str) -> None:
    """A status, or no answer at all; the failure goes on to whoever asked."""
    traced = Traced(status)
    if status:
        traced.send()
    else:
        with pytest.raises(httpx.ConnectError):
            traced.send()
    (span,) = traced.spans()
    assert (span.status, span.attributes["error.type"]) == ("error", error)


def test_the_current_span_is_that_of_the_task_again_afterwards() -> None:
    """Nothing stays attached, also when the request is cancelled on its way."""

    class Stuck(Upstream):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.get_running_loop().create_future()
            raise AssertionError("unreachable")

    async def cancelled(transport: httpx.AsyncBaseTransport) -> bool:
        request = httpx.Request("POST", URL, extensions={SPAN: (TRACE, ATTEMPT)})
        task = asyncio.ensure_future(transport.handle_async_request(request))
        await asyncio.sleep(0)  # the task's first turn takes it to where it is stuck
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return get_current_span().get_span_context().is_valid

    traced = Traced()
    assert asyncio.run(cancelled(instrumented(traced.provider)(Stuck()))) is False
    (span,) = traced.spans()
    assert span.parent == ATTEMPT


def test_its_metric_has_our_meter_provider() -> None:
    """`http.client.request.duration`, without a key in a label."""
    traced = Traced()
    traced.send()
    data = traced.reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert metric.name == "http.client.request.duration"
    assert KEY not in repr(metric)


def test_closing_closes_what_sends() -> None:
    """The exchange closes the transport it was given."""
    traced = Traced()
    asyncio.run(traced.transport.aclose())
    assert traced.upstream.closed


def test_a_choice_of_names_in_the_environment_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where nobody chose, the stable ones are."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http/dup")
    instrumented(None)
    assert os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] == "http/dup"


def test_what_is_shown_has_no_body() -> None:
    """A prompt is nobody's business but the provider's."""
    request = httpx.Request("POST", "https://h/v1", content=b"a prompt")
    assert shown(request).read() == b""
    assert str(shown(request).url) == "https://h/v1"


def test_it_works_behind_the_exchange() -> None:
    """The way a request really takes: the upstream hop names the attempt, the exchange passes it on."""
    traced = Traced()
    assert isinstance(traced.transport, Instrumented)

    async def exchanged() -> int:
        clock = SystemClock()
        exchange = HttpxExchange(traced.transport, clock, connections=10, waiting=0)
        target = Target("t", "p", "openai", "m", host="models.example", port=8443)
        outgoing = Outgoing(target, "/v1/chat/completions", [], b"{}", span=(TRACE, ATTEMPT))
        by = clock.now() + 5_000_000_000
        incoming = await exchange.send(outgoing, Connection(), connect_by=by, write_by=by, until=by, limit="attempt")
        body = await incoming.read(by, "attempt")
        incoming.release()
        await exchange.close()
        return len(body)

    assert asyncio.run(exchanged()) == 2
    (span,) = traced.spans()
    assert (span.trace, span.parent) == (TRACE, ATTEMPT)
