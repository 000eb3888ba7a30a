"""The keys of tenants, under which digests of their answers are kept: without one, nobody can test a guess.

Each is a file of 32 bytes, made when the tenant's first record is written; all processes of an audit directory share
them. The file's name is a digest of the tenant's id. It runs on the log's thread, or a reader's.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from tracegate.audit.blinding import Mac
from tracegate.audit.disk import PRIVATE, Disk, known, make_folders, stage
from tracegate.clock import RandomIds

FOLDER = "tenants"
"""Below `private/`."""

_ids = RandomIds()


class TenantKeys:
    """The keys below an audit directory.

    Args:
        disk: The system calls.
        private: The folder `private/`.
    """

    __slots__ = ("_disk", "_folder", "_known", "_macs")

    def __init__(self, disk: Disk, private: Path) -> None:
        self._disk = disk
        self._folder = private / FOLDER
        self._known: dict[str, bytes] = {}
        self._macs: dict[str, Mac] = {}

    def key(self, tenant: str) -> bytes:
        """The key of a tenant, which is made if there is none.

        Raises:
            OSError: It can be neither read nor made.
        """
        found = self._known.get(tenant)
        if found is None:
            path = self._folder / f"{hashlib.sha256(tenant.encode()).hexdigest()[:32]}.key"
            found = self._known[tenant] = known(self._disk, path) or self._made(path)
        return found

    def mac(self, tenant: str) -> Mac:
        """What digests are kept under that are a tenant's; see `key`."""
        found = self._macs.get(tenant)
        if found is None:
            found = self._macs[tenant] = Mac(self.key(tenant))
        return found

    def _made(self, path: Path) -> bytes:
        """A new key, unless another process made one meanwhile: then that."""
        make_folders(self._disk, self._folder)
        key = _ids.secret()
        beside = path.with_name(f"{path.name}.{_ids.trace().hex()}.tmp")  # another process may be making it too
        stage(self._disk, beside, key, PRIVATE)
        with suppress(FileExistsError):
            self._disk.link(beside, path)
        self._disk.remove(beside)
        self._disk.sync_folder(self._folder)
        return self._disk.read(path)


def keys_of(private: Path) -> list[bytes]:
    """The keys of all tenants, for a reader that may search them all."""
    return [path.read_bytes() for path in sorted((private / FOLDER).glob("*.key"))]
