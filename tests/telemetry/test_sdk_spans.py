"""Spans and log events through the SDK are the views they were replayed from, in both ways and to any processor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider, StatusCode, get_current_span

from tests.telemetry.recorders import CASES, failed_over, streamed
from tests.telemetry.test_metrics_table import CONVENTIONS
from tracegate.record import Recorder
from tracegate.telemetry import names
from tracegate.telemetry.events import events
from tracegate.telemetry.model import Link, LogView, SpanView
from tracegate.telemetry.sdk_spans import Finished, Logs, SpanReplay, Started, context_of
from tracegate.telemetry.spans import spans
from tracegate.testing.otlp.decode import decode_logs, decode_traces
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.otlp.signals import LogRecord
from tracegate.testing.otlp.signals import Span as Exported

RESOURCE = Resource({"service.name": "tracegate-test"})
WAYS: list[type[Finished] | type[Started]] = [Finished, Started]
RECORDERS: list[Callable[[], Recorder]] = list(CASES)


class Sdk:
    """A tracer provider that samples nothing by itself, and what left it."""

    def __init__(self, way: Callable[[TracerProvider], SpanReplay], *processors: SpanProcessor) -> None:
        self.provider = TracerProvider(ALWAYS_OFF, RESOURCE, shutdown_on_exit=False)
        self._exporter = InMemorySpanExporter()
        for processor in (*processors, SimpleSpanProcessor(self._exporter)):
            self.provider.add_span_processor(processor)
        self.replay = way(self.provider)

    def spans(self) -> list[Exported]:
        """What the SDK's own encoder makes of the spans."""
        return decode_traces(encode_spans(self._exporter.get_finished_spans()).SerializeToString())


def as_encoded(view: SpanView) -> SpanView:
    """A view as the SDK's encoder can say it: of links it writes neither trace flags nor `tracestate`."""
    links = tuple(replace(link, flags=0, tracestate="") for link in view.links)
    listed = {key: tuple(value) if isinstance(value, list) else value for key, value in view.attributes.items()}
    return view._replace(links=links, attributes=listed)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", RECORDERS)
def test_replayed_spans_equal_their_views(case: Callable[[], Recorder], way: type[Finished] | type[Started]) -> None:
    """Names, kinds, ids, parents, times, attributes, statuses, links, trace state: nothing is lost or added."""
    views = spans(case())
    sdk = Sdk(way)
    sdk.replay(views)
    assert [span.view() for span in sdk.spans()] == [as_encoded(view) for view in views]


@pytest.mark.parametrize("way", WAYS)
def test_replayed_spans_have_our_scope_and_the_providers_resource(way: type[Finished] | type[Started]) -> None:
    """Scope, version and schema are pinned."""
    sdk = Sdk(way)
    sdk.replay(spans(streamed()))
    assert {(span.origin.scope, span.origin.scope_version, span.origin.schema_url) for span in sdk.spans()} == {
        (names.SCOPE, names.SCOPE_VERSION, names.SCHEMA_URL)
    }
    assert {str(span.origin.resource["service.name"]) for span in sdk.spans()} == {"tracegate-test"}


@pytest.mark.parametrize("way", WAYS)
def test_replayed_spans_agree_with_the_pinned_conventions(way: type[Finished] | type[Started]) -> None:
    """Every attribute is registered, with its type and values."""
    sdk = Sdk(way)
    for case in RECORDERS:
        sdk.replay(spans(case()))
    assert Registry.of(CONVENTIONS).findings(sdk.spans(), [], []) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_joined_caller_is_a_remote_parent_and_its_trace_state_is_kept(way: type[Finished] | type[Started]) -> None:
    """Parent mode: our SERVER span stands in the caller's trace."""
    sdk = Sdk(way)
    sdk.replay(spans(streamed()))
    server, route = sdk.spans()[:2]
    assert (server.trace, server.parent, server.parent_remote) == (b"T" * 16, b"P" * 8, True)
    assert server.tracestate == "vendor=x,other=y"
    assert (route.trace, route.parent, route.parent_remote) == (b"T" * 16, server.span, False)
    assert route.tracestate == ""


@pytest.mark.parametrize("way", WAYS)
def test_a_linked_caller_is_a_link_of_a_new_root(way: type[Finished] | type[Started]) -> None:
    """Link mode: another trace, no parent, one link."""
    sdk = Sdk(way)
    sdk.replay(spans(failed_over()))
    server = sdk.spans()[0]
    assert server.trace != b"T" * 16
    assert (server.parent, server.parent_remote) == (b"", False)
    assert server.links == (Link(b"T" * 16, b"P" * 8),)


@pytest.mark.parametrize("way", WAYS)
def test_a_link_keeps_its_flags_trace_state_and_attributes(way: type[Finished] | type[Started]) -> None:
    """In the SDK's own span, whatever an encoder leaves out."""
    seen = Noticed()
    sdk = Sdk(way, seen)
    link = Link(b"L" * 16, b"M" * 8, 1, "vendor=y", {"why": "origin"})
    sdk.replay([spans(streamed())[0]._replace(links=(link,))])
    (found,) = seen.ended[0].links
    assert found.context.trace_id.to_bytes(16, "big") == link.trace
    assert (found.context.trace_flags, found.context.is_remote) == (1, True)
    assert dict(found.context.trace_state) == {"vendor": "y"}
    assert dict(found.attributes or {}) == {"why": "origin"}


