"""Time-outs and retry flow down, key by key: defaults < the file < provider < target < node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from msgspec import Struct

from tracegate.config import schema
from tracegate.config.draft import Draft
from tracegate.config.model import DEFAULT, Origin
from tracegate.config.problems import Path
from tracegate.facts import Timeouts
from tracegate.policies.settings import Retry

_RETRY = {"times": "times", "when": "when", "base": "base_ns", "cap": "cap_ns", "max_wait": "max_wait_ns"}
_TIMEOUTS = ("connect", "write", "attempt", "first_token", "idle")


class Inherited(Struct, frozen=True):
    """What holds at one level, and where each value came from, by `timeouts.attempt`, `retry.times`."""

    timeouts: Timeouts
    retry: Retry
    origins: Mapping[str, Origin]


DEFAULTS = Inherited(
    Timeouts(),
    Retry(),
    {f"timeouts.{key}": DEFAULT for key in _TIMEOUTS} | {f"retry.{key}": DEFAULT for key in _RETRY},
)


def inherit(
    draft: Draft,
    above: Inherited,
    path: Path,
    timeouts: schema.Timeouts,
    retry: schema.Retry,
    level: Literal["defaults", "provider", "target", "node"],
) -> Inherited:
    """What holds below a level that says something of its own.

    Args:
        draft: Knows where things stand.
        above: What holds above.
        path: Of what has the keys `timeouts` and `retry`.
        timeouts, retry: What is written there.
        level: Named by `explain`.
    """
    limits = timeouts.model_fields_set - {"deadline"}
    retried = retry.model_fields_set
    if not limits and not retried:
        return above
    origins = {f"timeouts.{key}": draft.origin((*path, "timeouts", key), level) for key in limits}
    origins |= {f"retry.{key}": draft.origin((*path, "retry", key), level) for key in retried}
    return Inherited(
        replace(above.timeouts, **{key: getattr(timeouts, key) for key in limits}),
        replace(above.retry, **{_RETRY[key]: getattr(retry, key) for key in retried}),
        {**above.origins, **origins},
    )
