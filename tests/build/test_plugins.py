"""Dialects, policies and instrumentations by entry points: ours, another package's, and what goes wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from tracegate.build import plugins
from tracegate.errors import ConfigError
from tracegate.policies.fallback import FallbackPolicy
from tracegate.policies.weighted import WeightedPolicy
from tracegate.telemetry.view import View
from tracegate.testing.collected import Collected


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    """What is installed is looked at once per process."""
    plugins.forget()
    yield
    plugins.forget()


def install(folder: Path, name: str, entries: str, code: str = "class Made:\n    name = key = 'made'\n") -> None:
    """A package of somebody else, with its entry points."""
    (folder / f"{name}.py").write_text(code)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entries)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where packages are found."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", "") and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_ours_come_in_by_the_same_door() -> None:
    """By name and key."""
    assert "openai" in plugins.dialects()
    assert plugins.dialects()["openai"].name == "openai"
    found = plugins.policies()
    assert [type(found[name]) for name in ("fallback", "weighted")] == [FallbackPolicy, WeightedPolicy]
    assert all(policy.key == name for name, policy in found.items())


def test_another_packages_stand_beside_them(folder: Path) -> None:
    """Once it is installed, and looked for."""
    install(folder, "third", "[tracegate.dialects]\nmade = third:Made\n[tracegate.policies]\nmade = third:Made\n")
    assert {"openai", "made"} <= plugins.dialects().keys()
    assert {"fallback", "weighted", "made"} <= plugins.policies().keys()


def test_what_is_installed_is_looked_at_once(folder: Path) -> None:
    """Until it is forgotten."""
    assert "made" not in plugins.dialects()
    install(folder, "third", "[tracegate.dialects]\nmade = third:Made\n")
    assert "made" not in plugins.dialects()
    plugins.forget()
    assert "made" in plugins.dialects()


def test_one_name_from_two_packages_is_an_error(folder: Path) -> None:
    """Which of them would serve, nobody could say."""
    install(folder, "one", "[tracegate.dialects]\nmade = one:Made\n")
    install(folder, "two", "[tracegate.dialects]\nmade = two:Made\n")
    with pytest.raises(
        ConfigError, match=r"two packages give `made` .* remove one of (one:Made and two|two:Made and one)"
    ):
        plugins.dialects()


@pytest.mark.parametrize("code", ["import no_such_module\n", "class Other:\n    pass\n"])
def test_a_package_that_can_not_be_loaded_is_an_error(folder: Path, code: str) -> None:
    """For a person, without a traceback."""
    install(folder, "broken", "[tracegate.policies]\nmade = broken:Made\n", code)
    with pytest.raises(ConfigError, match=r"`made` of the entry point group `tracegate\.policies` can't be loaded: "):
        plugins.policies()


def test_instrumentation_needs_a_view_with_the_sdk_behind_it() -> None:
    """Nobody else would take its spans."""
    assert plugins.instrument_of(Collected()) is None


def test_instrumentation_gets_the_views_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the entry point group `tracegate.instrumentations`."""
    given: list[Any] = []

    def wrapped(transport: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        return transport

    def noted(tracers: object, meters: object) -> object:
        given.append((tracers, meters))
        return wrapped

    monkeypatch.setattr("tracegate.plugin.instrumented.instrumented", noted)
    for view, expected in (
        (SimpleNamespace(tracers="tracers", meters="meters"), ("tracers", "meters")),
        (SimpleNamespace(tracers="tracers"), ("tracers", None)),
    ):
        plugins.forget()
        made = plugins.instrument_of(cast(View, view))
        assert made is not None
        assert made(True) is wrapped
        assert made(False) is wrapped
        assert given.pop() == expected
