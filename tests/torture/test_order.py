"""A gateway under strace: the log is on the disk before anything is sent, and stays there when the power fails."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.torture.clients import Held, ask_on, number_of
from tests.torture.cut import HOW, cuts
from tests.torture.gateways import Gateways
from tests.torture.killing import KINDS, SCRIPTS, configuration
from tests.torture.order import Sent, early, sent
from tests.torture.power import Drive
from tests.torture.traced import FILES, WHOLE, WIRE, Call, calls_of
from tracegate.audit.blinds import Blinds
from tracegate.audit.directory import Directory
from tracegate.audit.process import Settings
from tracegate.audit.records import find
from tracegate.audit.succession import Home
from tracegate.testing.simulator import Simulator

pytestmark = pytest.mark.slow

CLIENTS = 6
ANSWERS = 60
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Traced:
    """A gateway that served, and was killed.

    Args:
        folder: With its log.
        calls: What it asked of the system.
        sent: What of that was sent to clients and providers.
    """

    folder: Path
    calls: list[Call]
    sent: Sequence[Sent]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """One life for all tests."""
    folder = tmp_path_factory.mktemp("traced")
    out = folder / "trace"
    before = ["strace", "-f", "-yy", "-s", str(WHOLE), "-e", f"trace={FILES},{WIRE}", "--seccomp-bpf", "-o", str(out)]
    got: list[Held] = []

    async def go(gateways: Gateways) -> int:
        async with Simulator(SCRIPTS) as provider:
            gateway = gateways.start(configuration(folder, provider.base_url))
            chance = random.Random(5)
            asking = [asyncio.create_task(ask_on(gateway.port, KINDS, chance, got)) for _ in range(CLIENTS)]
            async with asyncio.timeout(PATIENCE_S):
                while sum(held.whole for held in got) < ANSWERS and not all(task.done() for task in asking):
                    await asyncio.wait(asking, timeout=0.05)
            gateways.end(gateway, signal.SIGKILL)
            await asyncio.gather(*asking)
            return gateway.port

    with Gateways(folder / "said", before) as gateways:
        port = asyncio.run(go(gateways))
    calls = calls_of(out.read_text("latin-1"))
    records = {number_of(held.asked): held.record for held in got if held.record is not None}
    return Traced(folder, calls, [*sent(calls, port, records)])


def test_the_log_is_on_the_disk_before_anything_is_sent(traced: Traced) -> None:
    """An intent before a provider is called and a stream begins, a final before an answer and a closing comment."""
    known = [one for one in traced.sent if one.record != "?"]  # a client that got nothing names no record
    counts = Counter(one.what for one in known)
    assert min(counts[what] for what in ("call", "answer", "stream", "comment")) > 10, counts
    assert len(traced.sent) - len(known) <= CLIENTS * 2
    assert early(traced.calls, known) == []


def test_a_trace_without_syncs_would_be_noticed(traced: Traced) -> None:
    """Nothing of it is durable then."""
    unsynced = [call for call in traced.calls if call.name not in ("fdatasync", "fsync")]
    assert len(early(unsynced, traced.sent)) == len(traced.sent)


def test_power_that_fails_takes_no_record_of_what_was_sent(traced: Traced, tmp_path: Path) -> None:
    """At some moments, whatever becomes of what no sync has covered: the leaf stands, and its blinding is there."""
    root = traced.folder / "log"
    lines = {one.call.begun: _lines(root, one) for one in traced.sent if one.record != "?"}
    assert sum(map(len, lines.values())) > ANSWERS
    drive = Drive(root, known=False)
    cut_at = [*cuts(drive, traced.calls, lambda call: lines.get(call.begun, []), random.Random(2), share=0.06)]
    assert len(cut_at) > 5
    for number, one in enumerate(cut_at):
        for how in HOW:
            settings = Settings(Home(tmp_path / f"{number}-{how}", "gw.example", "default", "r1"))
            assert one.faults(how, settings) == [], (one.before, how)


def _lines(root: Path, one: Sent) -> list[str]:
    """What it acknowledges."""
    found = find(Directory(root), one.record)
    assert found is not None
    leaf = found.intent if one.needs == "intent" else found.closing
    assert leaf is not None
    r = Blinds(root / "private").r(one.record)
    assert r is not None
    return [f"leaf {leaf.log.origin} {leaf.index} {leaf.hash.hex()}", f"r {one.record} {r.hex()}"]
