"""What the SERVER span, routes and other hops say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.telemetry.made import AZURE, CHAT, MISTRAL, MS, Made, by_name, fallback, of, plain, refused, success
from tracegate.errors import NothingTried, Rejected, Skip, Unavailable
from tracegate.facts import Usage, Why
from tracegate.record import Recorder
from tracegate.telemetry import names
from tracegate.telemetry.model import Value
from tracegate.telemetry.spans import spans


def server(recorder: Recorder) -> dict[str, Value]:
    """The attributes of the SERVER span."""
    return plain(spans(recorder)[0])


def route(recorder: Recorder, name: str = "route chat") -> dict[str, Value]:
    """The attributes of a route."""
    return plain(next(view for view in spans(recorder) if view.name == name))


def test_a_server_span_says_who_asked_and_who_answered() -> None:
    """All of a plain success, nothing more."""
    recorder = success(client_request_id="mine")
    assert server(recorder) == {
        names.HTTP_REQUEST_METHOD: "POST",
        names.URL_PATH: "/v1/chat/completions",
        names.URL_SCHEME: "http",
        names.HTTP_ROUTE: "/v1/chat/completions",
        names.HTTP_RESPONSE_STATUS_CODE: 200,
        names.NETWORK_PROTOCOL_VERSION: "1.1",
        names.SERVER_ADDRESS: "127.0.0.1",
        names.SERVER_PORT: 4000,
        names.USER_AGENT_ORIGINAL: "OpenAI/Python 3.54.0",
        names.TRACEGATE_REQUEST_ID: recorder.request_id,
        names.TRACEGATE_REQUEST_ALIAS: "chat",
        names.TRACEGATE_REQUEST_API: "chat_completions",
        names.TRACEGATE_TENANT_ID: "acme",
        names.TRACEGATE_API_KEY_ID: "billing-app",
        names.TRACEGATE_CLIENT_REQUEST_ID: "mine",
        names.TRACEGATE_TRUST_MODE: "parent",
        names.TRACEGATE_AUDIT_RECORD_ID: f"tg-{recorder.request_id}",
        names.TRACEGATE_OUTCOME: "ok",
        names.TRACEGATE_ATTEMPTS_COUNT: 1,
        names.TRACEGATE_TOTAL_COST_MICROS: 4213,
        names.TRACEGATE_TOTAL_INPUT_TOKENS: 812,
        names.TRACEGATE_TOTAL_OUTPUT_TOKENS: 96,
        names.TRACEGATE_SERVED_BY_PROVIDER: "azure.ai.openai",
        names.TRACEGATE_SERVED_BY_MODEL: "gpt-5.5-2026-08-07",
        names.TRACEGATE_SERVED_BY_REGION: "swedencentral",
        names.TRACEGATE_SERVED_BY_TARGET: "gpt-azure",
        names.TRACEGATE_SERVED_BY_ATTEMPT: 0,
        names.TRACEGATE_LATENCY_TTFB_MS: 7.0,
        names.TRACEGATE_LATENCY_GATEWAY_OVERHEAD_MS: 5.0,
    }


def test_what_is_unknown_is_absent() -> None:
    """A refused request of nobody has little to say."""
    nobody: dict[str, Any] = {"host": None, "user_agent": None, "tenant": None, "key": None, "alias": None, "api": None}
    made = Made(method="BREW", authenticated=False, **nobody)
    recorder = made.end(Rejected(401, "invalid_api_key", "no", reason="auth"), 401)
    found = server(recorder)
    assert found == {
        names.HTTP_REQUEST_METHOD: "_OTHER",
        names.HTTP_REQUEST_METHOD_ORIGINAL: "BREW",
        names.URL_PATH: "/v1/chat/completions",
        names.URL_SCHEME: "http",
        names.HTTP_ROUTE: "/v1/chat/completions",
        names.HTTP_RESPONSE_STATUS_CODE: 401,
        names.NETWORK_PROTOCOL_VERSION: "1.1",
        names.TRACEGATE_REQUEST_ID: recorder.request_id,
        names.TRACEGATE_TRUST_MODE: "parent",
        names.TRACEGATE_OUTCOME: "error",
        names.TRACEGATE_OUTCOME_REASON: "auth",
        names.TRACEGATE_ATTEMPTS_COUNT: 0,
        names.TRACEGATE_LATENCY_TTFB_MS: 1.0,
        names.TRACEGATE_LATENCY_GATEWAY_OVERHEAD_MS: 2.0,
    }


def test_an_authenticated_request_to_another_path_leaves_no_record() -> None:
    """`GET /v1/models` infers nothing (ruling 24)."""
    made = Made(method="GET", api=None)
    assert names.TRACEGATE_AUDIT_RECORD_ID not in server(made.end())


@pytest.mark.parametrize("off", [True, False])
def test_no_record_is_promised_that_could_not_be_kept(off: bool) -> None:
    """Neither where the log is off, nor where nothing that was sent names the record."""
    made = Made(audited=False) if off else Made(lost=True)
    error = None if off else Unavailable("no room", reason="audit_unavailable")
    assert names.TRACEGATE_AUDIT_RECORD_ID not in server(made.end(error, 200 if off else 503))


def test_a_record_that_the_head_named_is_told_though_its_end_is_not_durable() -> None:
    """As of a stream that is broken off by the log."""
    ended = Made(stream=True).end(Unavailable("no room", reason="audit_unavailable"), 200)
    assert names.TRACEGATE_AUDIT_RECORD_ID in server(ended)


def test_where_the_record_stands_is_told_once_it_stands_there() -> None:
    """And that there is none, of an answer that went out without."""
    kept, lost = server(Made(record_seq=0).end()), server(Made(degraded=True).end())
    assert kept[names.TRACEGATE_AUDIT_RECORD_SEQ] == 0
    assert names.TRACEGATE_AUDIT_DEGRADED not in kept
    assert lost[names.TRACEGATE_AUDIT_DEGRADED] is True
    assert names.TRACEGATE_AUDIT_RECORD_SEQ not in lost


def test_a_client_that_left_is_told_as_such() -> None:
    """Before the head: no status, no first byte; the outcome is `cancelled`."""
    made = Made()
    found = server(made.end(asyncio.CancelledError("client_disconnect"), None))
    assert found[names.TRACEGATE_OUTCOME] == "cancelled"
    assert found[names.TRACEGATE_OUTCOME_REASON] == "client_disconnect"
    assert found[names.ERROR_TYPE] == "connection_terminated"
    assert names.HTTP_RESPONSE_STATUS_CODE not in found
    assert names.TRACEGATE_LATENCY_TTFB_MS not in found


def test_a_route_says_what_was_decided() -> None:
    """All of a route that fell back, nothing more."""
    made = fallback()
    recorder = made.end()
    assert route(recorder) == {
        names.TRACEGATE_REQUEST_ID: recorder.request_id,
        names.TRACEGATE_REQUEST_ALIAS: "chat",
        names.TRACEGATE_HOP_KIND: "route",
        names.TRACEGATE_HOP_INDEX: 1,
        names.TRACEGATE_ROUTE_NAME: "chat",
        names.TRACEGATE_ROUTE_STRATEGY: "fallback",
        names.TRACEGATE_ROUTE_VERSION: "5c1f09ab",
        names.TRACEGATE_ROUTE_CANDIDATES: ("gpt-azure", "large"),
        names.TRACEGATE_ATTEMPTS_COUNT: 3,
        names.TRACEGATE_FALLBACK_USED: True,
        names.TRACEGATE_FALLBACK_FROM: "gpt-azure",
        names.TRACEGATE_FALLBACK_TO: "large",
        names.TRACEGATE_FALLBACK_REASON: "rate_limit",
        names.TRACEGATE_OUTCOME: "ok",
        names.TRACEGATE_TOTAL_COST_MICROS: 4213,
        names.TRACEGATE_TOTAL_INPUT_TOKENS: 812,
        names.TRACEGATE_TOTAL_OUTPUT_TOKENS: 96,
        names.TRACEGATE_SERVED_BY_PROVIDER: "mistral_ai",
        names.TRACEGATE_SERVED_BY_MODEL: "mistral-large-2411",
        names.TRACEGATE_SERVED_BY_TARGET: "large",
        names.TRACEGATE_SERVED_BY_ATTEMPT: 2,
    }


def test_a_route_of_unknown_make_says_its_name() -> None:
    """Static facts are absent where `build` gave none."""
    made = Made(alias=None)
    record = made.route(about=None, name="bare")
    made.close(record)
    found = route(made.end(), "route bare")
    assert found[names.TRACEGATE_ROUTE_NAME] == "bare"
    assert found[names.TRACEGATE_FALLBACK_USED] is False
    for name in (
        names.TRACEGATE_ROUTE_STRATEGY,
        names.TRACEGATE_ROUTE_CANDIDATES,
        names.TRACEGATE_ROUTE_VERSION,
        names.TRACEGATE_REQUEST_ALIAS,
    ):
        assert name not in found


def test_skipped_candidates_are_named_with_their_reason() -> None:
    """Other notes are no skips."""
    made = Made()
    record = made.route()
    record.notes = (
        ("drawn", {"target": "large"}),
        ("skipped", {"target": "gpt-azure", "reason": "cooldown"}),
        ("skipped", {"target": "large", "reason": "disabled"}),
    )
    made.close(record, NothingTried([Skip("gpt-azure", "cooldown"), Skip("large", "disabled")]))
    found = route(made.end(record.error, 503))
    assert found[names.TRACEGATE_ROUTE_SKIPPED] == ("gpt-azure=cooldown", "large=disabled")
    assert (found[names.ERROR_TYPE], found[names.TRACEGATE_ERROR_CLASS]) == ("overloaded", "overloaded")
    assert found[names.TRACEGATE_ATTEMPTS_COUNT] == 0


def test_notes_without_a_skip_say_nothing_here() -> None:
    """The attribute is absent."""
    made = Made()
    record = made.route()
    record.notes += (("drawn", {"target": "large"}),)
    made.close(record)
    assert names.TRACEGATE_ROUTE_SKIPPED not in route(made.end())


def test_a_failed_route_says_the_cause() -> None:
    """That of the failure it raised, and no answer."""
    made = Made()
    record = made.route()
    attempt = made.attempt(record)
    of(attempt).status = 429
    made.close(attempt, refused())
    made.close(record, of(attempt).error)
    found = route(made.end(record.error, 429))
    assert found[names.TRACEGATE_OUTCOME_REASON] == "rate_limit"
    assert (found[names.ERROR_TYPE], found[names.TRACEGATE_ERROR_CLASS]) == ("429", "rate_limit")
    assert names.TRACEGATE_SERVED_BY_PROVIDER not in found


def test_one_unknown_cost_makes_the_total_unknown() -> None:
    """The attempt that broke may have been billed."""
    made = Made()
    record = made.route()
    broke = made.attempt(record)
    of(broke).status = 500
    made.close(broke, refused(500))
    last = made.attempt(record, MISTRAL, Why("fallback", "server_error"))
    made.answer(last)
    made.close(last)
    made.close(record)
    for found in (server(made.end()), route(made.recorder)):
        assert names.TRACEGATE_TOTAL_COST_MICROS not in found
        assert names.TRACEGATE_TOTAL_INPUT_TOKENS not in found
        assert names.TRACEGATE_TOTAL_OUTPUT_TOKENS not in found


def nested() -> Recorder:
    """A route whose candidates are routes: the first fails, the second answers."""
    made = Made()
    outer = made.route()
    first = made.route(None, outer, "first")
    failed = made.attempt(first, AZURE)
    of(failed).status = 503
    made.close(failed, refused(503))
    made.close(first, of(failed).error)
    second = made.route(None, outer, "second")
    answered = made.attempt(second, MISTRAL, Why("fallback", "server_error"))
    made.answer(answered)
    made.close(answered)
    made.close(second)
    made.close(outer)
    return made.end()


def test_a_fallback_belongs_to_the_route_that_decided_it() -> None:
    """The inner routes had one candidate each: neither fell back."""
    found = {name: plain(view) for name, view in by_name(spans(nested())).items()}
    assert found["route chat"][names.TRACEGATE_FALLBACK_FROM] == "gpt-azure"
    assert found["route first"][names.TRACEGATE_FALLBACK_USED] is False
    assert found["route second"][names.TRACEGATE_FALLBACK_USED] is False


def test_totals_of_a_nested_route_are_its_own() -> None:
    """Each route sums what is below it."""
    found = {name: plain(view) for name, view in by_name(spans(nested())).items()}
    counts = {name: found[name][names.TRACEGATE_ATTEMPTS_COUNT] for name in found if name.startswith("route")}
    assert counts == {"route chat": 2, "route first": 1, "route second": 1}
    assert found["route first"][names.TRACEGATE_TOTAL_COST_MICROS] == 0
    assert names.TRACEGATE_SERVED_BY_PROVIDER not in found["route first"]
    assert found["route second"][names.TRACEGATE_SERVED_BY_ATTEMPT] == 1


def test_a_fallback_without_a_known_predecessor_is_none() -> None:
    """What led there must be an attempt below the same route."""
    made = Made()
    record = made.route()
    one = made.attempt(record)
    made.close(one, asyncio.CancelledError("superseded"))
    other = made.attempt(record, MISTRAL, Why("fallback", "timeout"))
    made.answer(other)
    made.close(other)
    made.close(record)
    assert route(made.end())[names.TRACEGATE_FALLBACK_USED] is False


def test_a_fallback_may_have_no_reason() -> None:
    """A third party's policy need not give one; then none is claimed."""
    made = Made()
    record = made.route()
    one = made.attempt(record)
    made.close(one, refused())
    other = made.attempt(record, MISTRAL, Why("fallback"))
    made.answer(other)
    made.close(other)
    made.close(record)
    assert names.TRACEGATE_FALLBACK_REASON not in route(made.end())


