"""The audit directory that a command is about, what hinders it there, and what it leaves in a log of itself.

Whoever reads leaves `audit.read` in a log first, and is shown nothing where that can't be written. Only a copy of the
logs, whose signing keys are elsewhere, is read without; the command says so.
"""

from __future__ import annotations

import json
import os
import pwd
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from tracegate import __version__
from tracegate.audit.blinds import Blinds
from tracegate.audit.directory import Directory
from tracegate.audit.noting import Tool, What, newest, note_read
from tracegate.audit.opening import InUse, StartRefused
from tracegate.audit.records import is_record
from tracegate.audit.verdict import INCOMPLETE, REFUSED, UNUSABLE
from tracegate.cli import DEFAULT_FILE
from tracegate.cli.loading import loaded
from tracegate.clock import SystemClock
from tracegate.errors import Malformed, Unreadable

IN_USE = 4
"""Exit status: a process has the log, and nobody answers for it."""

DEFAULT = "tracegate-audit"
"""The audit directory of a gateway without a file."""


@dataclass(frozen=True, slots=True)
class Where:
    """Whose logs, and for whom the answer is.

    Args:
        folder: The audit directory.
        config: The file that says where it is, in place of the folder.
        as_json: For programs.
    """

    folder: str | None = None
    config: str | None = None
    as_json: bool = False

    def directory(self) -> Directory:
        """The logs; raises `Unreadable` where there are none."""
        if self.folder is not None:
            root = Path(self.folder)
        else:
            file = self.config or (DEFAULT_FILE if Path(DEFAULT_FILE).exists() else None)
            root = Path(DEFAULT if file is None else loaded(file).audit.dir)
        found = Directory(root)
        if not found.logs():
            raise Unreadable(f"there is no log below `{root}`: name the audit directory with --dir, or a --config")
        return found


def told(where: Where, work: Callable[[Directory], int]) -> int:
    """Do what is asked, and tell what hinders; returns the exit status."""
    try:
        return work(where.directory())
    except InUse as exc:
        code, said = IN_USE, f"in use: {exc}, and no gateway answers for it"
    except StartRefused as exc:
        code, said = REFUSED, f"refused: {exc}"
    except Unreadable as exc:
        code, said = UNUSABLE, f"can't be used: {exc}"
    except Malformed as exc:
        code, said = REFUSED, f"refused: {exc}"
    except OSError as exc:
        code, said = UNUSABLE, f"can't be read: {exc}"
    click.echo(said, err=True)
    return code


def record_of(text: str) -> str:
    """The id of a record; raises `Unreadable` where it is none."""
    if not is_record(text):
        raise Unreadable(f"`{text}` is no record: one is `tg-` and a UUID, as `Tracegate-Record` has it")
    return text


def blinds_of(directory: Directory) -> Blinds:
    """What can be erased of the records of a directory."""
    return Blinds(directory.private)


def tool() -> Tool:
    """This run of a command."""
    try:
        by = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        by = str(os.getuid())
    return Tool(by, str(uuid.uuid4()), __version__, SystemClock())


def noted(directory: Directory, what: What, records: Sequence[str], count: int | None = None) -> None:
    """Leave in a log that these records were read; see `note_read` for what is raised."""
    if all(directory.signer(log) is None for log in newest(directory)):
        click.echo("This read stands in no log: the signing keys of these logs are not here.", err=True)
        return
    note_read(directory, tool(), what, records, count)


def nothing(where: Where, said: str, **members: Any) -> int:
    """Tell that it was not found; returns the exit status."""
    if where.as_json:
        shown({"v": 1, "code": INCOMPLETE, **members})
    click.echo(said, err=True)
    return INCOMPLETE


def pruned(directory: Directory) -> str:
    """What was pruned, to be said where something is not found; nothing where that was nothing."""
    logs = [f"leaves before {log.first} of `{log.name}`" for log in directory.logs() if log.first]
    return f" Pruned were {', and '.join(logs)}." if logs else ""


def shown(value: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(value, ensure_ascii=False))


def console() -> Console:
    """Where people read; what goes into a file or a pipe is not folded."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=1000)
