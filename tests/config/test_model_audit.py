"""The configuration of the audit log, as a value."""

from __future__ import annotations

from typing import get_args

from tests.config.reading import configured
from tracegate.config.audit import FLOORS
from tracegate.config.model_audit import Preset


def test_it_does_not_show_where_its_values_came_from() -> None:
    """Two that mean the same are equal, wherever they were written."""
    one = configured("providers: {openai: {}}\naudit: {dir: /a, mode: strict}").audit
    other = configured("providers: {openai: {}}\naudit: {dir: /a}").audit
    assert one == other
    assert "origins" not in repr(one)


def test_every_preset_has_a_floor() -> None:
    """None is a mere word."""
    assert set(FLOORS) == set(get_args(Preset))
