"""Quantiles of buckets are Prometheus', and lie between those of the least and the most durations."""

from __future__ import annotations

import pytest

from dashboards.check.histogram import between, quantile
from dashboards.check.truth import Span

BOUNDS = (1.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("share", "measured", "expected"),
    [
        (0.5, [0.2, 0.3], 0.5),  # half way through the first bucket, which begins at 0
        (0.5, [1.5] * 4, 1.5),
        (0.75, [1.5] * 2 + [3.0] * 2, 3.0),
        (0.5, [1.0], 0.5),  # a bound belongs to its bucket
        (0.99, [100.0], 4.0),  # beyond the last bound nothing is known
        (0.0, [3.0], 2.0),
    ],
)
def test_a_quantile_is_estimated_within_its_bucket(share: float, measured: list[float], expected: float) -> None:
    """Linearly, as the documentation of `histogram_quantile` says."""
    assert quantile(share, BOUNDS, measured) == pytest.approx(expected)


def test_a_quantile_of_nothing_is_none() -> None:
    """Prometheus gives no number."""
    with pytest.raises(ValueError, match="of nothing"):
        quantile(0.5, BOUNDS, [])


def test_what_lies_between_has_its_quantile_between() -> None:
    """Whatever the durations really were."""
    spans = [Span(0.4, 0.9), Span(1.2, 1.4), Span(1.9, 2.3)]
    for share in (0.5, 0.95):
        bounds = between(share, BOUNDS, spans)
        for real in ([0.4, 1.2, 1.9], [0.9, 1.4, 2.3], [0.5, 1.3, 2.1]):
            assert bounds.least <= quantile(share, BOUNDS, real) <= bounds.most
