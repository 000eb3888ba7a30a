"""Retry: one target again, after a wait, where that can help."""

from __future__ import annotations

import asyncio

import pytest

from tests.stage import (
    MS,
    Asked,
    Leaf,
    S,
    ask,
    asked_once,
    cut,
    overloaded,
    rate_limited,
    refused,
    timed_out,
    unreachable,
)
from tracegate.errors import Failed, NothingTried, Refused
from tracegate.facts import Route
from tracegate.hop import Hop
from tracegate.policies.cooldown import Cooldowns
from tracegate.policies.retry import Retry
from tracegate.policies.settings import Retry as Settings
from tracegate.recorded import RecordedRoute
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run
from tracegate.testing.tree import record_tree


def route(leaf: Leaf, settings: Settings | None = None, cooldowns: Cooldowns | None = None) -> Hop:
    """A recorded route of one target."""
    retry = Retry(leaf.recorded(), leaf.target, settings or Settings(), cooldowns or Cooldowns())
    return RecordedRoute(retry, Route("r", "target", (leaf.id,)))


@pytest.mark.parametrize("failure", [rate_limited(), overloaded(), refused("server_error", 500), unreachable(), cut()])
def test_what_may_pass_is_tried_again_at_the_same_target(failure: Failed) -> None:
    """Each try is an attempt of its own, with the wait before it outside."""
    asked = ask(route(Leaf("a", [failure, "ok"])))
    assert asked.kinds == [("a", "initial", None), ("a", "retry", failure.class_)]
    first, second = asked.recorder.attempts
    assert first.end is not None
    assert second.why.backoff_ns == second.start - first.end
    assert (first.resend, second.resend) == (0, 1)


@pytest.mark.parametrize(
    "failure",
    [
        timed_out(),
        refused("auth", 401),
        refused("quota", 429),
        refused("not_found", 404),
        refused("context_length", 400),
        refused("content_filter", 400),
        refused("invalid_request", 400),
        refused("too_large", 413),
    ],
)
def test_what_would_be_refused_again_or_was_silent_is_left(failure: Failed) -> None:
    """One attempt, and the failure is raised."""
    leaf = Leaf("a", [failure])
    asked = ask(route(leaf))
    assert leaf.called == 1
    assert asked.error is failure


def test_the_last_failure_is_raised_when_tries_are_used_up() -> None:
    """Two retries are three attempts."""
    asked = ask(route(Leaf("a", [overloaded()])))
    assert isinstance(asked.error, Refused)
    assert (
        record_tree(asked.recorder)
        == """
POST /v1/chat/completions error
  route r error overloaded
    chat model-a attempt=0 initial error 503
    chat model-a attempt=1 retry error 503
    chat model-a attempt=2 retry error 503
"""
    )


def test_the_back_off_is_jittered_between_nothing_and_its_growing_bound() -> None:
    """Full jitter: min(cap, base * 2^n), drawn anew."""
    settings = Settings(times=4, base_ns=100 * MS, cap_ns=300 * MS)
    waits = [
        [a.why.backoff_ns for a in ask(route(Leaf("a", [overloaded()]), settings), seed=seed).recorder.attempts[1:]]
        for seed in range(1, 40)
    ]
    for n, bound in enumerate([100 * MS, 200 * MS, 300 * MS, 300 * MS]):
        drawn = [wait[n] or 0 for wait in waits]
        assert all(0 <= wait < bound for wait in drawn)
        assert max(drawn) > 0.8 * bound
        assert min(drawn) < 0.2 * bound


def test_retry_after_stands_instead_of_the_back_off() -> None:
    """It is waited for to the nanosecond, never shortened by jitter."""
    asked = ask(route(Leaf("a", [rate_limited(2 * S), "ok"])))
    assert asked.recorder.attempts[1].why.backoff_ns == 2 * S
    assert asked.took == 2 * S + 2 * 10 * MS


def test_a_longer_retry_after_than_the_bound_is_not_waited_for() -> None:
    """The failure is raised at once, so that the next candidate is asked."""
    asked = ask(route(Leaf("a", [rate_limited(6 * S), "ok"])))
    assert isinstance(asked.error, Refused)
    assert asked.took == 10 * MS


def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    """The answer is given at once (ruling 41)."""
    asked = ask(route(Leaf("a", [rate_limited(2 * S), "ok"])), deadline=1 * S)
    assert asked.took == 10 * MS


def test_the_ceiling_of_attempts_holds_for_retries() -> None:
    """Beyond it the last failure is the answer."""
    leaf = Leaf("a", [overloaded()])
    asked = ask(route(leaf, Settings(times=10)), ceiling=3)
    assert leaf.called == 3
    assert isinstance(asked.error, Refused)


def test_a_client_that_leaves_during_the_back_off_ends_it() -> None:
    """No attempt is open then; the route is cancelled."""
    asked = ask(route(Leaf("a", [rate_limited(2 * S), "ok"])), leave=(1 * S, "client_disconnect"))
    assert isinstance(asked.error, asyncio.CancelledError)
    assert (
        record_tree(asked.recorder)
        == """
POST /v1/chat/completions cancelled client_disconnect
  route r cancelled client_disconnect
    chat model-a attempt=0 initial error 429
"""
    )


def test_a_target_that_said_when_to_come_back_is_not_asked_before() -> None:
    """By no other request of this worker; afterwards it is."""
    leaf = Leaf("a", [rate_limited(10 * S), "ok"])
    hop = route(leaf, cooldowns=Cooldowns())
    asked: list[Asked] = []

    async def main() -> None:
        clock = FakeClock()
        for wait in (0, 5 * S, 6 * S):
            await clock.sleep_until(clock.now() + wait)
            asked.append(await asked_once(hop, clock))

    run(main, leave_timers=True)
    first, early, late = asked
    assert isinstance(first.error, Refused)
    assert isinstance(early.error, NothingTried)
    (skip,) = early.error.skips
    assert (skip.target, skip.reason, skip.cause) == ("a", "cooldown", "rate_limit")
    assert skip.until == first.recorder.origin + 10 * MS + 10 * S
    assert early.recorder.records[1].notes == (("skipped", {"target": "a", "reason": "cooldown"}),)
    assert early.recorder.records[1].reason == "rate_limit"
    assert late.error is None


def test_a_longer_silence_asked_of_another_request_ends_the_waiting_one() -> None:
    """A target is not asked before the later of two times."""
    leaf = Leaf("a", [rate_limited(2 * S), rate_limited(4 * S), "ok"])

    async def both() -> None:
        clock = FakeClock()
        hop = route(leaf)
        results.extend(await asyncio.gather(asked_once(hop, clock), asked_once(hop, clock)))

    results: list[Asked] = []
    run(both, leave_timers=True)
    first, second = results
    assert isinstance(first.error, Refused)
    assert second.error is None
