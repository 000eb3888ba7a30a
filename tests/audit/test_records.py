"""What the logs have of one record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.leaves import GATEWAY, TRIED
from tests.audit.stored import (
    HOST,
    ORIGIN,
    S,
    T,
    aborted,
    at,
    beat,
    closed,
    erasure,
    final,
    intent,
    opened,
    record_at,
    store,
)
from tracegate.audit.blinds import Row
from tracegate.audit.directory import Directory
from tracegate.audit.events import Amend, Leaf, Read
from tracegate.audit.kinds import At
from tracegate.audit.leaf import write
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.reading import StoredLog
from tracegate.audit.records import Erasures, Found, came_at, find, first_of, is_record, mentions

NEXT, OTHER = f"{HOST}/r1-w0/2026-12", f"{HOST}/r1-w1/2026-11"
RECORDS = [record_at(T + n * S, n) for n in range(600)]
WITHIN = 60 * S


def _pairs(origin: str = ORIGIN) -> list[Leaf]:
    """A request a second, each with intent and final: record n stands at 1 + 2n and 2 + 2n."""
    leaves: list[Leaf] = [opened(origin=origin)]
    for n, record in enumerate(RECORDS):
        leaves.append(intent(record, T + n * S, origin))
        leaves.append(final(record, T + n * S, at(len(leaves) - 1, leaves[-1]), origin))
    return leaves


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 600 requests, and behind its checkpoint an intent."""
    root = tmp_path_factory.mktemp("many")
    store(root, [*_pairs(), intent(record_at(T + 600 * S, 7), T + 600 * S)], published=1190, segments=(1024,))
    return root


@pytest.mark.parametrize("n", [0, 1, 127, 128, 400, 599])
@pytest.mark.parametrize("within", [None, WITHIN])
def test_a_record_is_found_by_its_id(many: Path, n: int, within: int | None) -> None:
    """Under the checkpoint and behind it."""
    found = find(Directory(many), RECORDS[n], within)
    assert found is not None
    assert found.closing is not None
    assert found.intent is not None
    assert (found.intent.index, found.closing.index, found.tenant) == (1 + 2 * n, 2 + 2 * n, "acme")
    assert first_of(found.closing) == Row(RECORDS[n], "r1-w0/2026-11", 1 + 2 * n)
    assert found.closing.hash == leaf_hash(found.closing.raw)


def test_a_request_that_runs_has_no_end_yet(many: Path) -> None:
    """Its intent tells whose it is."""
    found = find(Directory(many), record_at(T + 600 * S, 7), WITHIN)
    assert found is not None
    assert (found.closing, found.tenant) == (None, "acme")


