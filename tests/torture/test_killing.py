"""Gateways that are killed under load lose no record of what their clients got."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.torture.killing import killed

pytestmark = pytest.mark.slow

RUNS = 30


def test_whatever_a_client_got_of_a_gateway_that_was_killed_is_in_its_log() -> None:
    """Whole answers and streams verify, broken ones have an intent; `python -m tests.torture killed` runs 500."""
    tallies = [*killed(RUNS, seed=1)]
    assert [fault for tally in tallies for fault in tally.faults] == []
    counts = sum((tally.counts for tally in tallies), Counter[str]())
    assert counts["runs"] == RUNS
    assert min(counts["whole answers"], counts["whole streams"], counts["broken answers"]) >= RUNS
