"""What Jaeger gives back is read whole, and needs nothing that it may leave out."""

from __future__ import annotations

from tracegate.telemetry.model import Link
from tracegate.testing.otlp.jaeger import spans_of
from tracegate.testing.otlp.signals import Origin, Span, SpanEvent

BARE = {"name": "a", "kind": 1, "traceId": "01", "spanId": "02", "startTimeUnixNano": "3", "endTimeUnixNano": "4"}


def test_a_span_needs_nothing_that_may_be_absent() -> None:
    """A root without attributes and status, of a resource that says nothing."""
    assert spans_of([{"scopeSpans": [{"spans": [BARE]}]}]) == [
        Span("a", "internal", b"\x01", b"\x02", b"", 3, 4, {}, "unset")
    ]


def test_everything_that_is_kept_is_read() -> None:
    """Integers are text there, and our lists are the text of their JSON; text that only looks like it stays text."""
    span = {
        **BARE,
        "kind": 3,
        "parentSpanId": "05",
        "attributes": [
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "9007199254740993"}},
            {"key": "gen_ai.request.temperature", "value": {"doubleValue": 2}},
            {"key": "gen_ai.request.stream", "value": {"boolValue": False}},
            {"key": "gen_ai.response.finish_reasons", "value": {"stringValue": '["<stop>"]'}},
            {"key": "mine", "value": {"stringValue": "[1]"}},
        ],
        "status": {"code": 2, "message": "broken"},
        "links": [{"traceId": "06", "spanId": "07"}],
        "events": [
            {
                "name": "exception",
                "timeUnixNano": "8",
                "attributes": [{"key": "exception.type", "value": {"stringValue": "timeout"}}],
            }
        ],
        "traceState": "a=b",
    }
    service = {"attributes": [{"key": "service.name", "value": {"stringValue": "tracegate"}}]}
    scope = {"scope": {"name": "tests", "version": "1"}, "spans": [span]}
    attributes = {
        "gen_ai.usage.input_tokens": 2**53 + 1,
        "gen_ai.request.temperature": 2.0,
        "gen_ai.request.stream": False,
        "gen_ai.response.finish_reasons": ("<stop>",),
        "mine": "[1]",
    }
    (read,) = spans_of([{"resource": service, "scopeSpans": [scope]}])
    assert isinstance(read.attributes["gen_ai.request.temperature"], float)
    assert read == Span(
        "a",
        "client",
        b"\x01",
        b"\x02",
        b"\x05",
        3,
        4,
        attributes,
        "error",
        "broken",
        (Link(b"\x06", b"\x07"),),
        (SpanEvent("exception", 8, {"exception.type": "timeout"}),),
        "a=b",
        origin=Origin({"service.name": "tracegate"}, "tests", "1"),
    )


def test_spans_are_in_the_order_of_their_starts() -> None:
    """Of all resources and scopes together."""
    later, first = {**BARE, "spanId": "09"}, {**BARE, "startTimeUnixNano": "2", "spanId": "0a"}
    read = spans_of([{"scopeSpans": [{"spans": [later, BARE]}]}, {"scopeSpans": [{"spans": [first]}]}])
    assert [span.span for span in read] == [b"\x0a", b"\x02", b"\x09"]
