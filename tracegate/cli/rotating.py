"""`audit rotate`: the logs that gateways have open get another key; whose epochs end is told, and which begin."""

from __future__ import annotations

from functools import partial

import click

from tracegate.audit import noting
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.opening import InUse
from tracegate.audit.reading import StoredLog
from tracegate.audit.verdict import VERIFIED
from tracegate.cli.archive import Where, nothing, shown, told


def rotate(where: Where) -> int:
    """Ask every gateway that has a log of a directory open; returns the exit status, 3 where none has.

    It is 4 where none answers and a process has a log all the same.

    Args:
        where: Whose logs.
    """
    return told(where, partial(_rotate, where))


def _rotate(where: Where, directory: Directory) -> int:
    turned = []
    for log in noting.newest(directory):
        answer = noting.told(directory, log, {"do": "rotate"})
        if answer is not None:
            turned.append({"ended": log.origin, "log": str(answer.get("log")), "vkey": str(answer.get("vkey"))})
    if not turned:
        for log in noting.newest(directory):
            _free(log)
        return nothing(where, "No gateway has a log open: a key is changed while one runs.", turned=[])
    if where.as_json:
        shown({"v": 1, "code": VERIFIED, "turned": turned})
        return VERIFIED
    for one in turned:
        click.echo(f"Ended      {one['ended']}: its key is destroyed; what it signed stays valid.")
        click.echo(f"Began      {one['log']}; its key, to pin beside the other:")
        click.echo(f"           {one['vkey']}")
    return VERIFIED


def _free(log: StoredLog) -> None:
    """Raise `InUse` where a process has a log."""
    disk = Disk()
    file = disk.open(log.folder / "lock")
    try:
        disk.lock(file)
    except BlockingIOError:
        raise InUse(f"`{log.folder}` is in use by another process") from None
    finally:
        disk.close(file)
