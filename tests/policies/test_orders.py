"""Orders: pure functions that rank candidates."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.stage import Leaf
from tracegate.facts import Why
from tracegate.hop import Call
from tracegate.inbound import Inbound
from tracegate.policies.orders import listed, weighted
from tracegate.policies.policy import Candidate
from tracegate.record import Recorder
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.wire.body import Body


def call(seed: int = 1) -> Call:
    """A call with its own randomness."""
    clock, ids = FakeClock(), SeededIds(seed)
    recorder = Recorder(Inbound(), clock, ids)
    return Call(Body(b'{"model":"m"}'), recorder, recorder.server, 0, clock, ids, Why())


def candidates(**weights: float) -> list[Candidate]:
    """Candidates with weights."""
    return [Candidate(name, Leaf(name, ["ok"]), weight) for name, weight in weights.items()]


def test_listed_keeps_the_order_that_was_written() -> None:
    """Whatever the weights."""
    assert [c.name for c in listed(call(), candidates(a=1, b=9))] == ["a", "b"]


def test_weighted_draws_the_first_by_weight_and_the_rest_in_the_same_way() -> None:
    """Over many draws the shares are the weights; each draw has every candidate once."""
    one = call(7)
    drawn = [[c.name for c in weighted(one, candidates(a=70, b=20, c=10))] for _ in range(20_000)]
    assert all(sorted(names) == ["a", "b", "c"] for names in drawn)
    firsts = Counter(names[0] for names in drawn)
    assert firsts["a"] / 20_000 == pytest.approx(0.7, abs=0.02)
    assert firsts["b"] / 20_000 == pytest.approx(0.2, abs=0.02)
    after_a = Counter(names[1] for names in drawn if names[0] == "a")
    assert after_a["b"] / firsts["a"] == pytest.approx(2 / 3, abs=0.02)


def test_weighted_of_one_draws_nothing() -> None:
    """No randomness is used up."""
    assert [c.name for c in weighted(call(), candidates(only=3))] == ["only"]
