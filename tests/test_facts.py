"""The vocabulary: evidence and what wins."""

from __future__ import annotations

import pytest

from tracegate.facts import Attempt, Cost, Fact, Target, Why, unpriced


def attempt(observed: str | None, asserted: str | None, configured: str | None) -> Attempt:
    """An attempt with claims about its region."""
    target = Target("a", "p", "p", "m", region=configured, region_observed=observed)
    made = Attempt(target, 0, Why(), 0, False)
    made.answer.region = asserted
    return made


@pytest.mark.parametrize(
    ("claims", "region", "conflict"),
    [
        (("eu", "us", "us"), Fact("eu", "observed"), "us"),
        (("eu", None, "eu"), Fact("eu", "observed"), None),
        ((None, "us", "eu"), Fact("us", "asserted"), "eu"),
        ((None, None, "eu"), Fact("eu", "configured"), None),
        ((None, "us", None), Fact("us", "asserted"), None),
        ((None, None, None), None, None),
    ],
)
def test_the_strongest_claim_about_a_region_is_the_fact(
    claims: tuple[str | None, str | None, str | None], region: Fact | None, conflict: str | None
) -> None:
    """Observed > asserted > configured; what contradicts the configuration is a conflict (ruling 2)."""
    made = attempt(*claims)
    assert (made.region, made.region_conflict) == (region, conflict)


def test_a_provider_that_names_no_model_is_told_as_configured() -> None:
    """Ruling 49."""
    made = attempt(None, None, None)
    assert made.model == Fact("m", "configured")
    made.answer.model = "m-2026"
    assert made.model == Fact("m-2026", "asserted")


def test_an_attempt_that_nobody_priced_has_an_unknown_cost() -> None:
    """Never 0."""
    assert unpriced(attempt(None, None, None)) == Cost(None, unknown="no_price")
