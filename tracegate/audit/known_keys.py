"""The public keys of all logs of a directory, as they are published: for discovery, never to be trusted from here."""

from __future__ import annotations

from typing import Any

from tracegate.audit.directory import Directory
from tracegate.audit.events import Closed
from tracegate.audit.leaf import read
from tracegate.audit.reading import StoredLog


class KnownKeys:
    """Tells the keys; of a log that has ended nothing is read twice.

    Args:
        directory: With the logs.
    """

    __slots__ = ("_directory", "_ended")

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._ended: dict[str, int] = {}

    def listed(self) -> dict[str, Any]:
        """The body of `GET /v1/audit/keys`: each key with its log, its state, and its times in seconds since 1970 UTC.

        Raises:
            Malformed: A file of a log is not what it should be.
        """
        return {"v": 1, "keys": [self._key(log) for log in self._directory.logs()]}

    def _key(self, log: StoredLog) -> dict[str, Any]:
        key = {"vkey": log.key.vkey, "log": log.origin, "state": "active", "since": log.created}
        until = self._ended.get(log.origin) or ended_at(log)
        if until is not None:
            self._ended[log.origin] = until
            key |= {"state": "closed", "until": until}
        return key


def ended_at(log: StoredLog) -> int | None:
    """When a log ended for good, in seconds since 1970 UTC; `None` while it can be continued."""
    last = None
    for _, raw in log.leaves(max(0, log.size - 1)):
        last = raw
    leaf = None if last is None else read(last).leaf
    return leaf.t // 1_000_000 if isinstance(leaf, Closed) and leaf.reason == "rotate" else None
