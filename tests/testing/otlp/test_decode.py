"""What is right is decoded to plain values, and everything else is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Proto
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.testing.otlp.make import TRACE, URL, log, logs, pairs, resource, scope, span, traces, value
from tracegate.telemetry.model import Link, SpanView
from tracegate.testing.otlp.decode import decode_logs, decode_traces
from tracegate.testing.otlp.signals import LogRecord, Origin, Span, SpanEvent
from tracegate.testing.otlp.values import Malformed

ORIGIN = Origin({"service.name": "gateway"}, "tracegate", "1", URL)


def test_a_span_is_decoded_whole() -> None:
    """Every field arrives, with attributes as Python's values."""
    said: dict[str, object] = {"a": "text", "b": True, "c": 7, "d": 1.5, "e": b"raw", "f": ["x", "y"], "g": {"h": 1}}
    made = span(
        2,
        1,
        kind=3,
        attributes=pairs(said),
        status=Status(code=2, message="why"),  # type: ignore[arg-type]  # an enum's number
        trace_state="k=v",
        flags=0x301,
        links=[
            Proto.Link(trace_id=TRACE, span_id=b"l" * 8, flags=0x101, trace_state="x=y", attributes=pairs({"n": 1}))
        ],
        events=[Proto.Event(name="event", time_unix_nano=150, attributes=pairs({"m": 2}))],
    )
    expected = Span(
        name="span 2",
        kind="client",
        trace=TRACE,
        span=b"\0" * 7 + b"\x02",
        parent=b"\0" * 7 + b"\x01",
        start=100,
        end=200,
        attributes=said | {"f": ("x", "y")},
        status="error",
        description="why",
        links=(Link(TRACE, b"l" * 8, 1, "x=y", {"n": 1}),),
        events=(SpanEvent("event", 150, {"m": 2}),),
        tracestate="k=v",
        flags=0x301,
        parent_remote=True,
        origin=ORIGIN,
    )
    assert decode_traces(traces(made).SerializeToString()) == [expected]


def test_types_of_values_are_kept_apart() -> None:
    """An int stays an int, a double a double, a boolean a boolean, an empty text a text."""
    said: dict[str, object] = {"a": 1, "b": 1.0, "c": True, "d": ""}
    [found] = decode_traces(traces(span(attributes=pairs(said))).SerializeToString())
    assert [type(item) for item in found.attributes.values()] == [int, float, bool, str]


@pytest.mark.parametrize(("flags", "remote"), [(0, None), (0x100, False), (0x300, True)])
def test_remote_is_told_from_not_said(flags: int, remote: bool | None) -> None:
    """Three answers, as the flags have them."""
    [found] = decode_traces(traces(span(flags=flags)).SerializeToString())
    assert found.parent_remote is remote


def test_a_decoded_span_gives_back_the_view_it_was_made_of() -> None:
    """So that what arrived can be compared with what was rendered."""
    made = span(2, 1, kind=3, attributes=pairs({"a": ["x"], "b": 1}), flags=0x300)
    [found] = decode_traces(traces(made).SerializeToString())
    view = SpanView("span 2", "client", TRACE, found.span, found.parent, 100, 200, {"a": ("x",), "b": 1})
    assert found.view() == view._replace(parent_remote=True)


def test_the_schema_url_may_stand_on_the_resource() -> None:
    """That of the scope wins."""
    request = traces(span())
    request.resource_spans[0].schema_url = "outer"
    assert decode_traces(request.SerializeToString())[0].origin.schema_url == URL
    request.resource_spans[0].scope_spans[0].schema_url = ""
    assert decode_traces(request.SerializeToString())[0].origin.schema_url == "outer"


LINK = Proto.Link(trace_id=TRACE, span_id=b"\0" * 8)
TWICE = [*pairs({"a": 1}), *pairs({"a": 2})]

