"""An audit directory beside which commands run, and the commands themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.audit.stored import S, T, at, closed, erasure, final, intent, keep, opened, record_at, store
from tracegate.audit.directory import Directory
from tracegate.audit.events import Leaf
from tracegate.audit.leaf import read
from tracegate.cli import main

ONE, TWO, RUNS, GONE = (record_at(T + n * S, n) for n in range(4))
NOBODY = record_at(T, 99)


def archive(folder: Path) -> Directory:
    """Two answers, a request that a gateway left open, and a record that was erased."""
    first = intent(ONE, T)
    leaves: list[Leaf] = [
        opened(),
        first,
        final(ONE, T, at(1, first)),
        final(TWO, T + S),
        intent(RUNS, T + 2 * S),
        final(GONE, T + 3 * S),
        erasure(T + 9 * S, GONE),
    ]
    store(folder, leaves)
    keep(folder, {ONE: 2, TWO: 3})
    return Directory(folder)


def ran(*args: str) -> Result:
    """Run `tracegate audit …` in this process."""
    return CliRunner().invoke(main, ["audit", *args])


def told(*args: str) -> Any:
    """What it prints for programs."""
    result = ran(*args, "--json")
    said = json.loads(result.stdout)
    assert said["code"] == result.exit_code
    return said


def last(directory: Directory, kind: type[Any]) -> list[Any]:
    """The leaves of a type, in the first log."""
    leaves = [read(raw).leaf for _, raw in directory.logs()[0].leaves()]
    return [leaf for leaf in leaves if isinstance(leaf, kind)]


def stopped(t: int = T) -> Leaf:
    """The end of a run."""
    return closed(t)
