"""`audit prune`: the beginning of logs is removed when its time is over; what is left stays provable."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from tracegate.audit.directory import Directory
from tracegate.audit.noting import newest
from tracegate.audit.pruning import prune as pruned
from tracegate.audit.reading import StoredLog
from tracegate.audit.retention import DEFAULT, Before, Pruning, Retention
from tracegate.audit.verdict import VERIFIED
from tracegate.build.audit import retention_of
from tracegate.cli import DEFAULT_FILE
from tracegate.cli.archive import Where, shown, told, tool
from tracegate.cli.exporting import time_of
from tracegate.cli.loading import loaded
from tracegate.errors import Unreadable


def prune(where: Where, before: str, by: str | None) -> int:
    """Prune logs; returns the exit status.

    Args:
        where: Whose logs; a folder may be that of one log.
        before: The first index that stays, or a time of ISO 8601: leaves of that time and younger ones stay.
        by: Who wants it; the user who runs the command, where nobody is named.
    """
    only, folder = None, Path(where.folder or "")
    if where.folder is not None and (folder / "log.json").exists():
        folder = folder.resolve()
        only, where = "/".join(folder.parts[-2:]), replace(where, folder=str(folder.parents[1]))
    return told(where, partial(_prune, where, only, before, by))


def _prune(where: Where, only: str | None, before: str, by: str | None, directory: Directory) -> int:
    logs = newest(directory) if only is None else [directory.log(only)]
    index = int(before) if before.isascii() and before.isdigit() else None
    if index is not None and len(logs) > 1:
        known = ", ".join(log.name for log in logs)
        raise Unreadable(f"there are {len(logs)} logs that grow: name the folder of one, or a date; known: {known}")
    asked = Before(index) if index is not None else Before(t=time_of(before))
    run, retention = tool(), _retention(where)
    done = []
    for log in logs:
        one = pruned(directory, run, log, asked, by or run.by, retention)
        done.append({"log": log.origin, "min_index": one.min_index, "removed": one.removed})
        if one.index is not None:
            done[-1]["index"] = one.index
        if not where.as_json:
            _tell(log, one)
    if where.as_json:
        shown({"v": 1, "code": VERIFIED, "pruned": done})
    return VERIFIED


def _tell(log: StoredLog, one: Pruning) -> None:
    if one.index is None:
        left = f"; files that were left are removed: {one.removed}" if one.removed else ""
        click.echo(f"{'Finished ' if left else 'Unchanged'}  {log.name}: it begins at leaf {one.min_index}{left}.")
    else:
        click.echo(f"Pruned     {log.name}: it begins at leaf {one.min_index} now; {one.removed} files removed.")
        click.echo(f"Written    leaf {one.index} of {log.origin} says so; proofs of all that is left stay valid.")


def _retention(where: Where) -> Retention:
    """What the file says; where there is none, leaves are kept as long as a gateway without one keeps them."""
    file = where.config or (DEFAULT_FILE if Path(DEFAULT_FILE).exists() else None)
    return DEFAULT if file is None else retention_of(loaded(file))
