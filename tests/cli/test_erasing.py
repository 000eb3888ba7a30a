"""`tracegate audit erase`, as a person types it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.audit.commanding import while_open
from tests.audit.leaves import GATEWAY
from tests.audit.running import running
from tests.audit.stored import ORIGIN, T, final, r_of, record_at, signer_of
from tests.cli.archived import GONE, NOBODY, ONE, RUNS, TWO, archive, last, ran, told
from tracegate.audit.asked import answered
from tracegate.audit.blinds import Blinds
from tracegate.audit.control import Control
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.events import Erased
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.lane import ThreadLane
from tracegate.audit.opening import Place, open_log
from tracegate.audit.process import Settings
from tracegate.audit.succession import Home
from tracegate.clock import RandomIds, SystemClock

SECOND = 1_000_000_000


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """An audit directory, beside which the command runs."""
    monkeypatch.chdir(tmp_path)
    return archive(tmp_path / "tracegate-audit")


def test_records_are_erased(directory: Directory) -> None:
    """Said with where the log says so; every proof stays, and nothing can be confirmed any more."""
    result = ran("erase", "--record", ONE, "--record", TWO, "--record", ONE, "--reason", "ticket 7")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == [f"Erased     {ONE}", f"Erased     {TWO}"]
    assert lines[2].startswith("Written    leaf 9 of ")
    assert [Blinds(directory.private).r(record) for record in (ONE, TWO)] == [None, None]
    erasure = last(directory, Erased)[-1]
    assert (erasure.record_ids, erasure.reason) == ([ONE, TWO], "ticket 7")
    result = ran("verify", ONE, "--key", signer_of(ORIGIN).key.vkey)
    assert result.exit_code == 3
    assert "the record was erased, by leaf 9" in result.stdout
    assert "pass    inclusion" in result.stdout


def test_programs_are_told() -> None:
    """What was erased, now and before, and which leaves say so."""
    said = told("erase", "--record", ONE, "--record", GONE)
    assert (said["erased"], said["erased_before"]) == ([ONE], [GONE])
    assert said["leaves"] == [{"log": ORIGIN, "index": 9}]
    assert told("erase", "--record", ONE)["leaves"] == []
    assert "it was erased before" in ran("erase", "--record", ONE).stdout


def test_all_or_none(directory: Directory) -> None:
    """Where one is not there, or still open."""
    for record, says in ((NOBODY, "is in no log"), (RUNS, "is still open")):
        result = ran("erase", "--record", ONE, "--record", record)
        assert (result.exit_code, result.stdout) == (3, "")
        assert f"{record} {says}: nothing was erased." in result.stderr
    assert Blinds(directory.private).r(ONE) == r_of(ONE)


def test_a_gateway_that_has_the_log_open_does_it(directory: Directory) -> None:
    """Where it does not answer, nothing is erased."""
    held = open_log(Disk(), Place(directory.root, ORIGIN), T // 1_000_000)
    assert ran("erase", "--record", ONE).exit_code == 4
    assert Blinds(directory.private).r(ONE) == r_of(ONE)
    result, asked = while_open(directory, "r1-w0", lambda: ran("erase", "--record", ONE), {"log": ORIGIN, "index": 42})
    assert (result.exit_code, [said["record_ids"] for said in asked]) == (0, [[ONE]])
    assert "leaf 42 of" in result.stdout
    held.let_go(Disk())


def test_a_running_gateway_erases_and_notes_who_read(tmp_path: Path) -> None:
    """Over its socket, into the log that it has open; nothing of the record's blinding is left in any file."""
    root = tmp_path / "running"
    record, read_back = record_at(T), ("--dir", str(root))

    async def main() -> tuple[Any, Any, int]:
        clock = SystemClock()
        settings = Settings(Home(root, "localhost", "test", "r1"))
        audit = await running(settings, GATEWAY, clock, RandomIds(), checkpoint_ns=1_000_000)
        control = Control(settings.home.private, audit.replica, ThreadLane(), partial(answered, audit))
        await control.start()
        origin = audit.epoch.origin
        leaf = final(record, T, origin=origin)
        await audit.epoch.log.append(leaf, 60 * SECOND, r=r_of(record), rows=[("wire", b"d" * 32)])
        shown = await asyncio.to_thread(told, "show", record, *read_back)
        gone = await asyncio.to_thread(told, "erase", "--record", record, *read_back)
        await control.close()
        await audit.close()
        return shown, gone, audit.numbers().reads

    shown, gone, reads = asyncio.run(main())
    assert (shown["state"], gone["erased"], reads) == ("closed", [record], 1)
    assert [path for path in root.rglob("*") if path.is_file() and r_of(record) in path.read_bytes()] == []
    log = Directory(root).logs()[0]
    assert {check.result for check in fsck(Folder(log.folder), log.key).checks} == {"pass"}
    assert [leaf.record_ids for leaf in last(Directory(root), Erased)] == [[record]]


@pytest.mark.parametrize("args", [(), ("--record", "x"), ("--record", ONE, "--dir", "nowhere")])
def test_what_can_not_be_used_ends_with_2(args: tuple[str, ...]) -> None:
    """Told on stderr."""
    result = ran("erase", *args)
    assert (result.exit_code, result.stdout) == (2, "")
