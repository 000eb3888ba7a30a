"""The spans of a request: its tree, times, statuses, and how an inbound trace context is treated."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.telemetry.made import AZURE, MISTRAL, MS, Made, by_name, fallback, of, refused, success
from tracegate.errors import Broken, NothingTried, Refused, Rejected, Skip
from tracegate.facts import Why
from tracegate.inbound import Remote
from tracegate.record import Recorder
from tracegate.telemetry import names, registry
from tracegate.telemetry.model import Link, SpanView
from tracegate.telemetry.spans import span, spans
from tracegate.testing.clock import EPOCH, START

REMOTE = Remote(b"T" * 16, b"P" * 8, 0, "vendor=x")


def tree(views: list[SpanView]) -> str:
    """Spans as text: kind, status and error, indented by parent."""
    depth = {views[0].parent: -1}
    lines = []
    for view in views:
        depth[view.span] = depth[view.parent] + 1
        error = view.attributes.get(names.ERROR_TYPE)
        lines.append(f"{'  ' * depth[view.span]}{view.name} {view.kind} {view.status}{f' {error}' if error else ''}")
    return "\n".join(lines)


def test_a_plain_success_is_three_spans() -> None:
    """SERVER, route, attempt; nothing else has a span."""
    assert tree(spans(success())) == (
        "POST /v1/chat/completions server unset\n  route chat internal unset\n    chat gpt-5.5 client unset"
    )


def test_failures_that_were_handled_stay_on_the_attempts() -> None:
    """A fallback that succeeded leaves the route and the SERVER span unset."""
    assert tree(spans(fallback().end())) == (
        "POST /v1/chat/completions server unset\n"
        "  route chat internal unset\n"
        "    chat gpt-5.5 client error 429\n"
        "    chat gpt-5.5 client error 429\n"
        "    chat mistral-large-latest client unset"
    )


def test_a_route_without_an_answer_is_an_error() -> None:
    """So is the SERVER span, by its status."""
    made = Made()
    route = made.route()
    attempt = made.attempt(route)
    of(attempt).status = 500
    made.close(attempt, refused(500, "boom"))
    made.close(route, of(attempt).error)
    views = spans(made.end(route.error, 502))
    assert tree(views) == (
        "POST /v1/chat/completions server error 502\n  route chat internal error 500\n    chat gpt-5.5 client error 500"
    )
    assert [view.description for view in views] == ["boom"] * 3


def test_a_4xx_is_no_error_of_the_server_span() -> None:
    """HTTP conventions: the client's fault; the text stays away with the status."""
    views = spans(Made().end(Rejected(404, "model_not_found", "no such model"), 404))
    assert tree(views) == "POST /v1/chat/completions server unset"
    assert views[0].description == ""


def test_a_stream_that_breaks_in_band_is_an_error_everywhere() -> None:
    """The status on the wire stays 200."""
    made = Made(b'{"model":"chat","stream":true}')
    route = made.route()
    attempt = made.attempt(route)
    made.answer(attempt)
    broken = Broken("http_response_incomplete", "cut", status=200)
    made.close(attempt, broken)
    made.close(route, broken)
    views = spans(made.end(broken))
    assert [view.status for view in views] == ["error"] * 3
    assert {view.attributes[names.ERROR_TYPE] for view in views} == {"http_response_incomplete"}
    assert {view.attributes[names.HTTP_RESPONSE_STATUS_CODE] for view in (views[0], views[2])} == {200}


def test_a_client_that_leaves_is_an_error_on_the_server_span_only() -> None:
    """On attempts and routes it is the outcome `cancelled`."""
    made = Made()
    route = made.route()
    attempt = made.attempt(route)
    gone = asyncio.CancelledError("client_disconnect")
    made.close(attempt, gone)
    made.close(route, gone)
    views = spans(made.end(gone, None))
    assert tree(views) == (
        "POST /v1/chat/completions server error connection_terminated\n"
        "  route chat internal unset\n"
        "    chat gpt-5.5 client unset"
    )
    assert {view.attributes[names.TRACEGATE_OUTCOME] for view in views} == {"cancelled"}


def test_a_client_that_leaves_during_the_final_leaves_route_and_attempt_ok() -> None:
    """SERVER alone is cancelled (ruling 10)."""
    made = Made()
    route = made.route()
    attempt = made.attempt(route)
    made.answer(attempt)
    made.close(attempt)
    made.close(route)
    views = spans(made.end(asyncio.CancelledError("client_disconnect")))
    assert [(view.status, view.attributes[names.TRACEGATE_OUTCOME]) for view in views] == [
        ("error", "cancelled"),
        ("unset", "ok"),
        ("unset", "ok"),
    ]


def test_when_nothing_could_be_tried_the_route_says_so() -> None:
    """There is no attempt to blame."""
    made = Made()
    route = made.route()
    made.close(route, NothingTried([Skip("gpt-azure", "cooldown")]))
    views = spans(made.end(route.error, 503))
    assert tree(views) == ("POST /v1/chat/completions server error 503\n  route chat internal error overloaded")
    assert views[1].description == "no candidate could be tried: gpt-azure (cooldown)"


