"""Orders: pure functions that rank candidates for one call."""

from __future__ import annotations

from collections.abc import Sequence

from tracegate.hop import Call
from tracegate.policies.policy import Candidate


def listed(call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """The order in which they were written."""
    return candidates


def weighted(call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Drawn by weight without putting back, so that after a failure the others follow, drawn in the same way."""
    left = list(candidates)
    drawn: list[Candidate] = []
    total = sum(c.weight for c in left)
    while len(left) > 1:
        point = call.ids.random() * total
        at = 0
        while at < len(left) - 1 and point >= left[at].weight:
            point -= left[at].weight
            at += 1
        total -= left[at].weight
        drawn.append(left.pop(at))
    return drawn + left
