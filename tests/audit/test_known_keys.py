"""The public keys of all logs, as they are published."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.stored import HOST, ORIGIN, S, T, closed, opened, signer_of, store
from tracegate.audit import known_keys
from tracegate.audit.directory import Directory
from tracegate.audit.known_keys import KnownKeys, ended_at
from tracegate.audit.reading import StoredLog

NEXT = f"{HOST}/r1-w0/2026-12"


def test_each_has_its_log_its_state_and_its_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ended for good is closed; one that only stopped goes on some day."""
    store(tmp_path, [opened(T), closed(T + 5 * S, "rotate")])
    store(tmp_path, [opened(T + 5 * S, NEXT), closed(T + 9 * S, origin=NEXT)], origin=NEXT)
    keys = KnownKeys(Directory(tmp_path))
    first = {"vkey": signer_of(ORIGIN).key.vkey, "log": ORIGIN, "state": "closed", "since": T // S, "until": T // S + 5}
    second = {"vkey": signer_of(NEXT).key.vkey, "log": NEXT, "state": "active", "since": T // S + 5}
    assert keys.listed() == {"v": 1, "keys": [first, second]}
    looked: list[str] = []

    def looks(log: StoredLog) -> int | None:
        looked.append(log.origin)
        return ended_at(log)

    monkeypatch.setattr(known_keys, "ended_at", looks)
    assert keys.listed() == {"v": 1, "keys": [first, second]}
    assert looked == [NEXT]


def test_the_end_may_be_behind_the_checkpoint(tmp_path: Path) -> None:
    """And of a log that has no leaf nothing is known."""
    store(tmp_path, [opened(T), closed(T + 5 * S, "rotate")], published=1)
    folder = tmp_path / "r1-w0" / "2026-11"
    assert ended_at(StoredLog(folder)) == T // S + 5
    (folder / "checkpoint").unlink()
    assert ended_at(StoredLog(folder)) == T // S + 5
    (folder / "segments" / f"{0:020d}.seg").unlink()
    assert ended_at(StoredLog(folder)) is None
