"""Two workers under load, of which one is killed: each has its log, and whoever comes for it goes on with it."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.house.repository import ROOT
from tests.torture.clients import PATIENCE_S, Held, ask_on
from tests.torture.judged import faults_of, heads_of, leaves_of, logs_of
from tests.torture.killing import KINDS, SCRIPTS, Books, Tally, configuration
from tracegate.audit.canonical import decode
from tracegate.testing.simulator import Simulator

pytestmark = pytest.mark.slow

CLIENTS = 8
EACH = 20
"""Answers before the kill, and behind it."""

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


async def _until(got: list[Held], most: int) -> None:
    """Wait for so many whole answers."""
    async with asyncio.timeout(PATIENCE_S):
        while sum(held.whole for held in got) < most:  # noqa: ASYNC110  # bytes that come set no event
            await asyncio.sleep(AGAIN_S)  # between two looks at bytes


def test_the_slot_of_a_worker_that_is_killed_is_taken_over(tmp_path: Path) -> None:
    """Both logs verify, its open intents are closed, and no record stands in two logs."""
    root = tmp_path / "log"
    got: list[Held] = []

    async def go() -> tuple[list[str], list[bytes]]:
        async with Simulator(SCRIPTS) as provider:
            async with serving(configuration(tmp_path, provider.base_url)) as port:
                enough, chance = asyncio.Event(), random.Random(4)
                asking = [asyncio.create_task(_asking(port, got, enough, chance)) for _ in range(CLIENTS)]
                await _until(got, EACH)
                lock, second = (root / "private" / f"r1-w{slot}" / "lock" for slot in (0, 1))
                async with asyncio.timeout(PATIENCE_S):
                    while writer_of(second) is None:  # noqa: ASYNC110  # another process sets no event
                        await asyncio.sleep(AGAIN_S)  # between two looks at /proc
                first = writer_of(lock)
                assert first is not None
                heads = heads_of(root)
                os.kill(first, signal.SIGKILL)
                async with asyncio.timeout(PATIENCE_S):
                    while writer_of(lock) in (first, None):  # noqa: ASYNC110  # another process sets no event
                        await asyncio.sleep(AGAIN_S)  # between two looks at /proc
                await _until(got, sum(held.whole for held in got) + EACH)
                enough.set()  # they ask on, until nobody answers any more
            await asyncio.gather(*asking)
            return heads, [entry.body for entry in provider.log]

    heads, called = asyncio.run(go())
    assert [log.parent.name for log in logs_of(root)] == ["r1-w0", "r1-w1"]
    assert faults_of(root, heads) == []
    tally = Tally()
    Books(root).hold(got, called, tally)
    assert tally.faults == []
    taken, other = (list(map(decode, leaves_of(log))) for log in logs_of(root))
    assert [leaf["reason"] for leaf in taken if leaf["type"] == "log.open"] == ["new", "recovery"]
    assert [leaf["reason"] for leaf in other if leaf["type"] == "log.open"] == ["new"]
    assert "crash" in [leaf["cause"] for leaf in taken if leaf["type"] == "aborted"]
