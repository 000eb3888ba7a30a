"""The names are those of the pinned convention, spelled once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tracegate import __version__
from tracegate.telemetry import names

PINNED: dict[str, Any] = json.loads((Path(__file__).parent / "conventions.json").read_text())
TEXTS = {name: value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
METRICS = {name: value for name, value in TEXTS.items() if name.startswith("METRIC_")}
EVENTS = {name: value for name, value in TEXTS.items() if name.startswith("EVENT_")}
OTHERS = ("SCOPE", "SCOPE_VERSION", "SCHEMA_URL", "USAGE_BY_MODALITY")
ATTRIBUTES = {
    name: value
    for name, value in TEXTS.items()
    if name not in METRICS and name not in EVENTS and not name.startswith("LOST_") and name not in OTHERS
}


def test_a_constant_is_its_name_in_capitals() -> None:
    """So that nobody has to look one up."""
    for prefix, constants in (("METRIC_", METRICS), ("EVENT_", EVENTS), ("", ATTRIBUTES)):
        assert constants == {prefix + value.upper().replace(".", "_"): value for value in constants.values()}


def test_every_name_is_pinned() -> None:
    """What the convention does not know, and is not ours, is a typing error."""
    assert set(ATTRIBUTES.values()) <= set(PINNED["attributes"])
    assert set(METRICS.values()) <= set(PINNED["metrics"])
    assert set(EVENTS.values()) == set(PINNED["events"])
    assert not set(TEXTS.values()) & set(PINNED["deprecated"])


def test_all_names_of_our_own_are_there() -> None:
    """The namespace `tracegate.*` is complete."""
    own = {name for name in PINNED["attributes"] if name.startswith("tracegate.")}
    assert own == {name for name in ATTRIBUTES.values() if name.startswith("tracegate.")}
    assert {name for name in PINNED["metrics"] if name.startswith("tracegate.")} <= set(METRICS.values())


def test_no_attribute_is_a_prefix_of_another() -> None:
    """A store that nests by dots could not hold both."""
    taken = set(ATTRIBUTES.values())
    assert [(a, b) for a in taken for b in taken if b.startswith(f"{a}.")] == []


def test_the_scope_is_pinned() -> None:
    """Its version is the package's, its schema the pinned one, and the commits are known."""
    assert {"name": names.SCOPE, "schema_url": names.SCHEMA_URL} == PINNED["scope"]
    assert names.SCOPE_VERSION == __version__
    assert all(len(commit) == 8 and int(commit, 16) for commit in names.COMMITS.values())


def test_the_places_of_loss_are_all_named() -> None:
    """Each is a series from the start."""
    assert {value for name, value in TEXTS.items() if name.startswith("LOST_")} == set(names.LOST)
