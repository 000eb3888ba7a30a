"""When leaves are brought under a checkpoint: some time after the first, at once behind many, file by file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.failing import FaultyDisk, place_in
from tests.audit.leaves import GATEWAY
from tracegate.audit import publication as module
from tracegate.audit.leaf import write
from tracegate.audit.own_leaves import OwnLeaves
from tracegate.audit.publication import Publication
from tracegate.audit.starting import start
from tracegate.audit.writer import Writer
from tracegate.testing.clock import FakeClock
from tracegate.testing.loop import run


def _step(publication: Publication, writer: Writer) -> bool:
    """One file; whether it was found that none was left."""
    over = publication.step(writer)()
    publication.stepped(over)
    return bool(over)


def _writer(folder: Path, clock: FakeClock) -> Iterator[Writer]:
    opened = start(FaultyDisk(), place_in(folder), GATEWAY, clock).opened
    yield opened.writer
    opened.let_go(FaultyDisk())


def _grow(writer: Writer, clock: FakeClock) -> None:
    writer.append([write(OwnLeaves("gw.example/tracegate/prod/r1-w0/2026-01", GATEWAY, clock).alive(0))])


def test_one_is_due_some_time_after_the_log_grew(tmp_path: Path) -> None:
    """Not before, and once however often it grew meanwhile; a step is one file, and the last says so."""

    async def go() -> None:
        clock = FakeClock()
        due: list[int] = []
        for writer in _writer(tmp_path, clock):
            publication = Publication(clock, 100, lambda: due.append(clock.now()))
            assert not publication.is_due(writer)
            since = clock.now()
            publication.grew()
            _grow(writer, clock)
            await clock.sleep_until(since + 50)
            publication.grew()
            assert not publication.is_due(writer)
            await clock.sleep_until(since + 500)
            assert (due, publication.is_due(writer)) == ([since + 100], True)
            assert [_step(publication, writer) for _ in range(3)] == [False, False, True]
            assert (writer.published, publication.is_due(writer)) == (2, False)

    run(go)


def test_many_leaves_wait_for_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever is in a hurry waits for none either."""
    monkeypatch.setattr(module, "GROUP", 3)

    async def go() -> None:
        clock = FakeClock()
        for writer in _writer(tmp_path, clock):
            publication = Publication(clock, 100, lambda: None)
            for grown in range(4):
                assert publication.is_due(writer) == (grown > 2)
                _grow(writer, clock)
            monkeypatch.setattr(module, "GROUP", 9)
            assert not publication.is_due(writer)
            publication.hurry()
            assert publication.is_due(writer)

    run(go)


def test_one_that_broke_off_is_begun_anew(tmp_path: Path) -> None:
    """As soon as it can be; one that was not begun did not break off."""

    async def go() -> None:
        clock = FakeClock()
        for writer in _writer(tmp_path, clock):
            publication = Publication(clock, 100, lambda: None)
            publication.grew()
            _grow(writer, clock)
            assert not publication.broke_off()
            publication.hurry()
            assert not _step(publication, writer)
            assert publication.broke_off()
            assert publication.is_due(writer)
            while not _step(publication, writer):
                pass
            assert writer.published == 2
            publication.rest()

    run(go)
