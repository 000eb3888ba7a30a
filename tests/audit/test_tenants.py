"""Keys of tenants: one each, whoever asks, and nothing else is told of them."""

from __future__ import annotations

import errno
import hmac
from pathlib import Path

import pytest

from tests.audit.failing import FaultyDisk
from tracegate.audit.disk import Disk
from tracegate.audit.tenants import TenantKeys, keys_of


def test_a_tenant_has_one_key(tmp_path: Path) -> None:
    """Made once, private, the same for every process; another tenant has another."""
    keys = TenantKeys(Disk(), tmp_path)
    key = keys.key("acme")
    assert (len(key), keys.key("acme"), TenantKeys(Disk(), tmp_path).key("acme")) == (32, key, key)
    assert keys.key("other") != key
    assert sorted(keys_of(tmp_path)) == sorted([key, keys.key("other")])
    assert keys.mac("acme").digest(b"text") == hmac.digest(key, b"text", "sha256")
    assert keys.mac("acme") is keys.mac("acme")
    files = list((tmp_path / "tenants").iterdir())
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert [file.name for file in files if "acme" in file.name or file.suffix != ".key"] == []


def test_of_two_that_make_a_key_at_once_one_wins(tmp_path: Path) -> None:
    """And both have that."""

    class Late(Disk):
        def link(self, old: Path, new: Path) -> None:
            if not new.exists():
                new.write_bytes(b"o" * 32)
            super().link(old, new)

    assert TenantKeys(Late(), tmp_path).key("acme") == b"o" * 32
    assert [file.suffix for file in (tmp_path / "tenants").iterdir()] == [".key"]


def test_a_key_that_can_not_be_made_is_an_error(tmp_path: Path) -> None:
    """It is made the next time."""
    disk = FaultyDisk()
    disk.broken["write"] = errno.ENOSPC
    keys = TenantKeys(disk, tmp_path)
    with pytest.raises(OSError, match="space"):
        keys.key("acme")
    disk.broken.clear()
    assert len(keys.key("acme")) == 32


def test_nobody_has_a_key_where_there_is_none(tmp_path: Path) -> None:
    """A reader makes none."""
    assert keys_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
