"""A trace as text is whole, deterministic, and the same from records and from spans."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from types import MappingProxyType

from tracegate.errors import Broken, Refused
from tracegate.facts import Target, Why
from tracegate.inbound import Inbound
from tracegate.record import Record, Recorder
from tracegate.telemetry.model import SpanKind, SpanView, StatusCode, Value
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.tree import record_tree, span_tree

TRACE = b"t" * 16


def span(
    name: str,
    number: int,
    parent: int = 0,
    *,
    kind: SpanKind = "internal",
    status: StatusCode = "unset",
    start: int | None = None,
    trace: bytes = TRACE,
    more: Mapping[str, Value] = MappingProxyType({}),
    **attributes: Value,
) -> SpanView:
    """A span whose id is a number; `__` in an attribute's name stands for a dot."""
    said: Mapping[str, Value] = {key.replace("__", "."): value for key, value in {**attributes, **more}.items()}
    begin = number if start is None else start
    above = parent.to_bytes(8, "big") if parent else b""
    return SpanView(name, kind, trace, number.to_bytes(8, "big"), above, begin, begin + 5, said, status)


def attempt(model: str, number: int, parent: int, index: int, kind: str, outcome: str, **said: Value) -> SpanView:
    """The span of an attempt."""
    said |= {"tracegate__hop__kind": "attempt", "tracegate__hop__index": number, "tracegate__attempt__index": index}
    said |= {"tracegate__attempt__kind": kind, "tracegate__outcome": outcome}
    return span(f"chat {model}", number, parent, kind="client", status="error", more=said)


SPANS = [
    span(
        "POST /v1/chat/completions",
        1,
        kind="server",
        tracegate__outcome="ok",
        http__response__status_code=200,
        tracegate__request__alias="default",
    ),
    span("route default", 2, 1, tracegate__hop__kind="route", tracegate__outcome="ok"),
    attempt("gpt-x", 3, 2, 0, "initial", "error", error__type="429"),
    attempt(
        "claude-y", 4, 2, 1, "fallback", "ok", tracegate__target__id="b", gen_ai__response__finish_reasons=["stop"]
    ),
]


def test_a_trace_is_asserted_whole() -> None:
    """Children stand under their parent in order of start, names of siblings in one width."""
    assert (
        span_tree(SPANS)
        == """
POST /v1/chat/completions ok 200
  route default
    chat gpt-x    attempt=0 initial error 429
    chat claude-y attempt=1 fallback ok
"""
    )


def test_the_order_of_the_input_does_not_matter() -> None:
    """Whatever comes first over the wire, the text is the same."""
    shuffled = list(SPANS)
    random.Random(1).shuffle(shuffled)
    assert shuffled != SPANS
    assert span_tree(shuffled) == span_tree(SPANS)


def test_chosen_attributes_are_printed_where_present() -> None:
    """By the last part of their name; lists with commas, truth in lower case."""
    spans = [*SPANS[1:3], attempt("claude-y", 4, 2, 1, "fallback", "ok", a__flag=True, a__list=["x", "y"], a__n=1.5)]
    assert (
        span_tree(spans, show=["a.flag", "a.list", "a.n", "nobody.has"])
        == """
route default
  chat gpt-x    attempt=0 initial error 429
  chat claude-y attempt=1 fallback ok flag=true list=x,y n=1.5
"""
    )
    assert "no=false" in span_tree([span("plain", 1, a__no=False)], show=["a.no"])


def test_failures_and_cancels_say_why() -> None:
    """Each kind of hop in its own words; a span that is none of ours says only its error."""
    spans = [
        span("POST /x", 1, kind="server", tracegate__outcome="error", http__response__status_code=502),
        span(
            "route a", 2, 1, tracegate__hop__kind="route", tracegate__outcome="error", tracegate__outcome_reason="auth"
        ),
        attempt("m", 3, 2, 0, "initial", "cancelled", tracegate__outcome_reason="superseded"),
        span("POST", 4, 3, kind="client", status="error", error__type="500"),
        span("GET", 5, 3, kind="client"),
        span(
            "POST /x",
            6,
            kind="server",
            tracegate__outcome="cancelled",
            tracegate__outcome_reason="client_disconnect",
            error__type="connection_terminated",
        ),
    ]
    assert (
        span_tree(spans)
        == """
POST /x error 502
  route a error auth
    chat m attempt=0 initial cancelled superseded
      POST error 500
      GET
POST /x cancelled client_disconnect
"""
    )


def test_spans_that_start_together_are_ordered_by_hop_then_name() -> None:
    """Random ids never decide."""
    spans = [
        span("b", 9, start=1, tracegate__hop__index=1),
        span("c", 8, start=1),
        span("a", 7, start=1, tracegate__hop__index=1),
    ]
    assert span_tree(spans) == "\nc\na\nb\n"


def test_traces_do_not_mix() -> None:
    """A parent is looked for in the same trace only."""
    spans = [span("a", 1), span("b", 2, 1, trace=b"u" * 16)]
    assert span_tree(spans) == "\na\nb\n"


def test_no_span_is_an_empty_text() -> None:
    """Nothing between the line breaks."""
    assert span_tree([]) == "\n"


def recorded() -> tuple[Recorder, list[Record]]:
    """A request in progress: a route with an attempt that failed, one that is open, and a note."""
    clock = FakeClock()
    recorder = Recorder(Inbound(), clock, SeededIds())
    route = recorder.open("route", "default", recorder.server)
    route.notes = (("skipped", {"target": "c", "reason": "cooldown"}),)
    first = recorder.open("attempt", "chat gpt-x", route, target=Target("a", "p", "openai", "gpt-x"))
    clock.advance(10)
    recorder.close(first, Refused("rate_limit", None, "slow down", status=429))
    why = Why("fallback", "rate_limit")
    second = recorder.open("attempt", "chat claude-y", route, target=Target("b", "q", "anthropic", "claude-y"), why=why)
    return recorder, [route, second]


def test_records_of_a_running_request_are_shown_as_open() -> None:
    """Notes of policies are printed on demand."""
    recorder, _ = recorded()
    assert (
        record_tree(recorder, notes=True)
        == """
POST /v1/chat/completions open
  route default open skipped(target=c reason=cooldown)
    chat gpt-x    attempt=0 initial error 429
    chat claude-y attempt=1 fallback open
"""
    )


def test_records_and_spans_give_the_same_text() -> None:
    """The tree from closed records is the tree of their spans."""
    recorder, (route, second) = recorded()
    recorder.close(second, None)
    recorder.close(route, None)
    recorder.inbound.status = 200
    recorder.close(recorder.server, None)
    assert record_tree(recorder) == span_tree(SPANS)


def test_records_of_failures_say_why() -> None:
    """An attempt says its token, a cancelled hop its reason."""
    recorder, (route, second) = recorded()
    recorder.close(second, Broken("http_response_incomplete", "cut", status=200))
    cache = recorder.open("cache", "cache.lookup", route)
    gone = asyncio.CancelledError("client_disconnect")
    for record in (cache, route, recorder.server):
        recorder.close(record, gone)
    assert (
        record_tree(recorder)
        == """
POST /v1/chat/completions cancelled client_disconnect
  route default cancelled client_disconnect
    chat gpt-x    attempt=0 initial error 429
    chat claude-y attempt=1 fallback error http_response_incomplete
    cache.lookup  cancelled client_disconnect
"""
    )
