"""What a configuration may name: rows, dialects, policies, transports; and what is known of models and hosts.

Loading gets it as a value, so that a test names its own; `installed` is what this installation has.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from tracegate.config.mounts import network
from tracegate.dialects.regions import region_of_host
from tracegate.dialects.rows import ROWS, Row
from tracegate.errors import ConfigError
from tracegate.prices.table import Table, load_table

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Known:
    """What a configuration may name.

    Args:
        rows: Built-in providers, by id.
        policies: The settings model of each policy, by key.
        dialects: Names.
        transports: Names of transports beside `auto`.
        region_of_host: The region that a host name proves, by provider name and host.
        context_of: Tokens of a model's context window, by provider name and model; `None` where it is not known.
        node: The name of this machine.
        network: The kind of the network file system that a path is on; `None` where it is on none.
    """

    rows: Mapping[str, Row]
    policies: Mapping[str, type[BaseModel]]
    dialects: frozenset[str]
    transports: frozenset[str]
    region_of_host: Callable[[str, str], str | None]
    context_of: Callable[[str, str], int | None]
    node: str
    network: Callable[[str], str | None] = lambda path: None


def installed() -> Known:
    """What is installed here, by the entry point groups `tracegate.dialects`, `.policies` and `.transports`."""
    entries = plugged_in()
    return Known(
        rows=ROWS,
        policies=Policies({entry.name: entry for entry in entries.select(group="tracegate.policies")}),
        dialects=frozenset(entries.select(group="tracegate.dialects").names),
        transports=frozenset({"fast", "httpx"} | entries.select(group="tracegate.transports").names),
        region_of_host=region_of_host,
        context_of=_context_of,
        node=socket.gethostname(),
        network=network,
    )


class Policies(Mapping[str, "type[BaseModel]"]):
    """Settings by key; a policy's package is loaded when a configuration first names it."""

    def __init__(self, entries: Mapping[str, EntryPoint]) -> None:
        self._entries = entries

    def __getitem__(self, key: str) -> type[BaseModel]:
        from pydantic import BaseModel  # only here: it takes longer to load than all that is needed without it

        entry = self._entries[key]
        try:
            settings: object = entry.load()().Settings
        except (ImportError, AttributeError) as exc:
            raise ConfigError(f"the policy `{key}` of `{entry.value}` can't be loaded: {exc}") from exc
        if not isinstance(settings, type) or not issubclass(settings, BaseModel):
            raise ConfigError(f"the policy `{key}` of `{entry.value}` has no `Settings` that are a pydantic model")
        return settings

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


plugged_in = cache(entry_points)
"""What packages gave to all groups: it does not change while a process runs, and looking takes 10 ms."""


@cache
def price_data() -> Table:
    """The built-in prices, read once."""
    return load_table()


def _context_of(provider_name: str, model: str) -> int | None:
    found = price_data().find(provider_name, model)
    return None if found is None else found.context