def test_an_id_of_nobody_costs_little(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is as young as the id, and as old as a request can get, is looked through."""
    read: list[int] = []
    bundle = StoredLog._bundle

    def noted(log: StoredLog, number: int, size: int, holding: bytes = b"") -> list[bytes]:
        read.append(number)
        return bundle(log, number, size, holding)

    monkeypatch.setattr(StoredLog, "_bundle", noted)
    directory = Directory(many)
    assert find(directory, record_at(T + 200 * S, 999), WITHIN) is None
    read.clear()
    assert find(directory, record_at(T + 200 * S, 999), WITHIN) is None
    assert read == [1, 2]
    assert find(directory, record_at(T + 200 * S, 999)) is None
    assert read[2:] == [0, 1, 2, 3, 4]


def test_an_intent_may_be_closed_long_after(tmp_path: Path) -> None:
    """By the next start of a gateway that died; the bound is for ids of nobody."""
    record, later = record_at(T), T + 9000 * S
    first = intent(record, T)
    leaves: list[Leaf] = [opened(), first, *(beat(T + n * 10 * S) for n in range(1, 800))]
    store(tmp_path, [*leaves, opened(later), aborted(record, later, at(1, first))])
    found = find(Directory(tmp_path), record, WITHIN)
    assert found is not None
    assert found.closing is not None
    assert (found.closing.index, found.tenant) == (802, "acme")


def test_it_may_end_in_the_next_epoch(tmp_path: Path) -> None:
    """And whoever asks early does not look into epochs that are too young."""
    record, turn = record_at(T), T + 2 * S
    first = intent(record, T)
    store(tmp_path, [opened(), first, closed(turn, "rotate")])
    prev = At(index=1, hash=leaf_hash(write(first)).hex(), log=ORIGIN)
    store(tmp_path, [opened(turn, NEXT), final(record, T, prev, NEXT, took=3 * S)], origin=NEXT)
    store(tmp_path, [opened(T + 3600 * S, OTHER)], origin=OTHER)
    for within in (None, WITHIN):
        found = find(Directory(tmp_path), record, within)
        assert found is not None
        assert found.closing is not None
        assert found.closing.log.origin == NEXT
        assert first_of(found.closing) == Row(record, "r1-w0/2026-11", 1)
    found = find(Directory(tmp_path), record, 0)
    assert found is not None
    assert found.closing is not None


def test_what_amends_a_record_does_not_close_it(tmp_path: Path) -> None:
    """An attempt may outlive the epoch in which its record was closed."""
    record, turn = record_at(T), T + 2 * S
    closing = final(record, T)
    store(tmp_path, [opened(), closing, closed(turn, "rotate")])
    amend = Amend(v=1, log=NEXT, gateway=GATEWAY, t=turn, record_id=record, of=at(1, closing), attempts=[TRIED])
    store(tmp_path, [opened(turn, NEXT), amend], origin=NEXT)
    found = find(Directory(tmp_path), record)
    assert found is not None
    assert found.closing is not None
    assert found.closing.log.origin == ORIGIN


def test_an_aborted_leaf_may_not_tell_whose_it_is() -> None:
    """Then nobody is told of it."""
    assert Found(record_at(T)).tenant is None


def test_a_text_is_a_record_or_none() -> None:
    """By the whole of it."""
    assert is_record(RECORDS[0])
    assert not any(map(is_record, ("", RECORDS[0][3:], f"{RECORDS[0]}\n", f" {RECORDS[0]}", RECORDS[0].upper())))


def test_the_time_is_in_the_id() -> None:
    """In milliseconds."""
    assert came_at(record_at(T + 1_500)) == T + 1_000


def test_what_names_a_record_is_found(tmp_path: Path) -> None:
    """Its own leaves, and those that tell who read and erased it."""
    record = record_at(T)
    read = Read(v=1, log=ORIGIN, gateway=GATEWAY, t=T + 9 * S, by="x", what="show", record_ids=[record], count=1)
    store(tmp_path, [opened(), final(record, T), final(record_at(T, 1), T), read, erasure(T + 9 * S, record)])
    assert [found.index for found in mentions(Directory(tmp_path), record)] == [1, 3, 4]


def test_erasures_are_known(tmp_path: Path) -> None:
    """The first of a record counts; what is behind the checkpoint is looked at anew each time."""
    gone, kept, late = (record_at(T, n) for n in range(3))
    leaves: list[Leaf] = [opened(), erasure(T, gone), erasure(T, gone), erasure(T, late)]
    store(tmp_path, leaves, published=3)
    erasures = Erasures(Directory(tmp_path))
    for _ in range(2):
        found = [erasures.of(record) for record in (gone, kept, late)]
        assert [None if hit is None else hit.index for hit in found] == [1, None, 3]
    store(tmp_path, [*leaves[:3], erasure(T, kept)])
    found = [erasures.of(record) for record in (gone, kept, late)]
    assert [None if hit is None else hit.index for hit in found] == [1, 3, None]


def test_erasures_of_a_log_without_a_checkpoint(tmp_path: Path) -> None:
    """Nothing of it is taken for certain."""
    store(tmp_path, [opened()])
    (tmp_path / "r1-w0" / "2026-11" / "checkpoint").unlink()
    assert Erasures(Directory(tmp_path)).of(record_at(T)) is None
