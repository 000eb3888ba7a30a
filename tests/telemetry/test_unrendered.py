"""What could not be rendered is counted each time and told once, without its text."""

from __future__ import annotations

import logging

import pytest

from tracegate.telemetry import names
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.unrendered import Unrendered


def failing(text: str) -> Exception:
    """An exception that was raised."""
    try:
        raise ValueError(text)
    except ValueError as exc:
        return exc


def test_every_failure_counts_and_the_first_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Where it happened, never what it says."""
    losses = Losses()
    unrendered = Unrendered(losses, logging.getLogger("here"))
    for _ in range(3):
        unrendered(failing("a prompt"))
    assert {labels[0][1]: count for labels, count in losses.counts() if count} == {names.LOST_RENDER: 3}
    (line,) = caplog.records
    assert (line.name, line.levelname) == ("here", "ERROR")
    assert "ValueError in `failing`" in line.getMessage()
    assert "a prompt" not in caplog.text
