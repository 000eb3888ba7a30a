"""The settings of `fallback` and `weighted`, written as those of any policy."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from tracegate.policies.fallback import FallbackPolicy
from tracegate.policies.settings import FALLBACK_WHEN, Asking
from tracegate.policies.weighted import WeightedPolicy
from tracegate.policies.written import Settings


def test_both_have_them() -> None:
    """As any policy has a model of its settings."""
    assert FallbackPolicy().Settings is WeightedPolicy().Settings is Settings


def test_the_default_is_that_of_the_short_form() -> None:
    """And other keys or classes are refused."""
    assert Settings().when == Asking().when == FALLBACK_WHEN
    assert Settings.model_validate({"when": ["timeout"]}).when == frozenset({"timeout"})
    for key, value in (("whan", "timeout"), ("when", "odd")):
        with pytest.raises(ValidationError):
            Settings.model_validate({key: [value]})


def test_policies_are_loaded_without_pydantic() -> None:
    """It takes longer to load than all that a gateway without such settings needs."""
    code = "import sys, tracegate.policies.weighted, tracegate.config.load; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
