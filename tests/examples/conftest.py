"""Each example, run once for all tests that look at what came of it."""

from __future__ import annotations

import pytest

from tests.examples.running import ANSWER, Played, play

GOOD = f"ok+text={ANSWER}"


@pytest.fixture(scope="session")
def one_provider() -> Played:
    """The provider is well."""
    return play("one_provider", {"openai/gpt-5.5": f"{GOOD}+served=gpt-5.5-2026-04-23"})


@pytest.fixture(scope="session")
def fallback() -> Played:
    """The first provider is down, the second answers; then all are down, the last one in its own way."""
    answers = {"openai/gpt-5.5": f"{GOOD}+served=gpt-5.5-2026-04-23"}
    nobody = {"openai/gpt-5.5": "500", "mistral/mistral-large-latest": "413"}
    return play("fallback", {"azure/gpt-5.5": "503", **answers}, nobody)


@pytest.fixture(scope="session")
def self_hosted() -> Played:
    """The own machine breaks off, twice; the cloud answers."""
    own = {"meta-llama/Llama-3.3-70B-Instruct": "cut=5+reset"}
    return play("self_hosted", {**own, "gpt-5.4-mini": f"{GOOD}+served=gpt-5.4-mini-2026-03-17"})
