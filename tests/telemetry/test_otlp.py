"""Our bytes are those of the official classes, byte by byte, and mean the same to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ScopeMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from tests.telemetry.made import Made, fallback, success
from tracegate import __version__
from tracegate.inbound import Remote
from tracegate.telemetry import names, otlp
from tracegate.telemetry.blocks import Attributes, Block
from tracegate.telemetry.events import events
from tracegate.telemetry.model import Link, LogView, SpanView, Structured, Value
from tracegate.telemetry.otlp import Encoder, Envelope
from tracegate.telemetry.protobuf import any_value, key_value
from tracegate.telemetry.spans import spans

KINDS = {"internal": 1, "server": 2, "client": 3}
VALUES: list[Value] = [
    "",
    "text",
    "é✓😀",
    "x" * 127,
    "x" * 128,
    "x" * 20000,
    True,
    False,
    0,
    1,
    127,
    128,
    16383,
    16384,
    2097151,
    2097152,
    2**63 - 1,
    -1,
    -(2**63),
    0.0,
    -0.0,
    1.5,
    float("inf"),
    (),
    ("a",),
    ("a", "", "é"),
    ["a", "b"],
]


def official(key: str, value: Structured) -> KeyValue:
    """One attribute by the official classes."""
    return KeyValue(key=key, value=official_value(value))


def official_value(value: Any) -> AnyValue:
    """One value by the official classes."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=attributes_of(value)))
    if value is None:
        return AnyValue()
    return AnyValue(array_value=ArrayValue(values=map(official_value, value)))


def attributes_of(attributes: Mapping[str, Structured]) -> list[KeyValue]:
    """All attributes by the official classes."""
    return [official(key, value) for key, value in attributes.items()]


def official_span(view: SpanView) -> Span:
    """A span by the official classes."""
    remote = 0x200 if view.parent_remote else 0
    return Span(
        trace_id=view.trace,
        span_id=view.span,
        trace_state=view.tracestate,
        parent_span_id=view.parent,
        name=view.name,
        kind=KINDS[view.kind],  # type: ignore[arg-type]  # the enum's number
        start_time_unix_nano=view.start,
        end_time_unix_nano=view.end,
        attributes=attributes_of(view.attributes),
        links=[
            Span.Link(
                trace_id=link.trace,
                span_id=link.span,
                trace_state=link.tracestate,
                attributes=attributes_of(link.attributes),
                flags=link.flags | 0x300,
            )
            for link in view.links
        ],
        status=Status(code=2, message=view.description) if view.status == "error" else None,  # type: ignore[arg-type]  # the enum's number
        flags=0x101 | remote,
    )


def official_log(view: LogView) -> LogRecord:
    """A log event by the official classes."""
    return LogRecord(
        time_unix_nano=view.time,
        observed_time_unix_nano=view.time,
        severity_number=view.severity,  # type: ignore[arg-type]  # the enum's number
        severity_text=view.severity_text,
        attributes=attributes_of(view.attributes),
        flags=1,
        trace_id=view.trace,
        span_id=view.span,
        event_name=view.name,
    )


def a_span(attributes: Mapping[str, Value], **fields: Any) -> SpanView:
    """A span with these attributes."""
    view = SpanView("chat m", "client", b"t" * 16, b"s" * 8, b"p" * 8, 1, 2**63, attributes)
    return view._replace(**fields)


def the_spans(encoder: Encoder, views: list[SpanView]) -> bytes:
    """Encode twice: what was learnt gives the same bytes as what was not."""
    first = encoder.spans(views)
    assert first == encoder.spans(views)
    return first


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_written_as_the_official_classes_write_it(value: Value) -> None:
    """Of every kind and size, alone and on a span."""
    assert any_value(value) == official_value(value).SerializeToString()
    assert key_value("a.key", value) == official("a.key", value).SerializeToString()
    view = a_span({"a.key": value})
    assert the_spans(Encoder(), [view]) == ScopeSpans(spans=[official_span(view)]).SerializeToString()


def test_equal_values_of_different_types_stay_apart() -> None:
    """`1`, `1.0` and `True` are equal and hash alike."""
    encoder = Encoder()
    for value in (1, 1.0, True, 0, 0.0, False, -0.0, 300, 300.0):
        view = a_span({"k": value})
        assert encoder.spans([view]) == ScopeSpans(spans=[official_span(view)]).SerializeToString()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
