"""The erasable tables: found by record and by digest, and gone from every file when they are erased."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import pytest

from tracegate.audit import blinds as module
from tracegate.audit.blinds import Blinds, Row, end_of
from tracegate.audit.disk import Disk
from tracegate.audit.slots import SIZE, Erasable, keyed, slot, slots_of
from tracegate.audit.tenants import TenantKeys
from tracegate.clock import uuid7

DIGEST = hashlib.sha256(b"The Earth pulls them down.").digest()
SECOND = 1_000_000_000


def _record(seconds: int, n: int = 0) -> str:
    return "tg-" + uuid7((1_795_359_164 + seconds) * SECOND, n.to_bytes(10, "big"))


def _r(n: int) -> bytes:
    return n.to_bytes(32, "big")


def _table(private: Path, name: str, raw: bytes) -> Path:
    path = private / f"{name}.slots"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def _kept(private: Path, count: int, replica: str = "r1", tenant: str = "acme") -> list[str]:
    """A table of records, one a second: an intent's slot, and its final's ten seconds later."""
    mac = TenantKeys(Disk(), private).mac(tenant)
    records = [_record(n, n) for n in range(count)]
    slots = []
    for n in range(count + 10):
        if n < count:
            slots.append(slot(records[n], "r", 2 * n, _r(n)))
        if n >= 10:
            rows = [("id", hashlib.sha256(records[n - 10].encode()).digest()), ("text", DIGEST)]
            slots.append(slots_of(Erasable(records[n - 10], tenant, None, rows), 2 * n + 1, mac))
    _table(private, f"{replica}/2026-11", b"".join(slots))
    return records


@pytest.mark.parametrize("count", [1, 2, 3, 64, 3000])
def test_a_blinding_is_found_by_its_record(count: int, tmp_path: Path) -> None:
    """The first, the last, any; one that is not there is not found."""
    records = _kept(tmp_path, count)
    blinds = Blinds(tmp_path, 60_000)
    for n in {0, count - 1, count // 2, count // 3}:
        assert blinds.r(records[n]) == _r(n)
    assert blinds.r(_record(count // 2, 999_999)) is None
    assert blinds.r(_record(-100_000)) is None
    assert blinds.r(_record(100_000)) is None


@pytest.mark.parametrize("count", [1, 2, 3, 64, 3000])
def test_a_blinding_is_found_by_its_leaf(count: int, tmp_path: Path) -> None:
    """However long ago its request came; where nothing is known of the leaf, by the record."""
    records = _kept(tmp_path, count)
    blinds, elsewhere = Blinds(tmp_path, 0), Blinds(tmp_path, 60_000)
    for n in {0, count - 1, count // 2, count // 3}:
        assert blinds.r(records[n], Row(records[n], "r1/2026-11", 2 * n)) == _r(n)
        for wrong in (Row("", "r1/2026-11", 2 * n + 1), Row("", "r1/2026-11", 9999), Row("", "r9/2026-11", 0)):
            assert elsewhere.r(records[n], wrong) == _r(n)
    blinds.erase(records[:1], Disk())
    assert blinds.r(records[0], Row(records[0], "r1/2026-11", 0)) is None


def test_a_slot_that_is_damaged_holds_nothing(tmp_path: Path) -> None:
    """What stands beside it is found."""
    one, two = slot(_record(0, 1), "r", 4, _r(1)), slot(_record(0, 2), "r", 4, _r(2))
    _table(tmp_path, "r1/2026-11", one[:-1] + b"x" + two)
    first = Row("", "r1/2026-11", 4)
    assert [Blinds(tmp_path).r(_record(0, n), first) for n in (1, 2)] == [None, _r(2)]


def test_a_table_that_is_for_others_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An auditor may read the logs, and not what stands beside them."""
    (record,) = _kept(tmp_path, 1)

    def guarded(path: Path, mode: str) -> BinaryIO:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", guarded)
    monkeypatch.setattr(Blinds, "_tables", lambda _: [])  # nor can he list them
    assert Blinds(tmp_path).r(record, Row(record, "r1/2026-11", 0)) is None


def test_every_table_is_looked_through(tmp_path: Path) -> None:
    """Those of other replicas, and epochs."""
    records = _kept(tmp_path, 5)
    _table(tmp_path, "r2/2026-11", slot(_record(1, 77), "r", 0, _r(77)))
    _table(tmp_path, "r1/2026-12", slot(_record(2, 78), "r", 0, _r(78)))
    blinds = Blinds(tmp_path)
    assert [blinds.r(record) for record in (_record(1, 77), _record(2, 78), records[4])] == [_r(77), _r(78), _r(4)]
    assert Blinds(tmp_path / "none").r(records[0]) is None


