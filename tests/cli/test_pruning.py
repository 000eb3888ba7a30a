"""`tracegate audit prune`, as a person types it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.audit.leaves import GATEWAY
from tests.audit.old import RECORD, THEN, faults, old_log
from tests.audit.running import running
from tests.audit.stored import NAME, ORIGIN, S, T, closed, opened, put, store
from tests.cli.archived import last, ran, told
from tracegate.audit.asked import answered
from tracegate.audit.control import Control
from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.events import Leaf, Pruned
from tracegate.audit.lane import ThreadLane
from tracegate.audit.opening import Place, open_log
from tracegate.audit.process import Settings
from tracegate.audit.retention import Retention
from tracegate.audit.succession import Home
from tracegate.clock import RandomIds, SystemClock

FOLDER = "tracegate-audit"
CONFIG = """
providers: {p: {dialect: openai, name: p, base_url: "http://127.0.0.1:1/v1", key: none}}
targets: {t: {provider: p, model: m}}
routes: {chat: t}
"""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """An audit directory, beside which the command runs."""
    monkeypatch.chdir(tmp_path)
    return old_log(tmp_path / FOLDER)


def test_what_is_old_is_removed(directory: Directory) -> None:
    """Said with where the log says so, and by whom; what broke off is finished by doing it again."""
    tile = (directory.root / NAME / "tile" / "0" / "001").read_bytes()
    result = ran("prune", FOLDER, "--before", "512", "--by", "the auditor")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"Pruned     {NAME}: it begins at leaf 512 now; 6 files removed.",
        f"Written    leaf 601 of {ORIGIN} says so; proofs of all that is left stay valid.",
    ]
    assert [(leaf.min_index, leaf.by) for leaf in last(directory, Pruned)] == [(512, "the auditor")]
    assert faults(directory) == []
    put(directory.root / NAME / "tile" / "0" / "001", tile)
    for word, more in (("Finished ", "; files that were left are removed: 1"), ("Unchanged", "")):
        result = ran("prune", f"{FOLDER}/{NAME}", "--before", "256")
        assert (result.exit_code, result.stdout) == (0, f"{word}  {NAME}: it begins at leaf 512{more}.\n")


def test_programs_are_told(directory: Directory) -> None:
    """Of each log: where it begins, what says so, how many files are gone."""
    said = told("prune", "--before", "2025-06-15T00:04:16Z")
    assert said == {"v": 1, "code": 0, "pruned": [{"log": ORIGIN, "min_index": 256, "removed": 3, "index": 601}]}
    assert told("prune", f"{FOLDER}/{NAME}", "--before", "256")["pruned"] == [
        {"log": ORIGIN, "min_index": 256, "removed": 0}
    ]


def test_what_was_pruned_is_said_where_it_is_not_found(directory: Directory) -> None:
    """And is no fault; what is left is found as before."""
    ran("prune", "--before", "512")
    shown = ran("show", "511")
    assert (shown.exit_code, shown.stdout) == (3, "")
    assert shown.stderr == f"Leaf 511 of `{NAME}` was pruned: the log begins at leaf 512.\n"
    assert (ran("show", "512").exit_code, ran("show", "99999").exit_code) == (0, 3)
    for args in (("show", RECORD), ("verify", RECORD), ("find", "--record", RECORD), ("find", "--trace", "x")):
        result = ran(*args)
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.endswith(f" Pruned were leaves before 512 of `{NAME}`.\n")


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("--before", "768"), 1, "can be pruned before leaf 512, not before 768: its checkpoint covers 600 leaves"),
        (("--before", "300"), 1, "300 is no multiple of 256"),
        (("--before", "soon"), 2, "`soon` is no time"),
        (("--before", "-256"), 2, "`-256` is no time"),
        ((), 2, "Missing option '--before'"),
        (("x", "--dir", "y", "--before", "256"), 2, "DIR or --dir, not both"),
        (("nowhere", "--before", "256"), 2, "there is no log below `nowhere`"),
        (("--before", "256", "--config", "long.yaml"), 1, "younger leaves are kept (hipaa: 2192 days)"),
        (("--before", "256", "--config", "ships.yaml"), 1, "the sink has not acknowledged leaf 0"),
    ],
)
def test_what_must_stay_is_told(directory: Directory, args: tuple[str, ...], code: int, says: str) -> None:
    """By the words of the configuration, where there is one."""
    Path("long.yaml").write_text(f"{CONFIG}audit: {{retention: hipaa}}\n")
    Path("ships.yaml").write_text(f"{CONFIG}audit: {{ship: 'http://localhost:4319'}}\n")
    result = ran("prune", *args)
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert last(directory, Pruned) == []


def test_of_several_logs_one_is_named_or_a_time_is_given(directory: Directory) -> None:
    """An index is of one log."""
    other = "gw.example/tracegate/prod/r1-w1/2026-11"
    leaves: list[Leaf] = [opened(THEN, other), closed(THEN + S, origin=other)]
    store(directory.root, leaves, origin=other)
    result = ran("prune", "--before", "256")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there are 2 logs that grow: name the folder of one, or a date; known: " in result.stderr
    assert told("prune", f"{FOLDER}/{NAME}", "--before", "256")["pruned"][0]["min_index"] == 256
    found = {one["log"]: one["min_index"] for one in told("prune", "--before", "2025-06-16")["pruned"]}
    assert found == {ORIGIN: 512, other: 0}


def test_a_log_that_a_process_holds_ends_with_4(directory: Directory) -> None:
    """Where it does not answer."""
    held = open_log(Disk(), Place(directory.root, ORIGIN), T // S)
    assert ran("prune", "--before", "256").exit_code == 4
    held.let_go(Disk())


def test_a_running_gateway_does_it(tmp_path: Path) -> None:
    """Over its socket, as long as its own configuration says; its log goes on."""
    root = tmp_path / "running"

    async def main() -> tuple[Any, Any]:
        settings = Settings(Home(root, "localhost", "test", "r1"), retention=Retention("short", 0))
        audit = await running(settings, GATEWAY, SystemClock(), RandomIds(), checkpoint_ns=1_000_000)
        control = Control(settings.home.private, audit.replica, ThreadLane(), partial(answered, audit))
        await control.start()
        log = audit.epoch.log
        await asyncio.gather(*(log.submit(log.own.alive(0), 60 * 10**9) for _ in range(600)))
        while log.published < log.size:  # noqa: ASYNC110  # nothing tells that a checkpoint was made
            await asyncio.sleep(0)  # a turn of the loop, which publishes meanwhile
        first = await asyncio.to_thread(told, "prune", str(root), "--before", "512")
        again = await asyncio.to_thread(told, "prune", str(root), "--before", "256")
        await control.close()
        await audit.close()
        return first, again

    first, again = asyncio.run(main())
    (log,) = Directory(root).logs()
    (pruned,) = first["pruned"]
    assert (pruned["min_index"], pruned["removed"], pruned["index"] >= 602) == (512, 4, True)
    assert again["pruned"] == [{"log": log.origin, "min_index": 512, "removed": 0}]
    assert log.first == 512
