"""Fallback: candidates one after the other, until one commits."""

from __future__ import annotations

import asyncio

import pytest

from tests.stage import (
    MS,
    Leaf,
    S,
    ask,
    cut,
    overloaded,
    rate_limited,
    refused,
    timed_out,
    unreachable,
)
from tracegate.errors import Denied, Failed, NothingTried, Refused, TimedOut
from tracegate.events import Chunk, Final
from tracegate.facts import Route
from tracegate.hop import Hop
from tracegate.policies.cooldown import Cooldowns
from tracegate.policies.fallback import Fallback, FallbackPolicy
from tracegate.policies.policy import Candidate
from tracegate.policies.retry import Retry
from tracegate.policies.settings import FALLBACK_WHEN
from tracegate.policies.settings import Retry as RetrySettings
from tracegate.recorded import RecordedRoute
from tracegate.testing.tree import record_tree


def over(*leaves: Leaf | Candidate, when: frozenset[str] = FALLBACK_WHEN, name: str = "r") -> Hop:
    """A recorded route: fallback over leaves, each with no retry."""
    cooldowns = Cooldowns()
    candidates = [
        leaf
        if isinstance(leaf, Candidate)
        else Candidate(leaf.id, Retry(leaf.recorded(), leaf.target, RetrySettings(times=0), cooldowns))
        for leaf in leaves
    ]
    about = Route(name, "fallback", tuple(c.name for c in candidates))
    return RecordedRoute(Fallback(candidates, when), about)  # type: ignore[arg-type]  # a test may name odd classes


def test_the_first_candidate_that_commits_answers() -> None:
    """Nobody else is asked."""
    a, b = Leaf("a", ["ok"]), Leaf("b", ["ok"])
    asked = ask(over(a, b))
    assert (a.called, b.called) == (1, 0)
    assert (
        record_tree(asked.recorder)
        == """
POST /v1/chat/completions ok
  route r
    chat model-a attempt=0 initial ok
"""
    )


@pytest.mark.parametrize(
    "failure", [rate_limited(), overloaded(), unreachable(), timed_out(), cut(), refused("auth", 401)]
)
def test_every_failure_but_a_content_filter_goes_to_the_next_candidate(failure: Failed) -> None:
    """The next one is a fallback, because of that class, and the route is ok."""
    asked = ask(over(Leaf("a", [failure]), Leaf("b", ["ok"])))
    assert asked.kinds == [("a", "initial", None), ("b", "fallback", failure.class_)]
    assert asked.recorder.records[1].outcome == "ok"
    assert [type(e) for e in asked.events] == [Chunk, Final]


def test_a_content_filter_is_the_answer() -> None:
    """Nobody else is asked to say what one provider refused."""
    a, b = Leaf("a", [refused("content_filter", 400)]), Leaf("b", ["ok"])
    asked = ask(over(a, b))
    assert b.called == 0
    assert isinstance(asked.error, Refused)


def test_a_route_may_say_after_which_failures_it_goes_on() -> None:
    """With none, it never does."""
    b = Leaf("b", ["ok"])
    asked = ask(over(Leaf("a", [overloaded()]), b, when=frozenset()))
    assert b.called == 0
    assert asked.recorder.records[1].reason == "overloaded"


def test_losing_every_target_raises_the_last_failure() -> None:
    """The recorder keeps the others."""
    asked = ask(over(Leaf("a", [overloaded()]), Leaf("b", [rate_limited()])))
    assert isinstance(asked.error, Refused)
    assert (asked.error.class_, asked.error.attempt) == ("rate_limit", 1)
    assert (
        record_tree(asked.recorder)
        == """
POST /v1/chat/completions error
  route r error rate_limit
    chat model-a attempt=0 initial error 503
    chat model-b attempt=1 fallback error 429
"""
    )


def test_a_nested_route_is_a_candidate_like_any_other() -> None:
    """Its attempts are initial or fallback as seen from the request."""
    inner = over(Leaf("a", [overloaded()]), Leaf("b", [overloaded()]), name="inner")
    asked = ask(over(Candidate("inner", inner), Leaf("c", ["ok"])))
    assert (
        record_tree(asked.recorder)
        == """
POST /v1/chat/completions ok
  route r
    route inner  error overloaded
      chat model-a attempt=0 initial error 503
      chat model-b attempt=1 fallback error 503
    chat model-c attempt=2 fallback ok
"""
    )


def test_a_committed_stream_that_dies_is_not_replaced() -> None:
    """The answer belongs to its attempt from the commit on."""
    b = Leaf("b", ["ok"])
    asked = ask(over(Leaf("a", [[Chunk(b"x"), cut()]]), b), stream=True)
    assert b.called == 0
    assert (
        record_tree(asked.recorder)
        == """
POST /v1/chat/completions error
  route r error broken_answer
    chat model-a attempt=0 initial error http_response_incomplete
"""
    )


