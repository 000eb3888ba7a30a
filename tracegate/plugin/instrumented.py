"""An httpx transport with OpenTelemetry's instrumentation around it: one HTTP span below each attempt.

The instrumentation never sees the request that is sent. It is shown one without credentials, without the values of
the query and without the body, so that no setting of its own can put a key into a span; and what it injects goes into
that one, so that no propagator can send trace context or baggage upstream. Where the target opted in, the request
already has a `traceparent` of the attempt; that one is moved to the HTTP span.

What is known of the instrumentation: its span ends with the head of the answer, and its `network.peer.address` is a
host name. A request that is sent again because an idle connection had died has an HTTP span for each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import httpx
from opentelemetry.context import attach, detach
from opentelemetry.instrumentation.httpx import AsyncOpenTelemetryTransport
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider, get_current_span

from tracegate.telemetry.context import traceparent
from tracegate.telemetry.sdk_spans import context_of
from tracegate.upstream.httpx import SPAN

CONVENTIONS = "OTEL_SEMCONV_STABILITY_OPT_IN"
"""The variable that decides which HTTP attribute names instrumentations write."""

SENT = "tracegate.sent"
"""Request extension of what is shown: the request that is sent."""

SHOWN_HEADERS = frozenset(("accept", "content-length", "content-type", "host", "user-agent", "via"))
SHOWN_QUERY = frozenset(("api-version",))
HIDDEN = "REDACTED"

Wrap = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]


def instrumented(tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None = None) -> Wrap:
    """Something that puts the instrumentation around a transport.

    Args:
        tracer_provider: Gets the HTTP spans; `None` for the global one.
        meter_provider: Gets `http.client.request.duration`; `None` for the global one.
    """
    # The stable names, unless somebody chose others; it is read once per process, by whoever comes first.
    os.environ.setdefault(CONVENTIONS, "http")
    return lambda transport: Instrumented(transport, tracer_provider, meter_provider)


class Instrumented(httpx.AsyncBaseTransport):
    """A transport with an HTTP span around each request of an attempt.

    Args:
        transport: What sends; closed with this one.
        tracer_provider, meter_provider: As for `instrumented`.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        tracer_provider: TracerProvider | None,
        meter_provider: MeterProvider | None,
    ) -> None:
        self._transport = transport
        self._traced = AsyncOpenTelemetryTransport(_Sender(transport), tracer_provider, meter_provider)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; one that belongs to no attempt has no span."""
        span = request.extensions.get(SPAN)
        if span is None:
            return await self._transport.handle_async_request(request)
        # Attached around one await, with no `yield` in it; the context holds nothing but the attempt's span.
        token = attach(context_of(*span))
        try:
            return await self._traced.handle_async_request(shown(request))
        finally:
            detach(token)

    async def aclose(self) -> None:
        """Close what sends."""
        await self._transport.aclose()


class _Sender(httpx.AsyncBaseTransport):
    """Below the instrumentation: sends the real request instead of the one that was shown."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent: httpx.Request = request.extensions[SENT]
        if "traceparent" in sent.headers:
            span = get_current_span().get_span_context()
            sent.headers["traceparent"] = traceparent(
                span.trace_id.to_bytes(16, "big"), span.span_id.to_bytes(8, "big")
            )
        return await self._transport.handle_async_request(sent)


def shown(request: httpx.Request) -> httpx.Request:
    """The request as the instrumentation sees it: no body, no user info, and only what is known to be harmless."""
    url = request.url.copy_with(username=None, password=None)
    if url.query:
        pairs = url.params.multi_items()
        url = url.copy_with(params=[(key, value if key in SHOWN_QUERY else HIDDEN) for key, value in pairs])
    headers = [(key, value) for key, value in request.headers.multi_items() if key in SHOWN_HEADERS]
    return httpx.Request(request.method, url, headers=headers, extensions={SENT: request})