def test_times_are_utc_and_an_attempts_are_its_leafs() -> None:
    """One reading of the wall clock; all else by offset."""
    made = Made()
    route = made.route()
    record = made.attempt(route)
    attempt = made.answer(record)
    attempt.start += MS // 2
    attempt.end = made.clock.now()
    made.clock.advance(50 * MS)
    made.close(record)
    made.close(route)
    views = by_name(spans(made.end()))
    view = views["chat gpt-5.5"]
    assert (view.start, view.end) == (EPOCH + attempt.start - START, EPOCH + attempt.end - START)
    assert views["POST /v1/chat/completions"].start == EPOCH


def test_the_tree_is_by_record_and_ids_are_the_recorders() -> None:
    """One trace; every parent is in it."""
    made = fallback()
    recorder = made.end()
    views = spans(recorder)
    assert {view.trace for view in views} == {recorder.trace}
    assert [view.span for view in views] == [record.span for record in recorder.records]
    assert [view.parent for view in views[1:]] == [
        record.parent.span for record in recorder.records if record.parent is not None
    ]
    assert views[0].parent == b""


@pytest.mark.parametrize(
    ("trust", "parent", "links", "tracestate"),
    [
        ("parent", b"P" * 8, (), "vendor=x"),
        ("link", b"", (Link(b"T" * 16, b"P" * 8, 0),), ""),
        ("ignore", b"", (), ""),
    ],
)
def test_an_inbound_context_is_joined_linked_or_ignored(
    trust: str, parent: bytes, links: tuple[Link, ...], tracestate: str
) -> None:
    """Parent mode keeps `tracestate` in the SERVER span alone; a link drops it; not sampled does not matter."""
    made = Made(trust=trust, remote=REMOTE, trace=REMOTE.trace if trust == "parent" else None)
    made.close(made.route())
    server, route = spans(made.end())
    assert (server.parent, server.parent_remote) == (parent, trust == "parent")
    assert (server.links, server.tracestate) == (links, tracestate)
    assert (server.trace == REMOTE.trace) is (trust == "parent")
    assert (route.trace, route.parent, route.parent_remote) == (server.trace, server.span, False)
    assert (route.links, route.tracestate) == ((), "")
    assert server.attributes[names.TRACEGATE_TRUST_MODE] == trust


@pytest.mark.parametrize("trust", ["parent", "link", "ignore"])
def test_without_an_inbound_context_every_mode_makes_a_root(trust: str) -> None:
    """There is nothing to join or link."""
    server = spans(Made(trust=trust).end())[0]
    assert (server.parent, server.links, server.parent_remote) == (b"", (), False)


def test_a_method_that_nobody_knows_is_named_http() -> None:
    """A span's name is not made of a caller's text."""
    assert spans(Made(method="BREW").end())[0].name == "HTTP /v1/chat/completions"


def test_what_is_still_open_has_no_span_yet() -> None:
    """It comes later, by itself; handed over as open, it does not come twice."""
    made = Made()
    route = made.route()
    attempt = made.attempt(route)
    made.answer(attempt)
    made.close(attempt)
    made.close(route)
    shadow = made.attempt(route, MISTRAL, Why("shadow"))
    recorder = made.end()
    assert len(spans(recorder)) == 3
    open_then = [record for record in recorder.records if record.outcome is None]
    made.answer(shadow, model="mistral-large-2411")
    made.close(shadow)
    assert len(spans(recorder, open_then)) == 3
    late = span(recorder, shadow)
    assert (late.name, late.parent, late.kind) == ("chat mistral-large-latest", route.span, "client")
    assert late == spans(recorder)[3]


def test_a_late_route_knows_its_sums() -> None:
    """Also when it comes alone."""
    made = fallback()
    recorder = made.end()
    assert span(recorder, recorder.records[1]) == spans(recorder)[1]


def test_a_record_without_an_end_ends_where_it_began() -> None:
    """Nothing is made up of a record that was closed by hand."""
    made = Made()
    made.route().outcome = "ok"
    view = spans(made.end())[1]
    assert view.start == view.end


def all_cases() -> list[Recorder]:
    """A request of every shape in these tests."""
    denied = Made(api=None, method="GET")
    refusal = Made()
    record = refusal.attempt(refusal.route(), AZURE)
    refusal.close(record, Refused("auth", None, "no", status=401))
    refusal.close(refusal.recorder.records[1], record.error)
    return [
        success(),
        success(b'{"model":"chat","stream":true,"temperature":1}'),
        fallback().end(),
        denied.end(Rejected(404, "x", "y"), 404),
        refusal.end(record.error, 502),
        Made(trust="link", remote=REMOTE).end(asyncio.CancelledError("client_disconnect"), None),
    ]


@pytest.mark.parametrize("recorder", all_cases())
def test_every_span_keeps_the_registry(recorder: Recorder) -> None:
    """All that is required, nothing else, types and values as registered, each key once."""
    known = registry.load()
    types: dict[str, Any] = {"string": str, "int": int, "double": float, "boolean": bool, "string[]": tuple}
    for view in spans(recorder):
        kind = {"server": "server", "client": "attempt", "internal": "route"}[view.kind]
        expected = known.spans[f"tracegate.{kind}"]
        assert view.kind == expected.kind
        assert expected.required <= set(view.attributes) <= expected.allowed
        assert len(list(view.attributes)) == len(set(view.attributes))
        for name, value in view.attributes.items():
            assert type(value) is types[known.attributes[name]], name
            assert value in known.members.get(name, (value,))
