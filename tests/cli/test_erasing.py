"""`tracegate audit erase`, as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.commanding import while_open
from tests.audit.stored import ORIGIN, T, r_of, signer_of
from tests.cli.archived import GONE, NOBODY, ONE, RUNS, TWO, archive, last, ran, told
from tracegate.audit.blinds import Blinds
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.events import Erased
from tracegate.audit.opening import Place, open_log


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


@pytest.mark.parametrize("args", [(), ("--record", "x"), ("--record", ONE, "--dir", "nowhere")])
def test_what_can_not_be_used_ends_with_2(args: tuple[str, ...]) -> None:
    """Told on stderr."""
    result = ran("erase", *args)
    assert (result.exit_code, result.stdout) == (2, "")
