"""`audit erase`: what can be erased of records is erased, all of them or none, and a leaf says so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from tracegate.audit.directory import Directory
from tracegate.audit.erasing import erase as erased
from tracegate.audit.records import Erasures, find
from tracegate.audit.verdict import VERIFIED
from tracegate.cli.archive import Where, blinds_of, nothing, record_of, shown, told, tool


def erase(where: Where, records: Sequence[str], reason: str) -> int:
    """Erase what is kept of records; returns the exit status.

    Args:
        where: Whose logs.
        records: By id.
        reason: Why, for the leaf.
    """
    return told(where, partial(_erase, where, records, reason))


def _erase(where: Where, records: Sequence[str], reason: str, directory: Directory) -> int:
    erasures = Erasures(directory)
    replicas: dict[str, list[str]] = {}
    before: list[str] = []
    for record in dict.fromkeys(map(record_of, records)):
        found = find(directory, record)
        if found is None or found.closing is None:
            said = "is in no log" if found is None else "is still open"
            return nothing(where, f"{record} {said}: nothing was erased.", record_id=record)
        if erasures.of(record) is not None:
            before.append(record)
        else:
            replicas.setdefault(found.closing.log.name.split("/")[0], []).append(record)
    leaves = []
    for replica, some in replicas.items():
        origin, indices = erased(directory, blinds_of(directory), tool(), replica, some, reason)
        leaves += [{"log": origin, "index": index} for index in indices]
    now = [record for some in replicas.values() for record in some]
    if where.as_json:
        shown({"v": 1, "code": VERIFIED, "erased": now, "erased_before": before, "leaves": leaves})
        return VERIFIED
    for record in now:
        click.echo(f"Erased     {record}: nothing here confirms any more what was asked or answered.")
    for record in before:
        click.echo(f"Unchanged  {record}: it was erased before.")
    for leaf in leaves:
        click.echo(f"Written    leaf {leaf['index']} of {leaf['log']} says so; every proof stays valid,")
        click.echo("           and so does a receipt that a client kept.")
    return VERIFIED
