"""What several views say of a request: who served it, totals, times."""

from __future__ import annotations

import asyncio
from typing import Literal, get_args

import pytest

from tests.stage import MS, Leaf, ask, cut, overloaded
from tracegate.errors import Failed
from tracegate.events import Chunk, Final
from tracegate.facts import Attempt, Cost, Outcome, Route, Target, Usage, Why
from tracegate.hop import Hop
from tracegate.inbound import Inbound
from tracegate.policies.buffered import Buffered
from tracegate.policies.fallback import Fallback
from tracegate.policies.policy import Candidate
from tracegate.policies.settings import FALLBACK_WHEN
from tracegate.record import Recorder
from tracegate.recorded import RecordedRoute
from tracegate.summary import (
    Total,
    _alone,
    _together,
    below,
    decisive,
    error_of,
    microseconds,
    served,
    times,
    total,
    union,
)
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds


def attempt(
    index: int = 0,
    *,
    committed: int | None = None,
    error: Failed | None = None,
    lost: bool = False,
    cost: Cost | None = None,
    usage: Usage | None = None,
    outcome: Outcome = "ok",
) -> Attempt:
    """One attempt."""
    made = Attempt(Target("a", "p", "p", "m"), index, Why(), 0, False)
    made.committed, made.error, made.lost, made.cost, made.outcome = committed, error, lost, cost, outcome
    made.answer.usage = usage
    return made


def route(*hops: tuple[str, Hop], name: str = "r") -> RecordedRoute:
    """Fallback over hops."""
    return RecordedRoute(Fallback([Candidate(id, hop) for id, hop in hops], FALLBACK_WHEN), Route(name, "fallback", ()))


def test_the_committed_attempt_served() -> None:
    """Not those that failed before it."""
    first, second = attempt(error=overloaded()), attempt(1, committed=5)
    assert served([first, second]) is second
    assert decisive([first, second]) is second


ONE = [
    attempt(cost=cost, usage=usage, outcome=outcome)
    for cost in (None, Cost(None), Cost(0, "EUR", "inferred"), Cost(0, "EUR", "local"), Cost(7, "EUR", "provider"))
    for usage in (None, Usage(), Usage(3, 4))
    for outcome in get_args(Outcome)
]


@pytest.mark.parametrize("one", ONE)
def test_a_total_over_one_attempt_is_that_over_many(one: Attempt) -> None:
    """The way that is quick for one says the same."""
    assert _alone(one) == _together([one]) == total([one])
    assert total([one, one]) == _together([one, one])


def test_money_of_two_currencies_has_no_sum() -> None:
    """Unless all of it is of one; nothing is nothing in any currency."""
    euros, dollars = attempt(cost=Cost(5, "EUR", "local")), attempt(1, cost=Cost(7, "USD", "local"))
    refused = attempt(2, cost=Cost(0, "USD", "inferred"))
    assert total([euros, dollars, refused, euros]).cost_micros is None
    assert total([refused, euros, refused])[0::3] == (5, "EUR")
    assert total([refused])[0::3] == (0, "USD")


def test_a_stream_that_broke_was_served_by_its_attempt() -> None:
    """What the client got came from it."""
    broken = attempt(committed=5, error=cut())
    assert served([broken]) is broken


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (cut(), 200, "http_response_incomplete"),
        (overloaded(), 503, None),
        (Failed("overloaded", None, "in an answer"), 200, "overloaded"),
        (Failed("overloaded", None, "without one"), None, "overloaded"),
    ],
)
def test_the_error_of_a_failed_attempt(error: Failed, status: int | None, said: str | None) -> None:
    """Its token, else its class, unless a status says it."""
    failed = attempt(error=error, outcome="error")
    failed.status = status
    recorder = Recorder(Inbound(), FakeClock(), SeededIds(1))
    assert error_of(recorder, failed) == said
    assert error_of(recorder, attempt(error=error, outcome="cancelled")) is None


def test_the_error_of_a_fault_of_our_own_is_in_the_record() -> None:
    """And nowhere where an attempt has none."""
    recorder = Recorder(Inbound(), FakeClock(), SeededIds(1))
    record = recorder.open("attempt", "chat", recorder.server, target=Target("a", "p", "p", "m"))
    recorder.close(record, KeyError("x"))
    assert record.attempt is not None
    assert error_of(recorder, record.attempt) == "server_error"
    assert error_of(recorder, attempt(outcome="error")) is None


@pytest.mark.parametrize(("ns", "us"), [(0, 0), (999, 0), (1_000, 1), (1_999, 1), (2_000, 2)])
def test_times_are_told_in_whole_microseconds(ns: int, us: int) -> None:
    """Rounded down."""
    assert microseconds(ns) == us


def test_one_that_lost_never_served() -> None:
    """Another won."""
    winner, loser = attempt(committed=5), attempt(1, committed=6, lost=True)
    assert served([winner, loser]) is winner


def test_nothing_is_decisive_without_attempts() -> None:
    """And the last attempt where none failed or committed."""
    assert decisive([]) is None
    cancelled = attempt(outcome="cancelled")
    assert decisive([cancelled]) is cancelled


