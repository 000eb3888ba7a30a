"""What a configuration may name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from tracegate.config.known import Policies, installed, price_data
from tracegate.errors import ConfigError
from tracegate.policies.fallback import FallbackPolicy


def test_what_is_installed_is_known() -> None:
    """Rows, the built-in dialect and policies, httpx, prices, the machine's name."""
    known = installed()
    assert "openai" in known.rows
    assert "openai" in known.dialects
    assert {"fast", "httpx"} <= known.transports
    assert {"fallback", "weighted"} <= set(known.policies)
    assert len(known.policies) == len(list(known.policies))
    assert known.policies["fallback"] is FallbackPolicy().Settings
    assert known.node
    assert known.context_of("openai", "gpt-4o") == 128_000
    assert known.context_of("openai", "no such model") is None
    assert price_data() is price_data()


class Odd:
    """A policy whose settings are no model."""

    Settings = dict


def test_a_policys_settings_are_a_model() -> None:
    """Nothing else can be checked with positions."""
    policies = Policies({"odd": EntryPoint("odd", f"{__name__}:Odd", "tracegate.policies")})
    with pytest.raises(ConfigError, match=r"the policy `odd` of `.*:Odd` has no `Settings` that are a pydantic model"):
        policies["odd"]


@pytest.mark.parametrize("value", ["no.such.module:Policy", "tracegate.policies.fallback:NoSuch"])
def test_a_policy_that_can_not_be_loaded_is_named(value: str) -> None:
    """Only when a configuration names it: a broken package that nobody uses stops nobody."""
    policies = Policies({"broken": EntryPoint("broken", value, "tracegate.policies")})
    assert list(policies) == ["broken"]
    with pytest.raises(ConfigError, match=r"the policy `broken` of `.*` can't be loaded"):
        policies["broken"]
