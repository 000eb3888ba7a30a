"""Dialects, policies, anchors and instrumentations, built-in and third parties', through the same entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from tracegate.build.exchanges import Instrument
from tracegate.config.known import plugged_in
from tracegate.dialects.dialect import Dialect
from tracegate.errors import ConfigError
from tracegate.policies.policy import Policy
from tracegate.telemetry.view import View

if TYPE_CHECKING:
    from tracegate.audit.anchoring import Make
    from tracegate.upstream.transport import Wrap


def dialects() -> dict[str, Dialect]:
    """Every dialect of the entry point group `tracegate.dialects`, by name."""
    return {name: found() for name, found in _load("tracegate.dialects").items()}


def policies() -> dict[str, Policy]:
    """Every policy of the entry point group `tracegate.policies`, by key."""
    return {name: found() for name, found in _load("tracegate.policies").items()}


def anchors() -> dict[str, Make]:
    """What makes each kind of anchor of the entry point group `tracegate.anchors`, by kind."""
    return dict(_load("tracegate.anchors"))


def instrument_of(view: View) -> Instrument | None:
    """What puts OpenTelemetry's instrumentation around a provider's transport, below our attempts.

    `None` where the view has no SDK behind it, as nobody then would take its spans.
    """
    tracers = getattr(view, "tracers", None)
    if tracers is None:
        return None
    wrap: Wrap = _load("tracegate.instrumentations")["httpx"](tracers, getattr(view, "meters", None))
    return lambda propagate: wrap


def forget() -> None:
    """Look again at what is installed, next time."""
    plugged_in.cache_clear()
    _load.cache_clear()


@cache
def _load(group: str) -> dict[str, Any]:
    """What the packages gave to a group, by name.

    Raises:
        ConfigError: Two of them give the same name, or one can't be loaded.
    """
    entries: dict[str, EntryPoint] = {}
    for entry in plugged_in().select(group=group):
        other = entries.setdefault(entry.name, entry)
        if other is not entry:
            raise ConfigError(
                f"two packages give `{entry.name}` to the entry point group `{group}`: remove one of "
                f"{other.value} and {entry.value}"
            )
    loaded = {}
    for name, entry in entries.items():
        try:
            loaded[name] = entry.load()
        except (ImportError, AttributeError) as exc:
            raise ConfigError(f"`{name}` of the entry point group `{group}` can't be loaded: {exc}") from exc
    return loaded
