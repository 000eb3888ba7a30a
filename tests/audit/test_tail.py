"""The end of a log that its process is writing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.stored import NAME, T, beat, opened, store
from tracegate.audit.events import Leaf
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.segments import frame, name_of
from tracegate.audit.tail import Tail

LEAVES: list[Leaf] = [opened(), *(beat(T + n) for n in range(9))]


def _grow(folder: Path, first: int, *raws: bytes) -> None:
    with (folder / name_of(first)).open("ab") as file:
        file.write(b"".join(frame(raw, leaf_hash(raw)) for raw in raws))


@pytest.mark.parametrize("segments", [(0,), (0, 4), (0, 6), (0, 2, 8), (0, 6, 7)])
def test_what_is_behind_the_checkpoint_is_read(tmp_path: Path, segments: tuple[int, ...]) -> None:
    """However many segments it stands in; asked again, and with a checkpoint that moved on, it is the same."""
    raws = store(tmp_path, LEAVES, published=6, segments=segments)
    tail = Tail(tmp_path / NAME)
    for size in (6, 6, 8, 10, 7, 0):
        assert tail.since(size) == raws[size:]


def test_it_grows_with_its_log(tmp_path: Path) -> None:
    """A frame that is not whole yet is left out until it is."""
    raws = store(tmp_path, LEAVES[:8], published=6)
    more = store(tmp_path / "other", LEAVES)[8:]
    tail, folder = Tail(tmp_path / NAME), tmp_path / NAME
    assert tail.since(6) == raws[6:]
    with (folder / name_of(0)).open("ab") as file:
        file.write(frame(more[0], leaf_hash(more[0]))[:9])
    assert tail.since(6) == raws[6:]
    (folder / name_of(0)).write_bytes((folder / name_of(0)).read_bytes()[:-9])
    _grow(folder, 0, more[0])
    assert tail.since(7) == [raws[7], more[0]]
    _grow(folder, 9, more[1])
    assert tail.since(7) == [raws[7], *more]
    assert tail.since(9) == more[1:]


def test_what_was_taken_back_is_not_kept(tmp_path: Path) -> None:
    """Behind the checkpoint a leaf may give its place to another."""
    store(tmp_path, LEAVES[:8], published=6)
    tail = Tail(tmp_path / NAME)
    tail.since(6)
    others = store(tmp_path, [*LEAVES[:6], beat(T + 77)], published=6)
    assert tail.since(6) == others[6:]


def test_a_segment_that_is_gone_has_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks looks at the checkpoint again: what stood there is in bundles now."""
    store(tmp_path, LEAVES, published=6, segments=(8,))
    tail = Tail(tmp_path / NAME)
    assert tail.since(6) is None
    monkeypatch.setattr(Path, "glob", lambda *_: [Path(name_of(0))])
    assert tail.since(6) is None


def test_behind_a_gap_nothing_is_read(tmp_path: Path) -> None:
    """Leaves whose place is not known are no leaves."""
    raws = store(tmp_path, LEAVES, published=2, segments=(0, 4))
    folder = tmp_path / NAME
    (folder / name_of(4)).rename(folder / name_of(5))
    assert Tail(folder).since(2) == raws[2:4]
