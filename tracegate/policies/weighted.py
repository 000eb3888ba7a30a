"""Weighted: fallback over an order drawn by weight for each call."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from tracegate.hop import Hop
from tracegate.policies.fallback import Fallback, FallbackPolicy
from tracegate.policies.orders import weighted
from tracegate.policies.policy import Candidate


class WeightedPolicy:
    """The policy `weighted`: the weights are the candidates' own."""

    key = "weighted"
    Settings = FallbackPolicy.Settings

    def build(self, settings: BaseModel, children: Sequence[Candidate]) -> Hop:
        """See `Policy.build`."""
        assert isinstance(settings, self.Settings)  # noqa: S101  # the configuration validated them by this model
        return Fallback(children, settings.when, weighted)
