"""Weighted: fallback over an order drawn by weight for each call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracegate.hop import Hop
from tracegate.policies.fallback import Fallback, FallbackPolicy
from tracegate.policies.orders import weighted
from tracegate.policies.policy import Candidate
from tracegate.policies.settings import Asking

if TYPE_CHECKING:
    from tracegate.policies.written import Settings as Written


class WeightedPolicy(FallbackPolicy):
    """The policy `weighted`: the weights are the candidates' own."""

    key = "weighted"

    def build(self, settings: Asking | Written, children: Sequence[Candidate]) -> Hop:
        """See `Policy.build`."""
        return Fallback(children, settings.when, weighted)