BAD_SPANS: dict[str, dict[str, Any]] = {
    "span: its name is empty": {"name": ""},
    "its trace id is `0102`": {"trace_id": b"\1\2"},
    "its trace id is `0{32}`": {"trace_id": b"\0" * 16},
    "its span id is `0{16}`": {"span_id": b"\0" * 8},
    "its span id is `01`": {"span_id": b"\1"},
    "its parent's id has 3 bytes": {"parent_span_id": b"abc"},
    "its parent's id is zero": {"parent_span_id": b"\0" * 8},
    "it is its own parent": {"parent_span_id": (1).to_bytes(8, "big")},
    "its kind is 0": {"kind": 0},
    "its kind is 9": {"kind": 9},
    "it has no start": {"start_time_unix_nano": 0},
    "it ends before it starts": {"end_time_unix_nano": 99},
    "its status is 3": {"status": Status(code=3)},  # type: ignore[arg-type]  # an enum's number
    "it has a status message and is no error": {"status": Status(message="why")},
    "an attribute has no name": {"attributes": [KeyValue(value=value(1))]},
    "`a` stands there twice": {"attributes": TWICE},
    "`a` has no value": {"attributes": [KeyValue(key="a", value=AnyValue())]},
    "129 attributes, at most 128": {"attributes": pairs({f"a{n}": n for n in range(129)})},
    "a link: its span id": {"links": [LINK]},
    "an event has no name": {"events": [Proto.Event(time_unix_nano=1)]},
    "the event `e` has no time": {"events": [Proto.Event(name="e")]},
}


@pytest.mark.parametrize("said", BAD_SPANS)
def test_a_malformed_span_is_refused(said: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(Malformed, match=said):
        decode_traces(traces(span(**BAD_SPANS[said])).SerializeToString())


def test_128_attributes_are_allowed() -> None:
    """The limit itself is no error."""
    [found] = decode_traces(traces(span(attributes=pairs({f"a{n}": n for n in range(128)}))).SerializeToString())
    assert len(found.attributes) == 128


def nameless_scope(request: Any) -> None:
    """Take the scope's name away."""
    request.resource_spans[0].scope_spans[0].scope.name = ""


def nameless_service(request: Any) -> None:
    """Take the service's name away."""
    del request.resource_spans[0].resource.attributes[:]


def nothing(request: Any) -> None:
    """Take the spans away."""
    del request.resource_spans[0].scope_spans[0].spans[:]


@pytest.mark.parametrize(
    ("bend", "said"),
    [
        (nameless_scope, "scope: its name is empty"),
        (nameless_service, "`service.name` is missing"),
        (nothing, "holds nothing"),
    ],
)
def test_a_request_without_the_least_is_refused(bend: Callable[[Any], None], said: str) -> None:
    """A scope has a name, a resource its service's name, a request at least one item."""
    request = traces(span())
    bend(request)
    with pytest.raises(Malformed, match=said):
        decode_traces(request.SerializeToString())


def test_what_is_no_protobuf_is_refused() -> None:
    """Noise, and a message that was cut."""
    whole = traces(span()).SerializeToString()
    for body in (b"\xff\xff\xff", whole[:-3]):
        with pytest.raises(Malformed, match="not a ExportTraceServiceRequest"):
            decode_traces(body)


@pytest.mark.parametrize("deep", [True, False])
def test_fields_nobody_knows_are_refused(deep: bool) -> None:
    """Also deep inside: a wrong field number or wire type would otherwise lose data silently."""
    stray = b"\xf8\x07\x01"  # field 127, varint
    request = traces(span()).SerializeToString()
    if deep:
        inner = span()
        inner.MergeFromString(b"\x28\x05")  # field 5, `name`, as a varint instead of a text
        request = traces(inner).SerializeToString()
    with pytest.raises(Malformed, match=r"scope_spans\.spans: a field that" if deep else "Request: a field that"):
        decode_traces(request if deep else request + stray)


def test_a_log_record_is_decoded_whole() -> None:
    """With a body, an empty one, and none; in a span and outside."""
    body = value({"k": ["v"]})
    made = log(body=body, attributes=pairs({"a": 1}), trace_id=TRACE, span_id=b"s" * 8, observed_time_unix_nano=160)
    assert decode_logs(logs(made, log("other"), log("empty", body=AnyValue())).SerializeToString()) == [
        LogRecord("event", 9, "INFO", 150, 160, TRACE, b"s" * 8, {"k": ("v",)}, {"a": 1}, ORIGIN),
        LogRecord("other", 9, "INFO", 150, 0, b"", b"", None, {}, ORIGIN),
        LogRecord("empty", 9, "INFO", 150, 0, b"", b"", None, {}, ORIGIN),
    ]


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("it has no time", {"time_unix_nano": 0}),
        ("its severity is 25", {"severity_number": 25}),
        ("its span id is ``", {"trace_id": TRACE}),
    ],
)
def test_a_malformed_log_record_is_refused(said: str, fields: dict[str, Any]) -> None:
    """The message says what is wrong."""
    with pytest.raises(Malformed, match=said):
        decode_logs(logs(log(**fields)).SerializeToString())


def test_the_makers_agree_with_each_other() -> None:
    """The resource and scope of the helpers are what the decoder reports."""
    assert (resource().attributes[0].key, scope().name) == ("service.name", ORIGIN.scope)