class Noticed(SpanProcessor):
    """A processor of a host: writes on spans when they start, and keeps what it saw."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Called for real spans only."""
        self.started.append(span.name)
        span.set_attribute("host.said", get_current_span(parent_context).get_span_context().is_valid)

    def on_end(self, span: ReadableSpan) -> None:
        """Called for every span."""
        self.ended.append(span)


def test_a_hosts_processors_see_spans_start_and_may_write_on_them() -> None:
    """Real spans, with our ids nonetheless; the parent's context is ours."""
    seen = Noticed()
    views = spans(failed_over())
    Sdk(Started, seen).replay(views)
    assert seen.started == [view.name for view in views]
    assert [(span.attributes or {})["host.said"] for span in seen.ended] == [bool(view.parent) for view in views]


def test_finished_spans_never_start() -> None:
    """The cheap way: a processor is told of the end only."""
    seen = Noticed()
    views = spans(failed_over())
    Sdk(Finished, seen).replay(views)
    assert seen.started == []
    assert [span.name for span in seen.ended] == [view.name for view in views]


def test_the_spans_of_a_host_keep_its_sampler_and_its_ids() -> None:
    """Only the tracer of our scope is changed."""
    seen = Noticed()
    sdk = Sdk(Started, seen)
    sdk.replay(spans(streamed()))
    count = len(seen.ended)
    other = sdk.provider.get_tracer("host").start_span("theirs")
    other.end()
    assert not other.get_span_context().trace_flags.sampled
    assert len(seen.ended) == count


def test_an_error_without_a_text_has_no_description() -> None:
    """Status only."""
    seen = Noticed()
    view = spans(streamed())[0]._replace(status="error", description="")
    for way in WAYS:
        Sdk(way, seen).replay([view])
    assert [(span.status.status_code, span.status.description) for span in seen.ended] == [(StatusCode.ERROR, None)] * 2


def test_long_values_are_cut_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` holds on both ways, and by default nothing is cut."""
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4")
    view = spans(streamed())[0]._replace(attributes={"text": "abcdefg", "list": ("abcdefg",), "n": 123456})
    for way in WAYS:
        sdk = Sdk(way)
        sdk.replay([view])
        assert sdk.spans()[0].attributes == {"text": "abcd", "list": ("abcd",), "n": 123456}
    sdk = Sdk(lambda provider: Finished(provider, SpanLimits(max_span_attribute_length=2)))
    sdk.replay([view])
    assert sdk.spans()[0].attributes["text"] == "ab"


@pytest.mark.parametrize("way", WAYS)
def test_a_provider_that_is_not_the_sdks_is_refused(way: type[Finished] | type[Started]) -> None:
    """Nobody could keep our ids."""
    with pytest.raises(TypeError, match=r"NoOpTracerProvider` gave a `opentelemetry.trace.NoOpTracer`"):
        way(NoOpTracerProvider())


def test_a_context_holds_one_span_and_nothing_else() -> None:
    """No baggage of whoever is current comes along, and no span means no span."""
    context = context_of(b"T" * 16, b"S" * 8)
    span = get_current_span(context).get_span_context()
    assert (span.trace_id.to_bytes(16, "big"), span.span_id.to_bytes(8, "big")) == (b"T" * 16, b"S" * 8)
    assert span.trace_flags.sampled
    assert not baggage.get_all(context)
    assert not get_current_span(context_of(b"", b"")).get_span_context().is_valid
    assert len(context_of(b"", b"")) == len(context) == 1


@pytest.fixture
def exported_logs() -> Iterator[Callable[[list[LogView]], list[LogRecord]]]:
    """Replays log events and gives what the SDK's own encoder makes of them."""
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's has no types
    provider = LoggerProvider(RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    replay = Logs(provider)

    def through(views: list[LogView]) -> list[LogRecord]:
        replay(views)
        return decode_logs(encode_logs(exporter.get_finished_logs()).SerializeToString())

    yield through
    provider.shutdown()


def test_replayed_log_events_equal_their_views(
    exported_logs: Callable[[list[LogView]], list[LogRecord]],
) -> None:
    """Name, severity, times, attributes, and the span they belong to."""
    views = [view for case in RECORDERS for view in events(case())]
    assert len(views) > 3
    found = exported_logs(views)
    assert [
        LogView(log.name, log.severity, log.severity_text, log.time, log.trace, log.span, log.attributes)  # type: ignore[arg-type]  # decoded values are objects
        for log in found
    ] == views
    assert [log.observed for log in found] == [view.time for view in views]
    assert {(log.origin.scope, log.origin.schema_url, log.body) for log in found} == {
        (names.SCOPE, names.SCHEMA_URL, None)
    }
    assert Registry.of(CONVENTIONS).findings([], [], found) == []