def test_records_are_found_by_a_digest(tmp_path: Path) -> None:
    """All that have it, of the tenants that were asked for; of a kind."""
    first = _kept(tmp_path, 3)
    second = _kept(tmp_path, 1, "r2", "other")
    blinds = Blinds(tmp_path)
    found = blinds.find("id", hashlib.sha256(first[1].encode()).digest())
    assert found == [Row(first[1], "r1/2026-11", 23)]
    assert [row.record_id for row in blinds.find("text", DIGEST)] == [*first, *second]
    own = [TenantKeys(Disk(), tmp_path).key("other")]
    assert [row.log for row in blinds.find("text", DIGEST, own)] == ["r2/2026-11"]
    assert blinds.find("text", hashlib.sha256(b"other").digest()) == []
    assert blinds.find("wire", DIGEST) == []
    mac = keyed(own[0], "text", DIGEST)
    _table(tmp_path, "r3/2026-11", slot(first[0], "id", 0, mac) + slot(first[0], "r", 0, _r(1)))
    assert [row.log for row in blinds.find("text", DIGEST, own)] == ["r2/2026-11"]


def test_what_is_erased_is_in_no_file(tmp_path: Path) -> None:
    """Blinding and rows; the others stay, and it is known that there was something."""
    records = _kept(tmp_path, 20)
    blinds = Blinds(tmp_path)
    under = TenantKeys(Disk(), tmp_path).mac("acme")
    mac = slots_of(Erasable(records[7], "acme", None, [("text", DIGEST)]), 0, under)[32:]
    before = (tmp_path / "r1/2026-11.slots").read_bytes()
    assert before.count(mac) == 20
    assert blinds.erase([records[7], _record(3, 555)], Disk()) == {records[7]}
    after = (tmp_path / "r1/2026-11.slots").read_bytes()
    assert (after.count(_r(7)), after.count(mac), len(after)) == (0, 19, len(before))
    assert blinds.r(records[7]) is None
    assert records[7] not in [row.record_id for row in blinds.find("text", DIGEST)]
    assert [blinds.r(records[n]) for n in (6, 8)] == [_r(6), _r(8)]
    assert blinds.erase([records[7]], Disk()) == {records[7]}
    assert blinds.erase([], Disk()) == set()


def test_an_erasure_that_is_not_certain_is_an_error(tmp_path: Path) -> None:
    """It can be asked for again."""

    class Broken(Disk):
        def overwrite(self, path: Path, parts: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

    records = _kept(tmp_path, 2)
    with pytest.raises(OSError, match="Input/output"):
        Blinds(tmp_path).erase(records, Broken())
    assert Blinds(tmp_path).r(records[0]) == _r(0)


def test_damage_is_not_taken_for_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A torn slot, one whose value was changed, bytes of another's value that look like a record; chunk by chunk."""
    monkeypatch.setattr(module, "_CHUNK", 2 * SIZE)
    one, other = _record(1, 1), _record(1, 2)
    good, bad = slot(one, "r", 0, _r(1)), bytearray(slot(other, "r", 1, _r(2)))
    bad[40] ^= 1
    looks = slot(_record(1, 3), "r", 2, UUID(other[3:]).bytes + bytes(16))
    raw = good + bytes(bad) + looks + slot(other, "id", 3, _r(9)) + slot(_record(2, 4), "r", 4, _r(4))[:50]
    path = _table(tmp_path, "r1/2026-11", raw)
    blinds = Blinds(tmp_path)
    assert (blinds.r(one), blinds.r(other), blinds.r(_record(2, 4))) == (_r(1), None, None)
    assert blinds.erase([other], Disk()) == {other}
    left = path.read_bytes()
    assert (left[:SIZE], left[2 * SIZE : 3 * SIZE]) == (raw[:SIZE], raw[2 * SIZE : 3 * SIZE])
    assert left[SIZE + 32 : 2 * SIZE] == left[3 * SIZE + 32 : 4 * SIZE] == bytes(32)
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants" / "k.key").write_bytes(bytes(32))
    assert blinds.find("text", DIGEST) == []


def test_a_table_ends_with_what_belongs_to_durable_leaves(tmp_path: Path) -> None:
    """What stands behind them, and a torn end, is cut by whoever goes on with it."""
    raw = b"".join(slot(_record(n, n), "r", n, _r(n)) for n in range(4))
    path = _table(tmp_path, "r1/2026-11", raw + b"torn")
    assert [end_of(path, size) // SIZE for size in (0, 1, 3, 4, 9)] == [0, 1, 3, 4, 4]
    path.write_bytes(raw[: 3 * SIZE] + bytes(SIZE))
    assert end_of(path, 9) == 3 * SIZE
    assert end_of(tmp_path / "none", 9) == 0