@pytest.mark.parametrize("kind", ["cache", "guard", "chain_step"])
def test_other_hops_say_what_every_hop_says(kind: str) -> None:
    """Kind, number, outcome."""
    made = Made()
    record = made.recorder.open(kind, f"{kind}.look", made.recorder.server)  # type: ignore[arg-type]  # one of three
    made.close(record)
    view = by_name(spans(made.end()))[f"{kind}.look"]
    assert view.kind == "internal"
    assert plain(view) == {
        names.TRACEGATE_REQUEST_ID: made.recorder.request_id,
        names.TRACEGATE_HOP_KIND: kind,
        names.TRACEGATE_HOP_INDEX: 1,
        names.TRACEGATE_OUTCOME: "ok",
    }


def test_hostile_text_is_bounded() -> None:
    """A client's model name is text of any length and validity."""
    made = Made(alias="\ud83d" + "x" * 5000)
    alias = server(made.end())[names.TRACEGATE_REQUEST_ALIAS]
    assert alias == "\ufffd" + "x" * 1023


def test_back_off_and_upstream_are_no_overhead() -> None:
    """Overhead is what is left of the wall time."""
    made = Made()
    record = made.route(CHAT)
    one = made.attempt(record)
    made.close(one, refused())
    made.clock.advance(800 * MS)
    two = made.attempt(record, AZURE, Why("retry", "rate_limit", 800 * MS))
    made.answer(two)
    made.close(two)
    made.close(record)
    assert server(made.end())[names.TRACEGATE_LATENCY_GATEWAY_OVERHEAD_MS] == 6.0


def test_a_total_may_be_known_in_part() -> None:
    """A provider that reports only one of the counts makes only that one known."""
    made = Made()
    record = made.route()
    attempt = made.attempt(record)
    made.answer(attempt).answer.usage = Usage(output=5)
    made.close(attempt)
    made.close(record)
    found = server(made.end())
    assert found[names.TRACEGATE_TOTAL_OUTPUT_TOKENS] == 5
    assert names.TRACEGATE_TOTAL_INPUT_TOKENS not in found
