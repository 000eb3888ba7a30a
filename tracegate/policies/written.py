"""The settings of `fallback` and `weighted` where a file writes them as those of any policy: `policy: …`, `with: …`.

Apart from the policies, so that those who write them as `fallback: …` need not load pydantic for it.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tracegate.facts import ErrorClass
from tracegate.policies.settings import FALLBACK_WHEN


class Settings(BaseModel):
    """`when`: error classes after which the next candidate is asked; empty is never."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    when: frozenset[ErrorClass] = FALLBACK_WHEN
