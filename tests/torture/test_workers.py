"""Two workers under load, of which one is killed: each has its log, and whoever comes for it goes on with it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest

from tests.cli.archived import ran, told
from tests.house.repository import ROOT
from tests.torture.clients import PATIENCE_S, Held, ask_on
from tests.torture.judged import faults_of, heads_of, leaves_of, logs_of
from tests.torture.killing import KINDS, SCRIPTS, Books, Tally, configuration
from tracegate.audit.canonical import decode
from tracegate.audit.checkpoint import parse_checkpoint
from tracegate.audit.directory import Directory
from tracegate.audit.events import Aborted, Leaf
from tracegate.audit.kinds import Final, Intent
from tracegate.audit.leaf import read
from tracegate.audit.notes import parse_note
from tracegate.audit.reading import StoredLog
from tracegate.testing.simulator import Simulator

pytestmark = pytest.mark.slow

CLIENTS = 8
EACH = 20
"""Answers before the kill, and behind it."""

REPLICAS = ("r1-w0", "r1-w1")

AGAIN_S = 0.02


@asynccontextmanager
async def serving(file: Path) -> AsyncIterator[int]:
    """`tracegate serve --workers 2`; gives its port, and stops it."""
    command = [str(Path(sys.executable).parent / "tracegate"), "serve", "--config", str(file), "--workers", "2"]
    said = file.with_name("said")
    with said.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=log)
    assert process.stdout is not None
    found = re.search(rb"http://127\.0\.0\.1:(\d+)/", await process.stdout.readline())
    assert found is not None, said.read_text()
    try:
        yield int(found[1])
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == 0, said.read_text()


def writer_of(lock: Path) -> int | None:
    """The process that has a lock open."""
    for file in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(file) == str(lock):
                return int(file.parts[2])
        except OSError:  # it ended
            continue
    return None


async def _asking(port: int, got: list[Held], enough: asyncio.Event, chance: random.Random) -> None:
    """Ask on, whoever of those asked is killed."""
    while not enough.is_set():
        await ask_on(port, KINDS, chance, got)
        await asyncio.sleep(AGAIN_S)  # real time is what another worker takes until it listens


async def _until(so: Callable[[], object]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not so():  # noqa: ASYNC110  # bytes that come and other processes set no event
            await asyncio.sleep(AGAIN_S)  # between two looks


async def _killed(root: Path) -> tuple[str, list[str]]:
    """Kill the writer of a log that has open intents, and wait for the next one; the replica, and all heads before it.

    It is stopped while its log is looked at, so that they are open still when it is killed.
    """
    async with asyncio.timeout(PATIENCE_S):
        for replica in cycle(REPLICAS):
            lock = _lock(root, replica)
            writer = writer_of(lock)
            assert writer is not None
            os.kill(writer, signal.SIGSTOP)
            if _open(_log(root, replica)):
                heads = heads_of(root)
                os.kill(writer, signal.SIGKILL)
                await _until(lambda: writer_of(lock) not in (writer, None))  # noqa: B023  # it is called here only
                return replica, heads
            os.kill(writer, signal.SIGCONT)
            await asyncio.sleep(AGAIN_S)  # real time is what requests come in
    raise AssertionError("unreachable")


def _lock(root: Path, replica: str) -> Path:
    return root / "private" / replica / "lock"


def _log(root: Path, replica: str) -> Path:
    (log,) = (log for log in logs_of(root) if log.parent.name == replica)
    return log


def _whole(got: Sequence[Held]) -> int:
    return sum(held.whole for held in got)


def _open(log: Path) -> set[str]:
    """The records of a log whose end is not in it."""
    leaves = [read(raw).leaf for raw in leaves_of(log)]
    ended = {leaf.record_id for leaf in leaves if isinstance(leaf, Final | Aborted)}
    return {leaf.record_id for leaf in leaves if isinstance(leaf, Intent)} - ended


def _served(log: Path, got: Sequence[Held]) -> bool:
    """Whether a log has whole answers of both kinds."""
    ended = {leaf.record_id for raw in leaves_of(log) if isinstance(leaf := read(raw).leaf, Final)}
    return len({held.streamed for held in got if held.whole and held.status == 200 and held.record in ended}) == 2


@dataclass(frozen=True, slots=True)
class Outlived:
    """What two workers left, of which one was killed; nobody has their logs open.

    Args:
        root: The audit directory.
        killed: The replica whose worker it was.
        heads: Checkpoints that were saved before the kill.
        got: What clients got.
        called: The bodies that the provider was sent.
    """

    root: Path
    killed: str
    heads: list[str]
    got: list[Held]
    called: list[bytes]

    def whole(self, log: StoredLog) -> list[Held]:
        """The answers without an error that came whole, and whose ends stand in a log."""
        ended = {leaf.record_id for leaf in map(_leaf, log.leaves()) if isinstance(leaf, Final)}
        return [held for held in self.got if held.whole and held.status == 200 and held.record in ended]


@pytest.fixture(scope="module")
def outlived(tmp_path_factory: pytest.TempPathFactory) -> Outlived:
    """They were stopped in the end; a test that writes into it takes a copy."""
    folder = tmp_path_factory.mktemp("workers")
    root, got = folder / "log", list[Held]()

    async def go() -> Outlived:
        async with Simulator(SCRIPTS) as provider:
            async with serving(configuration(folder, provider.base_url)) as port:
                enough, chance = asyncio.Event(), random.Random(4)
                asking = [asyncio.create_task(_asking(port, got, enough, chance)) for _ in range(CLIENTS)]
                await _until(lambda: _whole(got) >= EACH and all(writer_of(_lock(root, one)) for one in REPLICAS))
                killed, heads = await _killed(root)
                before = _whole(got)
                await _until(lambda: _whole(got) >= before + EACH and all(_served(log, got) for log in logs_of(root)))
                enough.set()  # they ask on, until nobody answers any more
            await asyncio.gather(*asking)
            return Outlived(root, killed, heads, got, [entry.body for entry in provider.log])

    return asyncio.run(go())


@pytest.fixture
def logs(outlived: Outlived, tmp_path: Path) -> Sequence[StoredLog]:
    """Both logs, in a copy of their own that stands in `log`."""
    shutil.copytree(outlived.root, tmp_path / "log", ignore=shutil.ignore_patterns("*.sock"))
    found = Directory(tmp_path / "log").logs()
    assert [log.name.split("/")[0] for log in found] == [*REPLICAS]
    return found


def test_the_slot_of_a_worker_that_is_killed_is_taken_over(outlived: Outlived) -> None:
    """Both logs verify, its open intents are closed, and no record stands in two logs."""
    root = outlived.root
    assert [log.parent.name for log in logs_of(root)] == [*REPLICAS]
    assert faults_of(root, outlived.heads) == []
    tally = Tally()
    Books(root).hold(outlived.got, outlived.called, tally)
    assert tally.faults == []
    logs = sorted(logs_of(root), key=lambda log: log.parent.name != outlived.killed)
    taken, other = (list(map(decode, leaves_of(log))) for log in logs)
    assert [leaf["reason"] for leaf in taken if leaf["type"] == "log.open"] == ["new", "recovery"]
    assert [leaf["reason"] for leaf in other if leaf["type"] == "log.open"] == ["new"]
    assert "crash" in [leaf["cause"] for leaf in taken if leaf["type"] == "aborted"]


def test_both_logs_are_sound_for_whoever_types_the_command(
    outlived: Outlived, logs: Sequence[StoredLog], tmp_path: Path
) -> None:
    """`audit fsck`, with the key of each and the head that was saved before the kill."""
    saved = {parse_checkpoint(parse_note(head).text).origin: head for head in outlived.heads}
    assert {*saved} == {log.origin for log in logs}
    for log in logs:
        (tmp_path / "head").write_text(saved[log.origin])
        said = told("fsck", str(log.folder), "--key", log.key.vkey, "--against", str(tmp_path / "head"))
        assert (said["code"], said["log"], said["size"]) == (0, log.origin, log.size)


def test_records_of_both_workers_are_found_and_verified(
    outlived: Outlived, logs: Sequence[StoredLog], tmp_path: Path
) -> None:
    """`audit find` by the id and by the bytes of an answer, `audit verify` with the key of the log where it stands."""
    where, answer = ("--dir", str(tmp_path / "log")), tmp_path / "answer"
    for log in logs:
        whole = outlived.whole(log)
        for held in (next(held for held in whole if held.streamed), next(held for held in whole if not held.streamed)):
            assert held.record is not None
            answer.write_bytes(held.raw)
            for by in (("--record", held.record), ("--body", str(answer))):
                found = [(one["record_id"], one["log"]) for one in told("find", *by, *where)["found"]]
                assert found == [(held.record, log.origin)], by
            assert told("verify", held.record, "--key", log.key.vkey, *where)["verdict"] == "verified"


def test_what_the_killed_worker_left_open_is_found_as_aborted(
    outlived: Outlived, logs: Sequence[StoredLog], tmp_path: Path
) -> None:
    """In its own log, where whoever took its slot over closed it."""
    log = logs[REPLICAS.index(outlived.killed)]
    left = [leaf.record_id for leaf in map(_leaf, log.leaves()) if isinstance(leaf, Aborted)]
    for record in left[:3]:
        (found,) = told("find", "--record", record, "--dir", str(tmp_path / "log"))["found"]
        assert (found["log"], decode(found["leaf"].encode())["type"]) == (log.origin, "aborted")
    assert left


def test_a_sink_is_reconciled_with_the_logs_of_both(logs: Sequence[StoredLog], tmp_path: Path) -> None:
    """One that has all misses nothing; a leaf of either log that is taken out of it is named, and no other."""
    copied, sink = tmp_path / "exported", tmp_path / "sink"
    shutil.copytree(tmp_path / "log", copied)  # what is exported is noted: in the copy, or the sink would not have that
    exported = ran("export", "--dir", str(copied))
    assert exported.exit_code == 0, exported.stderr
    leaves = exported.stdout.splitlines(keepends=True)
    keys = [word for log in logs for word in ("--key", log.key.vkey)]
    command = ("reconcile", str(tmp_path / "log"), "--sink", str(sink), *keys)
    sink.write_text("".join(leaves))
    said = told(*command)
    every = sum(log.size for log in logs)
    assert (said["verdict"], said["logs"], said["leaves"], said["missing"]) == ("verified", 2, every, 0)
    for log in logs:
        at = log.size // 2
        left = [line for line in leaves if (decoded := json.loads(line))["log"] != log.origin or decoded["index"] != at]
        sink.write_text("".join(left))
        said = told(*command)
        assert (said["code"], said["missing"]) == (1, 1)
        assert [(one["log"], one["index"]) for one in said["checks"] if one["result"] == "fail"] == [(log.origin, at)]


def _leaf(at: tuple[int, bytes]) -> Leaf:
    """What a leaf says."""
    return read(at[1]).leaf
