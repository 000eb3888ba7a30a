"""The configuration as others read it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from tests.config.reading import PROVIDERS, configured
from tracegate.config import model


def test_everything_that_others_need_has_one_home() -> None:
    """Its parts may move, the names stay."""
    assert all(hasattr(model, name) for name in model.__all__)
    assert model.__all__ == sorted(model.__all__, key=lambda name: (not name.isupper(), name))


def test_nothing_can_be_changed() -> None:
    """A request keeps what it began with."""
    config = configured(f"{PROVIDERS}routes: {{chat: [gpt]}}")
    for one in (config, config.providers["openai"], config.routes["chat"], config.targets["gpt"], config.limits):
        with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
            one.name = "x"  # type: ignore[union-attr, misc]  # that is what is tested


def test_where_a_value_came_from_makes_no_difference() -> None:
    """Two configurations are equal if they mean the same."""
    one, other = configured(PROVIDERS), configured(f"\n\n{PROVIDERS}")
    assert one.providers == other.providers
    assert one.targets == other.targets
