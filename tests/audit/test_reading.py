"""A log on disk as readers see it."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from tests.audit.stored import NAME, ORIGIN, S, T, beat, closed, final, intent, opened, put, record_at, signer_of, store
from tracegate.audit.events import Leaf
from tracegate.audit.leaf import read, write
from tracegate.audit.merkle import included
from tracegate.audit.reading import StoredLog, Times, written_at
from tracegate.audit.segments import name_of
from tracegate.audit.tiles import Tile
from tracegate.errors import Malformed

MANY: list[Leaf] = [opened(), *(beat(T + n * S) for n in range(1199))]
"""A leaf a second: four bundles are full, and the fifth has 176."""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """A log of 1,200 leaves, of which 1,190 are under its checkpoint."""
    root = tmp_path_factory.mktemp("many")
    return root, store(root, MANY, published=1190, segments=(0, 1000))


def _log(root: Path) -> StoredLog:
    return StoredLog(root / NAME)


@pytest.mark.parametrize("start", [0, 1, 255, 256, 1189, 1190, 1195, 1199, 1200, 5000])
def test_leaves_are_read_from_any_index(many: tuple[Path, list[bytes]], start: int) -> None:
    """From bundles, and behind the checkpoint from segments."""
    root, raws = many
    log = _log(root)
    assert list(log.leaves(start)) == list(enumerate(raws))[start:]
    for end in (0, 256, 300, 1190, 1193, 9000):
        assert list(log.leaves(start, end)) == list(enumerate(raws))[start:end]
    assert log.leaf(start) == (raws[start] if start < 1200 else None)
    assert log.leaf(-1) is None


def test_leaves_are_looked_through(many: tuple[Path, list[bytes]]) -> None:
    """By bytes that they hold."""
    root, raws = many
    assert list(_log(root).leaves(holding=b'"type":"log.open"')) == [(0, raws[0])]
    assert list(_log(root).leaves(1, holding=b'"type":"log.open"')) == []


def test_who_it_is(many: tuple[Path, list[bytes]]) -> None:
    """By its own word."""
    log = _log(many[0])
    assert (log.origin, log.name, log.key, log.created) == (ORIGIN, NAME, signer_of(ORIGIN).key, (T - S) // S)


@pytest.mark.parametrize("index", [0, 255, 256, 1024, 1189])
def test_a_leaf_is_proved(many: tuple[Path, list[bytes]], index: int) -> None:
    """From tiles, under the checkpoint that was read."""
    root, raws = many
    log = _log(root)
    head = log.head()
    assert head is not None
    proof = log.proof(index, head)
    assert (proof.index, proof.checkpoint) == (index, head.note)
    assert included(read(raws[index]).hash, index, head.size, proof.path, head.checkpoint.root)
    with pytest.raises(ValueError, match="no leaf 1190"):
        log.proof(1190, head)


def test_an_index_is_found_by_time(many: tuple[Path, list[bytes]]) -> None:
    """Nothing of that time stands before the one, or from the other on; what is read once is known."""
    log = _log(many[0])
    for second in (-500, 0, 200, 255, 256, 600, 1000, 1022, 1150, 1300, 9999):
        t = T + second * S
        assert log.since(t) <= max(0, min(second, 1199))
        assert log.since(t) >= min(second - 300, 1024 - 256)
        until = log.until(t)
        assert until is None or second <= until <= max(0, second) + 600
    assert log.until(T + 1022 * S) is None
    assert log.until(T) == 256


def test_a_log_that_was_pruned_begins_later(tmp_path: Path) -> None:
    """Its proofs do not need what is gone."""
    raws = store(tmp_path, MANY, segments=(1024,))
    for bundle in range(3):
        (tmp_path / NAME / Tile("entries", bundle).path).unlink()
        (tmp_path / NAME / Tile(0, bundle).path).unlink()
    log = _log(tmp_path)
    assert log.first == 768
    assert list(log.leaves()) == list(enumerate(raws))[768:]
    assert (log.leaf(767), log.leaf(768)) == (None, raws[768])
    assert log.since(0) == 768
    head = log.head()
    assert head is not None
    proof = log.proof(800, head)
    assert included(read(raws[800]).hash, 800, head.size, proof.path, head.checkpoint.root)


def test_what_is_pruned_while_it_is_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the reader has seen that it was there; one bundle that is gone alone is missing."""
    raws = store(tmp_path, MANY, segments=(1024,))
    log, bundles = _log(tmp_path), [tmp_path / NAME / Tile("entries", bundle).path for bundle in range(4)]
    found = log.leaves()
    assert next(found) == (0, raws[0])
    for bundle in bundles[:2]:
        bundle.unlink()
    assert [index for index, _ in found] == [*range(1, 256), *range(512, len(raws))]
    assert log.first == 512
    real = StoredLog._lowest
    seen = iter((0, 512 // 256))  # it was there when it was looked for
    monkeypatch.setattr(StoredLog, "_lowest", lambda log, size: next(seen))
    assert log.leaf(300) is None
    monkeypatch.setattr(StoredLog, "_lowest", real)
    bundles[3].unlink()
    with pytest.raises(Malformed, match="is missing"):
        log.leaf(768)


def test_a_log_without_a_checkpoint_has_what_its_segments_have(tmp_path: Path) -> None:
    """It is being made."""
    raws = store(tmp_path, MANY[:3])
    (tmp_path / NAME / "checkpoint").unlink()
    log = _log(tmp_path)
    assert log.head() is None
    assert list(log.leaves()) == list(enumerate(raws))
    assert (log.leaf(2), log.since(T), log.until(T)) == (raws[2], 0, None)
    shutil.rmtree(tmp_path / NAME / "segments")
    assert (list(log.leaves()), log.leaf(0)) == ([], None)


def test_a_log_that_grows_while_it_is_read_is_read_whole(tmp_path: Path) -> None:
    """What was behind the checkpoint, and whose segment is gone by then, is under a newer one."""
    store(tmp_path, MANY[:300], published=280, segments=(256,))
    log = _log(tmp_path)
    leaves = log.leaves()
    first = [next(leaves) for _ in range(10)]
    raws = store(tmp_path, MANY[:600], segments=(512,))
    (tmp_path / NAME / name_of(256)).unlink()
    assert [*first, *leaves] == list(enumerate(raws))
    assert list(log.leaves(0, 300)) == list(enumerate(raws))[:300]


def test_damage_is_told(tmp_path: Path) -> None:
    """A bundle in the middle that is gone; a checkpoint of another key; a `log.json` that is none."""
    store(tmp_path, MANY)
    (tmp_path / NAME / Tile("entries", 2).path).unlink()
    with pytest.raises(Malformed, match="tile/entries/002` is missing"):
        list(_log(tmp_path).leaves())
    (tmp_path / NAME / "checkpoint").write_text("x")
    with pytest.raises(Malformed, match="a note without"):
        _log(tmp_path).head()
    for raw, why in ((b"x", "not JSON"), (b"{}", "is not that of a log"), (b'{"vkey":"x"}', "not a verifier key")):
        put(tmp_path / NAME / "log.json", raw)
        with pytest.raises(Malformed, match=why):
            _log(tmp_path)


def test_when_a_leaf_was_written() -> None:
    """A final was when its answer ended, unless it was late; an intent does not tell."""
    record = record_at(T)
    said: list[Leaf] = [beat(T + 1), closed(T + 2), intent(record, T), final(record, T), final(record, T, late=True)]
    assert [written_at(write(leaf)) for leaf in said] == [T + 1, T + 2, None, T + S, None]


def test_when_a_leaf_was_made() -> None:
    """An intent was when its request came, a final when its answer ended, also where it was late."""
    record = record_at(T)
    said: list[Leaf] = [beat(T + 1), closed(T + 2), intent(record, T), final(record, T), final(record, T, late=True)]
    made = [msgspec.json.decode(write(leaf), type=Times).made_at for leaf in said]
    assert made == [T + 1, T + 2, T, T + S, T + S]
    assert msgspec.json.decode(b'{"v":1}', type=Times).made_at is None
