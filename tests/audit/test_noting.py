"""A command's leaf in a log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.audit.commanding import tool, while_open
from tests.audit.stored import HOST, NAME, ORIGIN, S, T, closed, opened, record_at, store
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.events import Leaf, Read
from tracegate.audit.leaf import read
from tracegate.audit.noting import newest, note_read, told
from tracegate.audit.opening import InUse, OpenedLog, Place, open_log
from tracegate.errors import Malformed

NEXT, OTHER = f"{HOST}/r1-w0/2026-12", f"{HOST}/r1-w1/2026-11"
RECORDS = [record_at(T, n) for n in range(120)]


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """Two replicas, the first with two epochs."""
    store(tmp_path, [opened(T), closed(T, "rotate")])
    store(tmp_path, [opened(T + S, NEXT), closed(T + S, origin=NEXT)], origin=NEXT)
    store(tmp_path, [opened(T + 2 * S, OTHER), closed(T + 2 * S, origin=OTHER)], origin=OTHER)
    return Directory(tmp_path)


def _leaves(directory: Directory, origin: str) -> list[Leaf]:
    return [read(raw).leaf for _, raw in directory.log(origin).leaves()]


def _held(directory: Directory, *origins: str) -> list[OpenedLog]:
    return [open_log(Disk(), Place(directory.root, origin), T // S) for origin in origins]


def test_the_last_log_of_each_replica_may_be_continued(directory: Directory) -> None:
    """The youngest first."""
    assert [log.origin for log in newest(directory)] == [OTHER, NEXT]


def test_where_no_gateway_runs_the_command_writes(directory: Directory) -> None:
    """Into the youngest log; of many records a hundred are named."""
    note_read(directory, tool(), "find", RECORDS)
    note_read(directory, tool(), "export", RECORDS[:3], 777)
    reads = [leaf for leaf in _leaves(directory, OTHER) if isinstance(leaf, Read)]
    assert [(leaf.by, leaf.what, leaf.count) for leaf in reads] == [("ada", "find", 120), ("ada", "export", 777)]
    assert [leaf.record_ids for leaf in reads] == [RECORDS[:100], RECORDS[:3]]


def test_a_gateway_that_runs_writes(directory: Directory) -> None:
    """Whichever; the command writes nothing then."""
    held = _held(directory, NEXT)
    work = lambda: note_read(directory, tool(), "show", RECORDS[:1])  # noqa: E731  # one expression
    _, asked = while_open(directory, "r1-w0", work, {"index": 7})
    assert asked == [{"do": "read", "by": "ada", "what": "show", "record_ids": RECORDS[:1], "count": 1}]
    assert len(_leaves(directory, OTHER)) == 2
    held[0].let_go(Disk())


def test_another_log_will_do_where_one_is_in_use(directory: Directory) -> None:
    """A reader's leaf may stand in any; where all are in use, nothing is read."""
    held = _held(directory, OTHER)
    note_read(directory, tool(), "show", RECORDS[:1])
    assert any(isinstance(leaf, Read) for leaf in _leaves(directory, NEXT))
    held += _held(directory, NEXT)
    with pytest.raises(InUse):
        note_read(directory, tool(), "show", RECORDS[:1])
    for log in held:
        log.let_go(Disk())


def test_a_refusal_of_the_gateway_is_told(directory: Directory) -> None:
    """With the log it has open."""
    log: Any = directory.log(NAME)

    def work() -> None:
        with pytest.raises(Malformed, match="the gateway that has `r1-w0/2026-11` open: it is full"):
            told(directory, log, {})

    while_open(directory, "r1-w0", work, {"error": "it is full"})
    assert told(directory, directory.log(ORIGIN), {}) is None