def test_a_total_is_known_when_every_part_is() -> None:
    """Attempts that can't have generated count as nothing."""
    nothing = attempt(cost=Cost(0, source="inferred"), error=overloaded(), outcome="error")
    paid = attempt(1, cost=Cost(42, source="local"), usage=Usage(10, 5))
    assert total([nothing, paid]) == Total(42, 10, 5, "USD", "local")


@pytest.mark.parametrize(
    "part",
    [
        attempt(cost=Cost(None, unknown="broken"), outcome="error"),
        attempt(cost=Cost(None, unknown="no_usage")),
        attempt(cost=None),
    ],
)
def test_one_unknown_part_makes_a_total_unknown(part: Attempt) -> None:
    """Never 0."""
    result = total([part, attempt(1, cost=Cost(42, source="local"), usage=Usage(10, 5))])
    assert (result.cost_micros, result.input_tokens, result.basis) == (None, None, None)


def test_a_total_of_no_attempts_is_unknown() -> None:
    """Nothing was bought, and nothing is claimed."""
    assert total([]) == Total(None, None, None, "USD", None)


@pytest.mark.parametrize(
    ("sources", "basis"),
    [(["provider", "provider"], "provider"), (["provider", "local"], "local"), (["local"], "local")],
)
def test_the_basis_is_the_provider_only_if_every_part_is(
    sources: list[Literal["provider", "local"]], basis: str
) -> None:
    """Parts that are 0 do not count (ruling 43)."""
    parts = [attempt(cost=Cost(5, "EUR", source=source), usage=Usage(1, 1)) for source in sources]
    parts.append(attempt(cost=Cost(0, source="inferred")))
    assert total(parts).basis == basis


def test_attempts_below_a_record_are_those_of_its_subtree() -> None:
    """A nested route counts its own."""
    inner = route(("a", Leaf("a", [overloaded()]).recorded()), name="inner")
    asked = ask(route(("inner", inner), ("b", Leaf("b", ["ok"]).recorded())))
    server, outer, nested = asked.recorder.records[:3]
    assert [a.target.id for a in below(asked.recorder, server)] == ["a", "b"]
    assert [a.target.id for a in below(asked.recorder, outer)] == ["a", "b"]
    assert [a.target.id for a in below(asked.recorder, nested)] == ["a"]


def test_the_gateways_time_excludes_calls_and_back_off() -> None:
    """Overlapping intervals count once; a call that still runs counts up to now."""
    clock = FakeClock()
    recorder = Recorder(Inbound(), clock, SeededIds(1))
    origin = recorder.origin
    for start, end, backoff in ((10, 20, None), (25, 40, 5), (30, 50, None), (60, None, None)):
        one = attempt(len(recorder.attempts))
        one.why = Why("retry", None, backoff)
        one.start, one.end = origin + start, None if end is None else origin + end
        recorder.attempts.append(one)
    recorder.attempts[-1].committed = origin + 70
    recorder.attempts[-1].first_event = origin + 65
    split = times(recorder, origin + 80)
    assert (split.upstream, split.backoff, split.ttft) == (10 + 25 + 20, 5, 65)
    assert split.gateway == 80 - (55 + 5)


def test_without_an_answer_there_is_no_time_to_first_token() -> None:
    """All time is the gateway's."""
    clock = FakeClock()
    recorder = Recorder(Inbound(), clock, SeededIds(1))
    assert times(recorder, recorder.origin + 7).gateway == 7
    assert times(recorder, recorder.origin + 7).ttft is None


@pytest.mark.parametrize(
    ("intervals", "length"),
    [([], 0), ([(0, 4), (2, 6), (10, 11)], 7), ([(0, 10), (2, 3)], 10), ([(5, 5)], 0)],
)
def test_union_of_intervals(intervals: list[tuple[int, int]], length: int) -> None:
    """Overlaps count once."""
    assert union(intervals) == length


def test_a_buffered_stream_that_was_restarted_was_served_by_the_second() -> None:
    """Through the real hops."""
    hops = [
        ("a", Buffered(Leaf("a", [[Chunk(b"x"), cut()]]).recorded(), 99)),
        ("b", Buffered(Leaf("b", [[Chunk(b"y"), Final()]]).recorded(), 99)),
    ]
    asked = ask(route(*hops), stream=True)
    answer = served(asked.recorder.attempts)
    assert answer is not None
    assert answer.target.id == "b"
    assert asked.recorder.attempts[0].committed is None
    assert asked.took >= 30 * MS


def test_a_cancelled_request_before_any_answer_was_served_by_nobody() -> None:
    """Its attempt is still the decisive one."""
    asked = ask(route(("a", Leaf("a", ["hang"]).recorded())), leave=(50 * MS, "client_disconnect"))
    assert isinstance(asked.error, asyncio.CancelledError)
    assert served(asked.recorder.attempts) is None
    assert decisive(asked.recorder.attempts) is asked.recorder.attempts[0]
