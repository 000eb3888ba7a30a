"""The newest head of each log that witnesses signed, with their signatures: kept beside the logs, for bundles.

A verifier whose policy asks for witnesses needs a checkpoint that has their signatures. The one that a log publishes
has none: they come later, and are leaves. What stands here can be made again from those leaves.
"""

from __future__ import annotations

from pathlib import Path

from tracegate.audit.blinds import PRIVATE
from tracegate.audit.checkpoint import open_checkpoint
from tracegate.audit.disk import PRIVATE as MODE
from tracegate.audit.disk import Disk, put
from tracegate.audit.reading import SignedHead, StoredLog
from tracegate.errors import Malformed

FOLDER = "heads"
"""Below the private folder: it has what only bundles need."""


def keep(disk: Disk, log: Path, note: str) -> None:
    """Keep a checkpoint with the signatures of witnesses, in place of the last.

    Args:
        disk: The system calls.
        log: The folder of its log.
        note: The whole checkpoint.

    Raises:
        OSError: It is not kept; the last one still is.
    """
    put(disk, _path(log), note.encode(), MODE)


def covering(log: StoredLog, index: int) -> SignedHead | None:
    """The newest head that witnesses signed, if it covers a leaf."""
    try:
        note = _path(log.folder).read_text("utf-8")
        head = SignedHead(note, open_checkpoint(note, log.key))
    except (OSError, UnicodeDecodeError, Malformed):  # a bundle without witnesses is one all the same
        return None
    return head if index < head.size else None


def _path(log: Path) -> Path:
    return log.parents[1] / PRIVATE / FOLDER / log.parent.name / log.name