scalars = texts | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
values = scalars | st.lists(texts, max_size=3).map(tuple)


@given(st.lists(st.dictionaries(texts.filter(bool), values, max_size=6), max_size=4))
def test_any_attributes_are_written_exactly(many: list[dict[str, Value]]) -> None:
    """One encoder over many spans: what it learnt from one never shows in another."""
    encoder = Encoder()
    views = [a_span(attributes) for attributes in many]
    assert the_spans(encoder, views) == ScopeSpans(spans=map(official_span, views)).SerializeToString()


@pytest.mark.parametrize(
    "view",
    [
        a_span({}),
        a_span({"a": 1}, kind="server", parent=b""),
        a_span({"a": 1}, kind="internal", tracestate="vendor=x,other=y", parent_remote=True),
        a_span({"a": 1}, status="error"),
        a_span({"a": 1}, status="error", description="é" * 500),
        a_span({"a": 1}, name="n" * 300, start=1, end=1),
        a_span({}, links=(Link(b"T" * 16, b"P" * 8),)),
        a_span({}, links=(Link(b"T" * 16, b"P" * 8, 3, "v=1", {"why": "origin", "n": 5}), Link(b"U" * 16, b"Q" * 8))),
        a_span(Attributes((Block({"a": 1, "b": "x"}), Block({"c": ("d",)})), {"e": 1.5, "f": True})),
    ],
)
def test_a_span_is_written_as_the_official_classes_write_it(view: SpanView) -> None:
    """Flags, trace state, parent, links, status, times."""
    assert the_spans(Encoder(), [view]) == ScopeSpans(spans=[official_span(view)]).SerializeToString()


def test_a_block_is_written_by_each_encoder_in_its_own_way() -> None:
    """What one kept with it is not taken by another."""
    view = a_span(Attributes((Block({"a": "abcdef"}),), {}))
    for limit, expected in ((None, "abcdef"), (3, "abc"), (None, "abcdef")):
        encoder = Encoder(limit)
        for _ in range(2):
            (span,) = ScopeSpans.FromString(encoder.spans([view])).spans
            assert span.attributes[0].value.string_value == expected


def test_what_a_request_shares_is_written_in_each_of_its_spans() -> None:
    """And not in those of the next request, whose part may be equal in part, or at the same address."""
    encoder = Encoder()
    for n in range(20):
        shared: dict[str, Value] = {"id": f"request {n}", "cost": n}
        views = [a_span(Attributes((), {"own": own}, shared)) for own in (1, 2)]
        views.append(a_span(Attributes((), {"own": 3})))
        assert encoder.spans(views) == ScopeSpans(spans=map(official_span, views)).SerializeToString()


def test_real_requests_are_written_exactly() -> None:
    """Spans and log events of a success, a fallback, and a linked caller."""
    encoder = Encoder()
    linked = Made(trust="link", remote=Remote(b"T" * 16, b"P" * 8, 1, "a=b"))
    for recorder in (success(), fallback().end(), linked.end()):
        views = spans(recorder)
        assert the_spans(encoder, views) == ScopeSpans(spans=map(official_span, views)).SerializeToString()
        told = events(recorder)
        assert encoder.logs(told) == ScopeLogs(log_records=map(official_log, told)).SerializeToString()


nested = st.recursive(
    scalars | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts.filter(bool), inner, max_size=3),
)


@given(st.dictionaries(texts.filter(bool), nested, max_size=4))
def test_structures_are_written_exactly(attributes: dict[str, Structured]) -> None:
    """Lists and mappings of any depth, and what is null, on a log event."""
    view = LogView("e", 5, "DEBUG", 1, b"t" * 16, b"s" * 8, attributes)
    encoder, expected = Encoder(), ScopeLogs(log_records=[official_log(view)]).SerializeToString()
    assert encoder.logs([view]) == encoder.logs([view]) == expected


