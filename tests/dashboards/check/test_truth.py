"""What a call was is read from the providers' log alone: outcome, error, tokens, cost, region, how it came about."""

from __future__ import annotations

import json

import pytest

from dashboards.check.scenes import SCRIPTS, Scene
from dashboards.check.truth import Call, Request, request
from tracegate.testing.script_text import describe, read_script
from tracegate.testing.simulator_log import Entry

S = 1_000_000_000


def _entry(name: str, status: int | None, *, stream: bool = False, closed: bool = False, left: bool = False) -> Entry:
    """A call to a model of the load, from second 1 to 2."""
    place, _, model = name.partition("/")
    body = json.dumps({"model": model, "stream": stream}).encode()
    entry = Entry(0, place, model, describe(read_script(SCRIPTS[name]).steps[0]), body=body)
    entry.status, entry.began, entry.closed = status, S, "close" if closed else None
    entry.first_body = S + S // 2 if status is not None else None
    if left or status is None:
        entry.hung_up = 2 * S
    else:
        entry.last_sent = entry.ended = 2 * S
    return entry


def _request(*entries: Entry, scene: Scene | None = None, status: int = 200, took: float = 1.5) -> Request:
    return request("job", scene or Scene("good"), entries, status, took, late=False)


def _call(entry: Entry, scene: Scene | None = None) -> Call:
    (call,) = _request(entry, scene=scene).calls
    return call


def test_a_good_answer_is_priced_by_its_tokens() -> None:
    """A hundred tokens in for 2 a million, twenty out for 8 a million."""
    call = _call(_entry("a/gpt-5", 200))
    assert (call.outcome, call.committed, call.kind, call.error_type) == ("ok", True, "initial", None)
    assert (call.tokens, call.micros, call.unknown) == ((100, 20, 40, 0, 0), 100 * 2 + 20 * 8, None)
    assert (call.provider, call.model) == ("openai", "gpt-5-2026-08-07")
    assert (call.region, call.evidence, call.conflict) == ("eu", "configured", False)


def test_money_is_rounded_half_to_even() -> None:
    """Fifty in for 1 a million, eleven out for a half: 55.5 millionths."""
    assert _call(_entry("b/mistral-small", 200)).micros == 56


@pytest.mark.parametrize(
    ("name", "status", "said", "cost"),
    [
        ("b/mistral-busy", 503, ("503", "overloaded"), (0, None)),
        ("c/llama-limited", 429, ("429", "rate_limit"), (0, None)),
        ("a/gpt-5-sick", 500, ("500", "server_error"), (None, "broken")),
        ("a/gpt-5-slow", None, ("connection_read_timeout", "timeout"), (None, "broken")),
    ],
)
def test_a_failed_call_has_its_class_and_its_cost(
    name: str, status: int | None, said: tuple[str, str], cost: tuple[int | None, str | None]
) -> None:
    """Nothing was generated where the provider refused; anything may have been elsewhere."""
    call = _call(_entry(name, status))
    assert (call.outcome, call.committed) == ("error", False)
    assert (call.error_type, call.error_class) == said
    assert (call.micros, call.unknown) == cost
    assert call.model == "unknown"


def test_a_broken_stream_was_committed() -> None:
    """It served, and failed."""
    call = _call(_entry("b/mistral-cut", 200, stream=True, closed=True))
    assert (call.outcome, call.committed, call.error_type) == ("error", True, "http_response_incomplete")
    assert (call.error_class, call.unknown) == ("broken_answer", "broken")


def test_what_a_client_leaves_is_cancelled() -> None:
    """No error, and no cost that anybody knows."""
    scene = Scene("abandoned", stream=True, leave_after=3)
    asked = _request(_entry("a/gpt-5-long", 200, stream=True, left=True), scene=scene)
    assert asked.outcome == asked.calls[0].outcome == "cancelled"
    assert (asked.calls[0].error_class, asked.calls[0].unknown) == (None, "cancelled")


@pytest.mark.parametrize(("name", "reason"), [("c/llama-unlisted", "no_price"), ("c/llama-unmetered", "no_usage")])
def test_a_good_answer_may_have_no_cost(name: str, reason: str) -> None:
    """Without a price, or without usage."""
    call = _call(_entry(name, 200))
    assert (call.outcome, call.micros, call.unknown) == ("ok", None, reason)


def test_a_region_that_is_asserted_wins_and_conflicts() -> None:
    """In the short form."""
    call = _call(_entry("a/gpt-5-eu", 200))
    assert (call.region, call.evidence, call.conflict) == ("swedencentral", "asserted", True)


def test_what_is_not_said_is_unknown() -> None:
    """A provider without a region, an answer without a model."""
    call = _call(_entry("b/mistral-nameless", 200))
    assert (call.model, call.region, call.evidence) == ("unknown", "unknown", "unknown")


def test_tokens_of_a_cache_are_read_from_the_body_that_was_sent() -> None:
    """The only step that is a body."""
    assert _call(_entry("c/llama-cached", 200)).tokens == (70, 1, 13, 17, 0)


def test_calls_of_a_request_follow_from_one_another() -> None:
    """The same target again is a retry, another one a fallback, led to by the call before."""
    names = (("c/llama-limited", 429), ("c/llama-limited", 429), ("b/mistral-busy", 503), ("b/mistral-small", 200))
    asked = _request(*(_entry(name, status) for name, status in names), scene=Scene("chain"))
    assert [call.kind for call in asked.calls] == ["initial", "retry", "fallback", "fallback"]
    assert [call.led and call.led.error_class for call in asked.calls] == [None, None, "rate_limit", "overloaded"]
    assert (asked.outcome, asked.fell_back, asked.spans) == ("ok", True, 6)


def test_a_request_that_no_provider_saw_has_no_route() -> None:
    """It named nothing that exists."""
    asked = _request(scene=Scene("of no such name"), status=404)
    assert (asked.route, asked.outcome, asked.calls, asked.spans) == ("none", "error", (), 1)


def test_durations_lie_between_the_providers_time_and_the_clients() -> None:
    """Of the whole, of the first event of a stream, and of what the gateway added."""
    asked = _request(_entry("a/gpt-5-mini", 200, stream=True), took=1.5)
    (call,) = asked.calls
    assert call.duration.least == pytest.approx(0.98)
    assert call.duration.most == 1.5
    assert call.first is not None
    assert call.first.least == pytest.approx(0.48)
    assert call.first.most == 1.5
    assert asked.overhead.least == 0
    assert asked.overhead.most == pytest.approx(0.52)
    assert _call(_entry("a/gpt-5-mini", 200)).first is None
