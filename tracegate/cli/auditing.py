"""`audit …`: what is asked of a log on disk. Nothing here writes into one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tracegate.audit import fsck as check
from tracegate.audit.anchored import Authorities
from tracegate.audit.canonical import decode
from tracegate.audit.folder import Folder
from tracegate.audit.keys import Key
from tracegate.audit.verdict import UNUSABLE
from tracegate.cli.verifying import keys_of, tell, text_of
from tracegate.errors import Malformed

SAID = {
    "verified": "Sound: every file is what the leaves give, and the leaves make sense.",
    "refused": "Not sound: something is false, altered or missing.",
    "incomplete": "Incomplete: nothing is false, and something needed for the proof was not there.",
}


def fsck(
    folder: str, keys: Sequence[str], against: Sequence[str], authority: str | None = None, *, as_json: bool
) -> int:
    """Check a log and print what was found; returns the exit status, 2 where something can't be read.

    Args:
        folder: Of one log.
        keys: Public keys, or files of them; of several, the one that the log says is its own.
        against: Files of checkpoints that were saved earlier or elsewhere.
        authority: File with certificates of time-stamp authorities, whose stamps are checked too.
        as_json: Print one JSON object.
    """
    files = Folder(Path(folder))
    try:
        if not Path(folder).is_dir():
            raise Malformed(f"{folder}: not a folder")
        key = _own(files, keys_of(keys))
        pinned = None if authority is None else _pinned(text_of(authority))
        report = check.fsck(files, key, [text_of(file) for file in against], pinned)
    except (Malformed, OSError) as exc:
        click.echo(f"can't be read: {exc}", err=True)
        return UNUSABLE
    return tell(report, SAID[report.verdict], as_json=as_json)


def _own(files: Folder, keys: Sequence[Key]) -> Key | None:
    try:
        stated = decode(files.read("log.json")).get("vkey")
    except (Malformed, FileNotFoundError):  # which the check says
        stated = None
    return next((key for key in keys if key.vkey == stated), keys[0] if keys else None)


def _pinned(pem: str) -> Authorities:
    try:
        from tracegate.audit.timestamp import Pinned  # only who checks time stamps needs the library
    except ImportError as exc:
        raise Malformed(f"time stamps need more: install `tracegate[rfc3161]` ({exc})") from exc
    return Pinned(pem)