def test_what_is_kept_is_bounded() -> None:
    """However many names and lengths of text come by, and whatever was forgotten, the bytes are right."""
    encoder = Encoder()
    for n in range(otlp.ROOM + 5):
        view = a_span({"k": "x" * n}, name=f"name {n}")
        assert encoder.spans([view]) == ScopeSpans(spans=[official_span(view)]).SerializeToString()
    assert len(encoder._names) <= otlp.ROOM
    assert all(len(heads) <= otlp.ROOM for heads in encoder._span_attributes._texts.values())


@pytest.mark.parametrize(
    ("value", "expected"),
    [("\ud83d", "\ufffd"), ("a\udc00b", "a\ufffdb"), ("\ud83d\ude00", "😀")],
)
def test_lone_surrogates_are_replaced(value: str, expected: str) -> None:
    """UTF-8 can't hold them, and one must not cost a batch."""
    encoder = Encoder()
    for _ in range(2):
        data = encoder.spans([a_span({"k": value, "l": (value,)}, description=value, status="error", name=value)])
        span = ScopeSpans.FromString(data).spans[0]
        assert span.attributes[0].value.string_value == expected
        assert span.attributes[1].value.array_value.values[0].string_value == expected
        assert (span.name, span.status.message) == (expected, expected)


@pytest.mark.parametrize(("limit", "expected"), [(None, "abcdé"), (5, "abcdé"), (3, "abc"), (0, "")])
def test_text_values_are_cut_where_it_is_asked_for(limit: int | None, expected: str) -> None:
    """In characters, in lists too; keys and names are not values."""
    encoder = Encoder(limit)
    view = a_span(Attributes((Block({"block": "abcdé"}),), {"key": "abcdé", "list": ("abcdé",), "number": 12345}))
    span = ScopeSpans.FromString(the_spans(encoder, [view])).spans[0]
    found = {pair.key: pair.value for pair in span.attributes}
    assert found["block"].string_value == found["key"].string_value == expected
    assert found["list"].array_value.values[0].string_value == expected
    assert found["number"].int_value == 12345
    assert span.name == "chat m"


@pytest.mark.parametrize(("value", "error"), [(2**63, ValueError), (-(2**63) - 1, ValueError), ({1}, TypeError)])
def test_what_can_not_be_written_is_refused(value: Any, error: type[Exception]) -> None:
    """Rather than written wrong."""
    with pytest.raises(error):
        any_value(value)
    with pytest.raises(error):
        Encoder().spans([a_span({"k": value})])


def test_an_envelope_has_resource_scope_and_schema() -> None:
    """The same bytes frame all three signals."""
    envelope = Envelope({"service.name": "tracegate", "n": 1})
    view, told = a_span({"a": 1}), LogView("e", 9, "INFO", 5, b"t" * 16, b"s" * 8, {"b": "x"})
    encoder = Encoder()
    traces = ExportTraceServiceRequest.FromString(envelope.wrap([encoder.spans([view]), encoder.spans([view])]))
    logs = ExportLogsServiceRequest.FromString(envelope.wrap([encoder.logs([told])]))
    metric = ScopeMetrics(metrics=[Metric(name="m")]).SerializeToString()
    metrics = ExportMetricsServiceRequest.FromString(envelope.wrap([metric]))
    (of_spans,), (of_logs,), (of_metrics,) = traces.resource_spans, logs.resource_logs, metrics.resource_metrics
    for of in (of_spans, of_logs, of_metrics):
        assert list(of.resource.attributes) == attributes_of({"service.name": "tracegate", "n": 1})
    (spans_,), (logs_,), (metrics_,) = of_spans.scope_spans, of_logs.scope_logs, of_metrics.scope_metrics
    for scoped in (spans_, logs_, metrics_):
        assert (scoped.scope.name, scoped.scope.version) == ("tracegate", __version__)
        assert scoped.schema_url == names.SCHEMA_URL
    assert list(spans_.spans) == [official_span(view)] * 2
    assert list(logs_.log_records) == [official_log(told)]
    assert [m.name for m in metrics_.metrics] == ["m"]


def test_an_empty_envelope_is_valid() -> None:
    """It has a scope without items."""
    request = ExportTraceServiceRequest.FromString(Envelope({}).wrap([]))
    assert list(request.resource_spans[0].scope_spans[0].spans) == []
