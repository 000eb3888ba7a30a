"""An audit log that waits for no disk: whole, on any clock, in a folder in memory that goes when it is closed.

It is the gateway's own log, with every file and every byte that it would have; only the syncs are left out, and disk
work is done at once, where it is asked for. So it fits into virtual time. Nothing in it outlives the process.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tracegate.audit.blinds import PRIVATE, Blinds
from tracegate.audit.bundles import bundle
from tracegate.audit.canonical import decode
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.keys import Key
from tracegate.audit.kinds import Gateway
from tracegate.audit.lane import Lane
from tracegate.audit.process import STRICT_NS, Audit, Mode, Settings
from tracegate.audit.records import find
from tracegate.audit.succession import Home, take
from tracegate.audit.verdict import Check
from tracegate.clock import Clock, Ids

T = TypeVar("T")

GATEWAY = Gateway(node="node-1", run="00000000-0000-7000-8000-000000000000", version="0", config_digest="0" * 64)
"""Who writes, unless it is said otherwise."""

MEMORY = Path("/dev/shm")  # noqa: S108  # a file system in memory, where there is one


class MemoryDisk(Disk):
    """A disk that says of everything that it is durable."""

    __slots__ = ()

    def sync(self, file: int) -> None:
        """See `Disk.sync`."""

    def sync_both(self, one: int, other: int) -> None:
        """See `Disk.sync_both`."""

    def sync_folder(self, path: Path) -> None:
        """See `Disk.sync_folder`."""


class InlineLane:
    """Disk work is done where it is asked for, at once."""

    __slots__ = ()

    async def run(self, work: Callable[[], T]) -> T:
        """See `Lane.run`."""
        return work()

    def give(self, work: Callable[[], T], then: Callable[[T | BaseException], None]) -> None:
        """See `Lane.give`; `then` comes in the next turn of the loop."""
        found: T | BaseException
        try:
            found = work()
        except Exception as exc:  # noqa: BLE001  # whoever waits is told
            found = exc
        asyncio.get_running_loop().call_soon(then, found)

    def close(self) -> None:
        """See `Lane.close`."""


class Stored:
    """What stands in an audit directory that one process writes, or has written.

    Args:
        folder: The directory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def keys(self) -> list[Key]:
        """The public keys of its logs, the oldest first."""
        return [log.key for log in Directory(self.folder).logs()]

    @property
    def key(self) -> Key:
        """The public key of the last log."""
        return self.keys[-1]

    def leaves(self) -> list[dict[str, Any]]:
        """What its leaves say, in their order, those that are under no checkpoint yet included."""
        return [decode(raw) for log in Directory(self.folder).logs() for _, raw in log.leaves()]

    def bundle(self, record_id: str) -> bytes | None:
        """The bundle of a record, as the gateway gives it out; `None` where the record is not closed."""
        directory = Directory(self.folder)
        found = find(directory, record_id)
        if found is None or found.closing is None:
            return None
        log = found.closing.log
        r = Blinds(self.folder / PRIVATE).r(record_id)
        return json.dumps(bundle(found.closing, log.head(), directory.signer(log), r)).encode()

    def faults(self) -> list[Check]:
        """What `fsck` finds in the last log, by its own key: nothing, if it is sound."""
        log = Directory(self.folder).logs()[-1]
        return [check for check in fsck(Folder(log.folder), log.key).checks if check.result != "pass"]


class MemoryLog(Stored):
    """A log that takes leaves from the moment on that it is made, inside a running loop.

    Args:
        clock: Of the loop.
        ids: For blinding records.
        gateway: Who writes.
        mode: What happens to answers while it can't be written.
        wait_ns: How long an answer waits for it in all.
        lane: Where disk work is done, to make it slow.
        disk: The system calls, to let them fail.
        sign_path: Whether signatures of responses cover the request's path.
    """

    def __init__(
        self,
        clock: Clock,
        ids: Ids,
        gateway: Gateway = GATEWAY,
        *,
        mode: Mode = "strict",
        wait_ns: int = STRICT_NS,
        lane: Lane | None = None,
        disk: Disk | None = None,
        sign_path: bool = True,
    ) -> None:
        memory = MEMORY if MEMORY.is_dir() else None
        super().__init__(Path(tempfile.mkdtemp(prefix="tracegate-audit-", dir=memory)))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        disk = disk or MemoryDisk()
        home = Home(self.folder, "localhost", "test", "r1")
        taken = take(disk, home, gateway, clock)
        settings = Settings(home, mode, wait_ns, sign_path=sign_path)
        self.audit = Audit(
            taken, settings, gateway, clock, ids, lane=lane or InlineLane(), disk=disk, beside=InlineLane()
        )
        """What a gateway is given."""
        self.audit.run()

    async def close(self) -> None:
        """Close what is open, then the log, and publish both; the files stay as long as this object."""
        await self.audit.close()
