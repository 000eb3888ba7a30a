"""The test kit's short names lead to its modules."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tracegate.testing as kit


@pytest.mark.parametrize("name", kit.__all__)
def test_every_short_name_can_be_used(name: str) -> None:
    """And is the module's own."""
    found = getattr(kit, name)
    assert found.__module__.startswith("tracegate.testing.")
    assert found.__name__ == name


def test_a_name_that_is_not_there_is_told() -> None:
    """With those that are."""
    with pytest.raises(AttributeError, match=r"has no `Simulater`; it has .*Simulator"):
        kit.Simulater  # noqa: B018  # asking is the test


def test_using_the_simulator_loads_no_protobuf() -> None:
    """So that its process starts quickly."""
    loaded = "any(name.startswith(('google', 'opentelemetry')) for name in sys.modules)"
    code = f"import sys, tracegate.testing.process; sys.exit({loaded})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
