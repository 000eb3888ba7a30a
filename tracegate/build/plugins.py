"""Dialects and policies, built-in and third parties', through the same entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from tracegate.dialects.dialect import Dialect
from tracegate.errors import ConfigError
from tracegate.policies.policy import Policy


def dialects() -> dict[str, Dialect]:
    """Every dialect of the entry point group `tracegate.dialects`, by name."""
    return {name: found() for name, found in _load("tracegate.dialects").items()}


def policies() -> dict[str, Policy]:
    """Every policy of the entry point group `tracegate.policies`, by key."""
    return {name: found() for name, found in _load("tracegate.policies").items()}


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
