"""The registry in the package agrees with the pinned convention and with the constants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from tests.telemetry.test_names import ATTRIBUTES, EVENTS, METRICS
from tracegate.telemetry import names, registry
from tracegate.telemetry.export import Signal
from tracegate.telemetry.metrics_table import INSTRUMENTS
from tracegate.testing.otlp.registry import Registry as Receiving

PINNED: dict[str, Any] = json.loads((Path(__file__).parent / "conventions.json").read_text())
REGISTRY = registry.load()


def test_types_are_the_pinned_ones() -> None:
    """For every attribute, foreign ones included."""
    pinned = {name: PINNED["attributes"][name] for name in REGISTRY.attributes}
    assert pinned == {name: registry.LETTERS[kind] for name, kind in REGISTRY.attributes.items()}


def test_values_are_the_pinned_ones() -> None:
    """For every closed set; where telemetry is lost, and of what signal it is, is our own."""
    pinned = {name: tuple(PINNED["enums"][name]) for name in REGISTRY.members if name in PINNED["enums"]}
    ours: dict[str, tuple[Any, ...]] = {
        names.TRACEGATE_TELEMETRY_WHERE: names.LOST,
        names.TRACEGATE_TELEMETRY_SIGNAL: get_args(Signal),
    }
    assert {**pinned, **ours} == REGISTRY.members
    planned = {name for name in PINNED["enums"] if name.startswith("tracegate.")}
    assert planned <= set(REGISTRY.members)


def test_metrics_are_the_pinned_ones() -> None:
    """Kind, unit, labels and buckets."""
    assert {name: tuple(PINNED["metrics"][name]) for name in METRICS.values()} == REGISTRY.metrics
    for name, bounds in REGISTRY.buckets.items():
        assert bounds == tuple(PINNED["buckets"][name])
    for name, labels in PINNED["metric_attributes"].items():
        assert set(labels) <= set(REGISTRY.labels[name])
    for name, instrument in INSTRUMENTS.items():
        assert instrument.bounds == REGISTRY.buckets.get(name, ())


def test_events_are_the_pinned_ones() -> None:
    """Name and severity."""
    assert PINNED["events"] == REGISTRY.events
    assert set(REGISTRY.events) == set(EVENTS.values())


def test_registry_and_constants_name_the_same() -> None:
    """Nothing is in one that is not in the other, but tokens by modality, which have one prefix."""
    modal = {name for name in REGISTRY.attributes if name.split(".")[2:3] and name.split(".")[2] in _MODALITIES}
    assert set(REGISTRY.attributes) - modal == set(ATTRIBUTES.values())
    assert all(name.startswith(names.USAGE_BY_MODALITY) for name in modal)
    assert set(REGISTRY.briefs) == {name for name in ATTRIBUTES.values() if name.startswith("tracegate.")}
    assert all(brief.endswith(".") for brief in REGISTRY.briefs.values())


_MODALITIES = ("text", "image", "audio")


def test_everything_that_is_referred_to_is_registered() -> None:
    """Spans, metrics and events use no name that has no type."""
    used = set[str]().union(
        *(span.allowed for span in REGISTRY.spans.values()),
        *REGISTRY.labels.values(),
        *REGISTRY.event_attributes.values(),
    )
    assert used <= set(REGISTRY.attributes)


def test_required_attributes_cover_the_conventions() -> None:
    """What the convention requires of an attempt and of a SERVER span, we require too."""
    assert set(PINNED["attempt_required"]) <= REGISTRY.spans["tracegate.attempt"].required
    assert set(PINNED["server_required"]) <= REGISTRY.spans["tracegate.server"].required


def test_the_short_form_is_what_the_receiver_takes() -> None:
    """Closed namespaces and old names are the pinned ones."""
    document = registry.document()
    assert Receiving.of(document).scope == names.SCOPE
    for key in ("scope", "closed", "deprecated", "events"):
        assert document[key] == PINNED[key]
