"""The commands as `--help` tells of them."""

from __future__ import annotations

import pytest

from tests.cli.archived import ran
from tracegate.cli.record_commands import COMMANDS


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_each_tells_where_it_looks_and_how_it_ends(name: str) -> None:
    """The directory, the configuration, what programs get, and the exit statuses."""
    said = ran(name, "--help").stdout
    for part in ("--dir DIR", "--config FILE", "--json", "Exit status: 0 ", "4 the log"):
        assert part in " ".join(said.split()), part
