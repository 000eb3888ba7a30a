"""Erased records: nothing that confirms their content is left in any file, and every proof stays valid."""

from __future__ import annotations

import hashlib
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest

from tests.audit.commanding import tool, while_open
from tests.audit.stored import (
    ANSWER,
    NAME,
    ORIGIN,
    TENANT_KEY,
    S,
    T,
    at,
    closed,
    final,
    intent,
    keep,
    opened,
    r_of,
    record_at,
    signer_of,
    store,
)
from tracegate.audit.blinding import text_digest
from tracegate.audit.blinds import Blinds
from tracegate.audit.directory import Directory
from tracegate.audit.erasing import erase
from tracegate.audit.events import Erased, Leaf
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.leaf import read
from tracegate.audit.slots import keyed
from tracegate.errors import Malformed

MANY = [record_at(T + n, n) for n in range(150)]
GONE, KEPT = MANY[3], MANY[4]


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """A log of 150 requests, and what can be erased of them."""
    leaves: list[Leaf] = [opened()]
    for n, record in enumerate(MANY):
        leaves.append(intent(record, T + n))
        leaves.append(final(record, T + n, at(len(leaves) - 1, leaves[-1])))
    store(tmp_path, [*leaves, closed(T + S)])
    keep(tmp_path, {record: 2 + 2 * n for n, record in enumerate(MANY)})
    return Directory(tmp_path)


def _secrets(record: str) -> list[bytes]:
    """What is kept of a record and may stand nowhere once it is erased: `r`, and its rows under the tenant's key."""
    text = text_digest("Paris it is.")
    assert text is not None
    rows = [
        keyed(TENANT_KEY, kind, digest) for kind, digest in (("wire", hashlib.sha256(ANSWER).digest()), ("text", text))
    ]
    return [r_of(record), *rows]


def _holding(root: Path, secret: bytes) -> list[str]:
    """The files that have some bytes in them, as they are or as text."""
    forms = [secret, secret.hex().encode(), b64encode(secret), urlsafe_b64encode(secret).rstrip(b"=")]
    files = [path for path in root.rglob("*") if path.is_file()]
    return [path.name for path in files if any(form in path.read_bytes() for form in forms)]


def _erasures(directory: Directory) -> list[Erased]:
    leaves = [read(raw).leaf for _, raw in directory.log(ORIGIN).leaves()]
    return [leaf for leaf in leaves if isinstance(leaf, Erased)]


def test_nothing_is_left_of_it_in_any_file(directory: Directory) -> None:
    """But that it was erased; what is kept of others is as it was."""
    before = {path: path.read_bytes() for path in (directory.root / NAME).rglob("*") if path.is_file()}
    blinds = Blinds(directory.private)
    assert _holding(directory.root, r_of(GONE)) == ["2026-11.slots"]
    origin, indices = erase(directory, blinds, tool(), "r1-w0", [GONE], "asked by the customer")
    assert (origin, indices) == (ORIGIN, [303])
    assert _holding(directory.root, r_of(GONE)) == []
    assert _holding(directory.root, r_of(KEPT)) == ["2026-11.slots"]
    assert (blinds.r(GONE), blinds.r(KEPT)) == (None, r_of(KEPT))
    assert [row.record_id for row in blinds.find("wire", hashlib.sha256(ANSWER).digest())] == [
        record for record in MANY if record != GONE
    ]
    (told,) = _erasures(directory)
    assert (told.record_ids, told.count, told.by, told.reason) == ([GONE], 1, "ada", "asked by the customer")
    checks = fsck(
        Folder(directory.root / NAME), signer_of(ORIGIN).key, [before[directory.root / NAME / "checkpoint"].decode()]
    )
    assert {check.result for check in checks.checks} == {"pass"}


def test_all_that_is_kept_can_be_erased(directory: Directory) -> None:
    """A leaf for each hundred; not one row is left."""
    _, indices = erase(directory, Blinds(directory.private), tool(), "r1-w0", MANY, "all")
    assert len(indices) == 2
    assert [told.count for told in _erasures(directory)] == [100, 50]
    for record in MANY[:3]:
        assert [_holding(directory.root, secret) for secret in _secrets(record)] == [[], [], []]


def test_where_nothing_is_kept_nothing_is_told(directory: Directory) -> None:
    """The leaf names only what was erased; where that is nothing, there is none."""
    unknown = record_at(T, 999)
    _, indices = erase(directory, Blinds(directory.private), tool(), "r1-w0", [unknown, GONE], "x")
    assert [told.record_ids for told in _erasures(directory)] == [[GONE]]
    before = len(list(directory.log(ORIGIN).leaves()))
    with pytest.raises(Malformed, match="nothing is kept"):
        erase(directory, Blinds(directory.private), tool(), "r1-w0", [unknown], "x")
    assert (len(list(directory.log(ORIGIN).leaves())), len(indices)) == (before, 1)


def test_a_gateway_that_has_the_log_open_erases(directory: Directory) -> None:
    """The command asks it, and writes nothing itself."""
    blinds = Blinds(directory.private)
    work = lambda: erase(directory, blinds, tool(), "r1-w0", [GONE], "x")  # noqa: E731  # one expression
    found, asked = while_open(directory, "r1-w0", work, {"log": ORIGIN, "index": 9})
    assert found == (ORIGIN, [9])
    assert asked == [{"do": "erase", "by": "ada", "reason": "x", "record_ids": [GONE]}]
    assert blinds.r(GONE) == r_of(GONE)


def test_a_gateway_must_say_where_it_wrote(directory: Directory) -> None:
    """Else nobody knows whether it did."""

    def work() -> None:
        with pytest.raises(Malformed, match="does not say where"):
            erase(directory, Blinds(directory.private), tool(), "r1-w0", [GONE], "x")

    while_open(directory, "r1-w0", work, {})
