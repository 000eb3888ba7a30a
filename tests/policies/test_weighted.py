"""Weighted: fallback over a drawn order."""

from __future__ import annotations

from tests.stage import Leaf, ask, overloaded
from tracegate.facts import Route
from tracegate.policies.policy import Candidate
from tracegate.policies.weighted import WeightedPolicy
from tracegate.recorded import RecordedRoute


def test_after_a_failure_the_others_follow() -> None:
    """Whoever is drawn first is initial, the next a fallback."""
    policy = WeightedPolicy()
    children = [
        Candidate("a", Leaf("a", [overloaded()]).recorded(), 90),
        Candidate("b", Leaf("b", [overloaded()]).recorded(), 10),
    ]
    route = RecordedRoute(policy.build(policy.Settings(), children), Route("r", "weighted", ("a", "b")))
    firsts = set()
    for seed in range(1, 30):
        asked = ask(route, seed=seed)
        assert [kind for _, kind, _ in asked.kinds] == ["initial", "fallback"]
        assert {target for target, _, _ in asked.kinds} == {"a", "b"}
        firsts.add(asked.kinds[0][0])
    assert firsts == {"a", "b"}
