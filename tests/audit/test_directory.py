"""All logs below an audit directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.stored import HOST, NAME, ORIGIN, S, T, opened, put, signer_of, store
from tracegate.audit.directory import Directory
from tracegate.errors import Malformed

NEXT, OTHER = f"{HOST}/r1-w0/2026-12", f"{HOST}/r1-w1/2026-11"


def test_every_replica_and_epoch_is_found(tmp_path: Path) -> None:
    """The oldest first; one that is made later is found when it is asked for again."""
    store(tmp_path, [opened(T + S, NEXT)], origin=NEXT)
    store(tmp_path, [opened(T)])
    put(tmp_path / "private" / "r1-w0" / "2026-11.slots", b"")
    directory = Directory(tmp_path)
    assert [log.origin for log in directory.logs()] == [ORIGIN, NEXT]
    store(tmp_path, [opened(T, OTHER)], origin=OTHER)
    assert [log.origin for log in directory.logs()] == [ORIGIN, OTHER, NEXT]
    assert directory.logs()[0] is directory.log(NAME) is directory.log(ORIGIN)
    assert directory.private == tmp_path / "private"


def test_a_name_that_is_none_is_told() -> None:
    """With those that are known."""
    with pytest.raises(Malformed, match="no log `x` below `nowhere`; known: none"):
        Directory(Path("nowhere")).log("x")


def test_whoever_may_read_a_key_signs(tmp_path: Path) -> None:
    """For that log, and no other."""
    store(tmp_path, [opened(T)])
    store(tmp_path, [opened(T, OTHER)], origin=OTHER, key=False)
    directory = Directory(tmp_path)
    signer = directory.signer(directory.log(ORIGIN))
    assert signer is not None
    assert signer.key == signer_of(ORIGIN).key
    assert directory.signer(directory.log(OTHER)) is None
    (tmp_path / "keys" / "r1-w1").mkdir()
    (tmp_path / "keys" / f"{NAME}.key").rename(tmp_path / "keys" / "r1-w1" / "2026-11.key")
    with pytest.raises(Malformed, match=r"2026-11.key` is not the key of `gw.example/tracegate/prod/r1-w1/2026-11`"):
        directory.signer(directory.log(OTHER))
