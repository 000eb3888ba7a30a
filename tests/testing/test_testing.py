"""The test kit's short names lead to its modules."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

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


def test_the_example_can_be_played() -> None:
    """Every model of the configuration in the docstring is what its comment says."""
    assert kit.__doc__ is not None
    example = yaml.safe_load(kit.__doc__.split("```yaml")[1].split("```")[0])
    models = {name: target.partition("/")[2] for name, target in example["targets"].items()}
    statuses = {name: [step.status for step in steps(model)] for name, model in models.items()}
    assert statuses["flaky"] == [503, 503, 503, None]
    assert statuses["limited"] == [429, None]
    assert steps(models["slow"])[0].first_token == 20_000_000_000
    assert steps(models["broken"])[0].how == "reset"
    assert set(example["routes"]["chat"]) == set(models)


def steps(model: str) -> tuple[kit.Step, ...]:
    """The steps that a model's name says."""
    return kit.read_script(model.removeprefix("sim-") if model.startswith("sim-") else "ok").steps


def test_using_the_simulator_loads_no_protobuf() -> None:
    """So that its process starts quickly."""
    loaded = "any(name.startswith(('google', 'opentelemetry')) for name in sys.modules)"
    code = f"import sys, tracegate.testing.process; sys.exit({loaded})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
