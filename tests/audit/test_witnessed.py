"""A head that witnesses signed makes bundles that a policy with witnesses accepts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audit.made import SIGNER, WATCHER, log_files
from tests.audit.vectors import CHECKPOINT, LEAVES, VKEY, R
from tracegate.audit.bundles import bundle
from tracegate.audit.disk import Disk
from tracegate.audit.notes import cosign, parse_note
from tracegate.audit.policy import parse_policy
from tracegate.audit.reading import StoredLog
from tracegate.audit.records import stood
from tracegate.audit.verify import Given, verify
from tracegate.audit.witnessed import covering, keep

POLICY = f"log {VKEY}\nwitness w {WATCHER.key.vkey}\nquorum w\n"
NOW = 1_795_359_400


@pytest.fixture
def log(tmp_path: Path) -> StoredLog:
    """The log of the vectors, in a directory."""
    folder = tmp_path / "r1-w0" / "2026-11"
    for name, raw in log_files(LEAVES).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    return StoredLog(folder)


def _verdict(log: StoredLog) -> str:
    made = bundle(stood(log, 2, LEAVES[2]), log.head(), SIGNER, R[0])
    return verify(Given(parse_policy(POLICY), NOW, bundle=json.dumps(made).encode())).verdict


def test_a_bundle_has_the_witnesses_once_they_signed(log: StoredLog) -> None:
    """Before, a policy that asks for them finds it incomplete."""
    assert _verdict(log) == "incomplete"
    keep(Disk(), log.folder, str(cosign(parse_note(CHECKPOINT), WATCHER, 1_795_359_200)))
    assert _verdict(log) == "verified"


def test_a_head_covers_what_is_below_it(log: StoredLog) -> None:
    """Later leaves wait for the next."""
    assert covering(log, 0) is None
    keep(Disk(), log.folder, CHECKPOINT)
    found = covering(log, 5)
    assert found is not None
    assert (found.size, found.note) == (6, CHECKPOINT)
    assert covering(log, 6) is None


@pytest.mark.parametrize("note", ["", "nothing", CHECKPOINT.replace("\n6\n", "\n7\n")])
def test_one_that_is_none_is_passed_over(log: StoredLog, note: str) -> None:
    """What the log itself publishes will do."""
    keep(Disk(), log.folder, note)
    assert covering(log, 0) is None
    assert _verdict(log) == "incomplete"
