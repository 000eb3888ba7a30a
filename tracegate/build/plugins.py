"""Dialects and policies, built-in and third parties', through the same entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from tracegate.build.exchanges import Instrument
from tracegate.dialects.dialect import Dialect
from tracegate.errors import ConfigError
from tracegate.policies.policy import Policy
from tracegate.telemetry.view import View
from tracegate.upstream.transport import Wrap


def dialects() -> dict[str, Dialect]:
    """Every dialect of the entry point group `tracegate.dialects`, by name."""
    return {name: found() for name, found in _load("tracegate.dialects").items()}


def policies() -> dict[str, Policy]:
    """Every policy of the entry point group `tracegate.policies`, by key."""
    return {name: found() for name, found in _load("tracegate.policies").items()}


def instrument_of(view: View) -> Instrument | None:
    """What puts OpenTelemetry's instrumentation around a provider's transport, below our attempts.

    `None` where the view has no SDK behind it, as nobody then would take its spans.
    """
    tracers = getattr(view, "tracers", None)
    if tracers is None:
        return None
    (entry,) = entry_points(group="tracegate.instrumentations", name="httpx")
    wrap: Wrap = entry.load()(tracers, getattr(view, "meters", None))
    return lambda propagate: wrap


def forget() -> None:
    """Look again at what is installed, next time."""
    _load.cache_clear()


@cache  # what is installed does not change while a process runs, and looking takes 10 ms
def _load(group: str) -> dict[str, type]:
    loaded: dict[str, type] = {}
    for entry in entry_points(group=group):
        if entry.name in loaded:
            raise ConfigError(
                f"two packages give `{entry.name}` to the entry point group `{group}`: remove one of "
                f"{loaded[entry.name].__module__} and {entry.value}"
            )
        loaded[entry.name] = entry.load()
    return loaded
