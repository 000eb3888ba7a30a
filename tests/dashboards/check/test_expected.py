"""What is expected follows the choice of gateways and providers, and has the zeros that must be there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dashboards.check.expected import WHERE, Truth, expectations
from dashboards.check.load import gateway
from dashboards.check.scenes import PROVIDERS, SCRIPTS, TARGETS, Scene
from dashboards.check.truth import Request
from tests.dashboards.check.test_load import ALONE
from tracegate.telemetry.names import LOST
from tracegate.testing.simulator import Simulator

EVERYBODY = [provider.name for provider in PROVIDERS.values()]


@pytest.fixture(scope="module")
def requests() -> Sequence[Request]:
    """A fallback and an unlisted model at one gateway, a good answer at another."""

    async def main() -> Sequence[Request]:
        async with (
            Simulator(SCRIPTS) as simulator,
            gateway("a", simulator, ALONE) as one,
            gateway("b", simulator, ALONE) as other,
        ):
            await one.play([Scene("overloaded"), Scene("of-unlisted")])
            one.late = True
            await one.play([Scene("good")])
            await other.play([Scene("good")])
            return [*one.requests, *other.requests]

    return asyncio.run(main())


def _number(
    requests: Sequence[Request], panel: str, jobs: Sequence[str], providers: Sequence[str] = EVERYBODY
) -> float:
    truth = Truth(jobs, providers, [request for request in requests if request.job in jobs], requests)
    rows = expectations(truth)[panel, "A"].rows
    assert all(isinstance(value, float | int) for value in rows.values())
    return sum(value for value in rows.values() if isinstance(value, float | int))


def test_a_choice_leaves_out_what_is_not_chosen(requests: Sequence[Request]) -> None:
    """Gateways everywhere, providers where a metric has them."""
    assert _number(requests, "Answers", ["a", "b"]) == 4
    assert _number(requests, "Answers", ["b"]) == 1
    assert _number(requests, "Answers", ["a"], ["groq"]) == 1
    assert _number(requests, "Fallbacks", ["a"]) == _number(requests, "Fallbacks", ["a"], ["groq"]) == 1
    assert _number(requests, "Fallbacks", ["b"]) == 0
    assert _number(requests, "Failed attempts", ["a"], ["mistral_ai"]) == 1
    assert _number(requests, "Failed attempts", ["a"], ["openai"]) == 0
    assert _number(requests, "Unpriced answers", ["a", "b"]) == 1
    assert _number(requests, "Known cost", ["b"]) == pytest.approx(0.00036)


def test_the_collector_counts_for_all(requests: Sequence[Request]) -> None:
    """Whoever is chosen."""
    spans = 4 + 3 + 3 + 3
    assert _number(requests, "Spans through the Collector", ["b"]) == spans
    truth = Truth(["b"], EVERYBODY, [], requests)
    assert expectations(truth)["Spans through the Collector", "A"].later


def test_what_must_stay_0_is_expected_at_0() -> None:
    """Without a single request."""
    wanted = expectations(Truth(["a"], EVERYBODY, [], []))
    assert dict(wanted["Telemetry lost", "A"].rows) == {frozenset({("job", "a")}): 0}
    assert dict(wanted["Region conflicts", "A"].rows) == {frozenset({("job", "a")}): 0}
    assert len(wanted["Region conflicts by target", "A"].rows) == len(TARGETS)
    assert sorted(WHERE) == sorted(LOST)
    assert len(wanted["Telemetry lost, by place", "A"].rows) == len(LOST)


def test_percentiles_are_of_what_came_late(requests: Sequence[Request]) -> None:
    """Of the gateway that has any."""
    wanted = expectations(Truth(["a"], EVERYBODY, [one for one in requests if one.job == "a"], requests))
    rows = wanted["Duration of attempts, p95", "A"].rows
    assert list(rows) == [frozenset({("gen_ai_provider_name", "openai"), ("gen_ai_request_model", "gpt-5")})]
    assert wanted["Duration of requests", "A"].rows.keys() == {frozenset()}
    assert wanted["Time to first token", "A"].rows == {}
