"""What `histogram_quantile` must say of durations that are known to lie between two.

A quantile of a histogram only grows when a measurement does. So what comes out for the real durations lies between what
comes out for all the least and for all the most of them.
Source: Prometheus' documentation of `histogram_quantile` for classic histograms.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from dashboards.check.truth import Span


def quantile(share: float, bounds: Sequence[float], measured: Sequence[float]) -> float:
    """The estimate for measurements in buckets with these upper bounds.

    >>> quantile(0.5, [1, 2, 4], [0.5, 1.5, 1.5, 3])
    1.5
    """
    counts = [0] * (len(bounds) + 1)
    for one in measured:
        counts[bisect_left(bounds, one)] += 1
    rank, below = share * len(measured), 0
    for index, count in enumerate(counts):
        if below + count >= rank and count:
            if index == len(bounds):
                return bounds[-1]
            start = bounds[index - 1] if index else 0
            return start + (bounds[index] - start) * (rank - below) / count
        below += count
    raise ValueError("a quantile of nothing")


APART = 0.01
"""How far from the share that is asked for a quantile may be: `rate()` weighs gateways a little differently."""


def between(share: float, bounds: Sequence[float], measured: Sequence[Span]) -> Span:
    """Between which two values the estimate lies."""
    return Span(
        quantile(max(share - APART, 0), bounds, [one.least for one in measured]),
        quantile(min(share + APART, 1), bounds, [one.most for one in measured]),
    )
