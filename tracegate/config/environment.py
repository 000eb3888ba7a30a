"""Without a file: what the environment alone says. `OPENAI_BASE_URL` is never read: it names this gateway.

Source: section 14 of the configuration's reference.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracegate.config.document import Node
from tracegate.config.hosts import Url
from tracegate.config.known import Known
from tracegate.config.model import Config
from tracegate.config.problems import Position
from tracegate.dialects.rows import Row
from tracegate.errors import ConfigError

_NOWHERE = Position("environment", 1, 1)


def document(env: Mapping[str, str], known: Known) -> Node:
    """A document that names every row whose variable is set.

    Raises:
        ConfigError: There is none; the text lists the variables.
    """
    rows = {row.id: variable for row in known.rows.values() if (variable := _variable(row)) is not None}
    found = [id for id, variable in rows.items() if env.get(variable)]
    if not found:
        lines = "".join(f"\n    {id:<12}{variable}" for id, variable in rows.items())
        raise ConfigError(
            "there is no tracegate.yaml here, and no variable of a provider is set. Nothing was started.\n"
            f"    write a file (`--config FILE`), or set one of:{lines}"
        )
    providers = Node({id: Node({}, _NOWHERE) for id in found}, _NOWHERE, dict.fromkeys(found, _NOWHERE))
    return Node({"providers": providers}, _NOWHERE, {"providers": _NOWHERE})


def found(config: Config, known: Known) -> str:
    """What was found, and what to write to change it; for a configuration without a file."""
    lines = ["no tracegate.yaml here: serving the providers whose variable is set, as provider/model"]
    for provider in config.providers.values():
        where = Url(provider.scheme, provider.host, provider.port, provider.path)
        lines.append(f"    {provider.id:<12}{_variable(known.rows[provider.id]):<20}{where}")
    lines.append("to change it, write tracegate.yaml:")
    lines.append("    providers:")
    lines += [f"      {id}: {{}}" for id in config.providers]
    return "\n".join(lines)


def _variable(row: Row) -> str | None:
    """The variable that brings a row in: where a server of one's own is, or the key; none without an address."""
    if row.base_url_variable is not None:
        return row.base_url_variable
    return row.key if row.base_url is not None else None
