"""All logs below an audit directory: every replica and epoch, those that other processes write included, read only."""

from __future__ import annotations

from pathlib import Path

from tracegate.audit.keys import Signer, signer_of
from tracegate.audit.reading import StoredLog
from tracegate.errors import Malformed, Unreadable

KEYS, PRIVATE = "keys", "private"
"""Folders beside those of the replicas: of the signing keys, and of what is for no auditor."""


class Directory:
    """The logs of one audit directory; those that are new are found when they are asked for.

    Args:
        root: The directory, `audit.dir`.
    """

    __slots__ = ("_known", "root")

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[Path, StoredLog] = {}

    @property
    def private(self) -> Path:
        """The folder of what is for no auditor."""
        return self.root / PRIVATE

    def logs(self) -> list[StoredLog]:
        """Every log, the oldest first.

        Raises:
            Malformed: A `log.json` is none.
        """
        for path in self.root.glob("*/*/log.json"):
            if path.parent not in self._known:
                self._known[path.parent] = StoredLog(path.parent)
        return sorted(self._known.values(), key=lambda log: (log.created, log.origin))

    def log(self, name: str) -> StoredLog:
        """The log of an origin, or of `<replica>/<epoch>`.

        Raises:
            Unreadable: There is none of that name.
        """
        logs = self.logs()
        for log in logs:
            if name in (log.origin, log.name):
                return log
        known = ", ".join(f"`{log.name}`" for log in logs) or "none"
        raise Unreadable(f"no log `{name}` below `{self.root}`; known: {known}")

    def signer(self, log: StoredLog) -> Signer | None:
        """Who signs for a log; `None` where its key was destroyed, or is not for us to read.

        Raises:
            Malformed: The file is no key, or that of another log.
        """
        replica, epoch = log.name.split("/")
        path = self.root / KEYS / replica / f"{epoch}.key"
        try:
            found = signer_of(log.origin, path.read_bytes())
        except (FileNotFoundError, PermissionError):
            return None
        if found.key != log.key:
            raise Malformed(f"`{path}` is not the key of `{log.origin}`")
        return found
