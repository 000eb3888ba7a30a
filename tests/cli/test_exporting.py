"""`tracegate audit export`, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.audit.stored import HOST, ORIGIN, T, beat, final, opened, put, record_at, signer_of, store
from tests.cli.archived import GONE, NOBODY, ONE, RUNS, TWO, archive, last, ran
from tracegate.audit.directory import Directory
from tracegate.audit.events import Read
from tracegate.cli import main
from tracegate.cli.exporting import time_of
from tracegate.errors import Unreadable

OTHER = f"{HOST}/r1-w1/2026-11"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """An audit directory, beside which the command runs."""
    monkeypatch.chdir(tmp_path)
    return archive(tmp_path / "tracegate-audit")


def _lines(*args: str) -> list[Any]:
    result = ran("export", *args)
    assert (result.exit_code, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_leaf_is_a_line(directory: Directory) -> None:
    """Its bytes as one text; what the command writes itself is not among them."""
    store(directory.root, [opened(T, OTHER), beat(T, OTHER)], origin=OTHER)
    lines = _lines()
    assert [(line["log"], line["index"]) for line in lines] == [
        *((ORIGIN, index) for index in range(7)),
        (OTHER, 0),
        (OTHER, 1),
    ]
    assert [json.loads(line["leaf"])["log"] for line in lines] == [line["log"] for line in lines]
    assert set(lines[0]) == {"log", "index", "hash", "leaf"}


def test_that_it_was_read_is_noted_first(directory: Directory) -> None:
    """With the records that it closes; of many a hundred are named."""
    _lines()
    (read,) = last(directory, Read)
    assert (read.what, read.record_ids, read.count) == ("export", [ONE, TWO, GONE], 3)
    other = directory.root.with_name("other")
    store(other, [opened(), *(final(record_at(T, n), T) for n in range(120))])
    _lines("--dir", "other")
    (read,) = last(Directory(other), Read)
    assert (len(read.record_ids), read.count) == (100, 120)


def test_a_time_can_be_asked_for() -> None:
    """From its first microsecond to before its last; an intent has the time at which its request came."""
    start, end = "2026-11-22T14:52:44Z", "2026-11-22T14:52:46+00:00"
    assert time_of(start) == T
    lines = _lines("--from", start, "--to", end)
    assert [line["index"] for line in lines] == [1, 2]
    assert [line["index"] for line in _lines("--from", "2026-11-22T14:52:48")][:2] == [5, 6]
    assert [line["index"] for line in _lines("--to", "2026-11-22 14:52:44")] == [0]
    assert _lines("--to", "2026-11-22") == []


def test_a_time_that_is_none_is_told() -> None:
    """With how one is written."""
    result = ran("export", "--from", "yesterday")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "`yesterday` is no time: write one as 2026-11-24" in result.stderr
    assert time_of("2026-11-22T14:52:44.25+00:00") == T + 250_000
    with pytest.raises(Unreadable):
        time_of("")


def test_a_record_is_exported_as_its_bundle(tmp_path: Path) -> None:
    """Which `verify` takes."""
    (bundle,) = _lines("--record", ONE)
    assert (bundle["record_id"], bundle["index"], "r" in bundle) == (ONE, 2, True)
    put(tmp_path / "bundle", json.dumps(bundle).encode())
    verified = CliRunner().invoke(main, ["verify", "--receipt", "bundle", "--key", signer_of(ORIGIN).key.vkey])
    assert verified.exit_code == 0


def test_who_may_not_see_the_questions_gets_blinds(directory: Directory) -> None:
    """For one record, or for all that were closed in a time; an erased one has none."""
    (bundle,) = _lines("--record", ONE, "--redact", "req")
    assert ("r" in bundle, "req" in bundle["blinds"]) == (False, False)
    bundles = _lines("--redact", "req")
    assert [bundle["record_id"] for bundle in bundles][:3] == [ONE, TWO, GONE]
    assert [bundle.get("erased") for bundle in bundles][:3] == [None, None, 6]
    assert "blinds" not in bundles[2]
    assert {read.what for read in last(directory, Read)} == {"export"}


def test_what_is_not_there_ends_with_3(directory: Directory) -> None:
    """And nothing is exported of the others."""
    for record, says in ((NOBODY, "is in no log"), (RUNS, "is still open")):
        result = ran("export", "--record", ONE, "--record", record)
        assert (result.exit_code, result.stdout) == (3, "")
        assert f"{record} {says}: nothing is exported." in result.stderr
    assert last(directory, Read) == []


def test_records_or_a_time() -> None:
    """Not both."""
    for time in ("--from", "--to"):
        result = ran("export", "--record", ONE, time, "2026-11-22")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--record, or a time" in result.stderr
