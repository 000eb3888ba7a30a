"""The instruments are those of the pinned conventions."""

from __future__ import annotations

import json
from pathlib import Path

from tracegate.telemetry.metrics_table import INSTRUMENTS

CONVENTIONS = json.loads(Path(__file__).with_name("conventions.json").read_text())
KINDS = {"counter": "counter", "updown": "updowncounter", "gauge": "gauge", "histogram": "histogram"}


def test_every_instrument_is_registered_with_its_kind_and_unit() -> None:
    """No name, kind or unit of our own invention."""
    made = {name: [KINDS[instrument.kind], instrument.unit] for name, instrument in INSTRUMENTS.items()}
    assert {name: CONVENTIONS["metrics"][name] for name in made} == made


def test_histograms_have_the_pinned_buckets_and_nothing_else_has_any() -> None:
    """Bounds equal the fixture's, number by number."""
    pinned = CONVENTIONS["buckets"]
    assert {name: tuple(pinned.get(name, ())) for name in INSTRUMENTS} == {
        name: instrument.bounds for name, instrument in INSTRUMENTS.items()
    }


def test_every_instrument_says_what_it_counts() -> None:
    """A description is one sentence."""
    assert [name for name, made in INSTRUMENTS.items() if not made.description.endswith(".")] == []