@pytest.mark.parametrize("after", [5 * MS, 15 * MS])
def test_a_client_that_leaves_ends_everything_as_cancelled(after: int) -> None:
    """Before the first event and during the stream; nobody else is asked."""
    a, b = Leaf("a", [[Chunk(b"x"), Chunk(b"y"), Final()]]), Leaf("b", ["ok"])
    asked = ask(over(a, b), stream=True, leave=(after, "client_disconnect"))
    assert isinstance(asked.error, asyncio.CancelledError)
    assert b.called == 0
    assert a.aborted == (after > 10 * MS)
    assert (
        record_tree(asked.recorder)
        == """
POST /v1/chat/completions cancelled client_disconnect
  route r cancelled client_disconnect
    chat model-a attempt=0 initial cancelled client_disconnect
"""
    )


def test_what_is_skipped_is_not_a_failure() -> None:
    """The candidate after it is still the initial one, and the route notes why."""
    asked = ask(over(Leaf("a", ["ok"], disabled=True), Leaf("b", ["ok"])))
    assert asked.kinds == [("b", "initial", None)]
    assert asked.recorder.records[1].notes == (("skipped", {"target": "a", "reason": "disabled"}),)


def test_when_all_are_skipped_nothing_was_tried() -> None:
    """Their reasons are told together."""
    asked = ask(over(Leaf("a", ["ok"], disabled=True), Leaf("b", ["ok"], disabled=True)))
    assert isinstance(asked.error, NothingTried)
    assert [(s.target, s.reason) for s in asked.error.skips] == [("a", "disabled"), ("b", "disabled")]


def test_a_skip_after_a_failure_does_not_hide_the_failure() -> None:
    """The last failure is what is raised."""
    asked = ask(over(Leaf("a", [overloaded()]), Leaf("b", ["ok"], disabled=True)))
    assert isinstance(asked.error, Refused)


def test_after_a_context_length_only_a_larger_or_unknown_window_is_asked() -> None:
    """Known windows that are not larger are skipped (ruling 38)."""
    too_long = refused("context_length", 400)
    leaves = [
        Leaf("small", [too_long], context=1000),
        Leaf("same", ["ok"], context=1000),
        Leaf("unknown", [too_long]),
        Leaf("large", ["ok"], context=2000),
    ]
    asked = ask(over(*leaves))
    assert [kind[0] for kind in asked.kinds] == ["small", "unknown", "large"]
    assert asked.recorder.records[1].notes == (("skipped", {"target": "same", "reason": "capability"}),)


def test_after_any_other_failure_windows_do_not_matter() -> None:
    """Only what was too long is too long for others."""
    asked = ask(over(Leaf("a", [rate_limited()], context=1000), Leaf("b", ["ok"], context=1000)))
    assert [kind[0] for kind in asked.kinds] == ["a", "b"]


def test_the_ceiling_of_attempts_ends_the_request_with_the_last_failure() -> None:
    """No candidate beyond it is called."""
    c = Leaf("c", ["ok"])
    asked = ask(over(Leaf("a", [overloaded()]), Leaf("b", [overloaded()]), c), ceiling=2)
    assert c.called == 0
    assert isinstance(asked.error, Refused)


def test_nobody_is_asked_after_the_deadline() -> None:
    """The last failure is raised when the deadline has passed."""
    b = Leaf("b", ["ok"])
    asked = ask(over(Leaf("a", [overloaded()], takes=2 * S), b), deadline=1 * S)
    assert b.called == 0
    assert isinstance(asked.error, Refused)


def test_a_nested_deadline_that_passes_leaves_time_for_the_next_candidate() -> None:
    """It bounds its own route only."""

    class Slow(Leaf):
        pass

    inner = RecordedRoute(
        Fallback(
            [
                Candidate("a", Leaf("a", [overloaded()], takes=2 * S).recorded()),
                Candidate("b", Leaf("b", ["ok"]).recorded()),
            ],
            FALLBACK_WHEN,
        ),
        Route("inner", "fallback", ("a", "b")),
        deadline_ns=1 * S,
    )
    asked = ask(over(Candidate("inner", inner), Leaf("c", ["ok"])))
    assert [kind[0] for kind in asked.kinds] == ["a", "c"]
    assert asked.error is None


def test_what_is_no_failure_of_an_attempt_passes_through() -> None:
    """A policy's refusal, or a fault of ours, is not something another provider can mend."""
    b = Leaf("b", ["ok"])
    asked = ask(over(Leaf("a", [Denied("no")]), b))
    assert b.called == 0
    assert isinstance(asked.error, Denied)


def test_the_policy_is_built_from_its_settings() -> None:
    """As the configuration does it."""
    policy = FallbackPolicy()
    a, b = Leaf("a", [timed_out()]), Leaf("b", ["ok"])
    children = [Candidate("a", a.recorded()), Candidate("b", b.recorded())]
    hop = policy.build(policy.Settings(when=frozenset({"overloaded"})), children)
    asked = ask(RecordedRoute(hop, Route("r", "fallback", ("a", "b"))))
    assert isinstance(asked.error, TimedOut)
    assert b.called == 0
