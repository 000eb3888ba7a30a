"""A gateway is killed under load, again and again, and every byte that its clients got is held to its log.

Every answer that came whole and names a record has a final that verifies; whatever began to be answered has at least an
intent; the log is sound after the next start; every head that was seen before is a prefix of the last.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

import msgspec

from tests.torture.clients import PATIENCE_S, Held, Kind, ask_on, number_of
from tests.torture.gateways import Gateways
from tests.torture.judged import faults_of, heads_of
from tracegate.audit.blinding import committed
from tracegate.audit.blinds import Blinds
from tracegate.audit.bundles import bundle
from tracegate.audit.directory import Directory
from tracegate.audit.kinds import Final, Intent
from tracegate.audit.leaf import read
from tracegate.audit.policy import trusting
from tracegate.audit.records import find
from tracegate.audit.verify import Given, verify
from tracegate.clock import SystemClock
from tracegate.testing.simulator import Simulator

CLIENTS = 8
LIVES = 10
"""How often one log is killed and continued before another begins."""

MOST = 20
"""Answers that a gateway gives before it is killed, at most; a busy machine takes longer for them."""

SOON_S = 0.01  # longest time from that answer to the kill
LOOK_S = 0.01  # how often somebody saves the head, and counts answers

SCRIPTS = {
    "plain": "ok",
    "slow": "pace=1ms",
    "late": "wait=5ms",
    "long": "pace=25ms+words=60",  # a second and a half
    "bad": "503:ok:again",
    "cut": "cut=3+reset",
}
KINDS = [
    *(Kind(model) for model in ("plain", "late", "both", "nobody")),
    *(Kind(model, stream=True) for model in ("plain", "slow", "slow", "cut", "both")),
    Kind("plain", more=2_000),
]


@dataclass(slots=True)
class Tally:
    """What came of it.

    Args:
        counts: Of what, by name.
        faults: What is wrong.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def configuration(folder: Path, provider: str, **audit: str) -> Path:
    """The file of a gateway's configuration, whose log is in the same folder."""
    written = {
        "listen": "127.0.0.1:0",
        "providers": {"sim": {"row": "openai", "base_url": provider, "key": "sk-of-the-simulator"}},
        "targets": {name: f"sim/{name}" for name in SCRIPTS},
        "routes": {"both": {"fallback": ["bad", "plain"], "retry": 0}},
        "telemetry": {"otlp": "none"},
        "audit": {"dir": str(folder / "log"), "host": "gw.example", "replica": "r1", **audit},
    }
    file = folder / "tracegate.yaml"
    file.write_bytes(msgspec.json.encode(written))
    return file


def killed(runs: int, seed: int) -> Iterator[Tally]:
    """Kill gateways so often; gives what came of each log, one after the other."""
    chance = Random(seed)
    with tempfile.TemporaryDirectory(prefix="tracegate-killed-") as kept, Gateways(Path(kept, "said")) as gateways:
        for number, start in enumerate(range(0, runs, LIVES)):
            folder = Path(kept, str(number))
            folder.mkdir()
            yield asyncio.run(lives(gateways, folder, min(LIVES, runs - start), chance))
            shutil.rmtree(folder)


async def lives(gateways: Gateways, folder: Path, runs: int, chance: Random) -> Tally:
    """Kill a gateway so often, each with the log of the one before, and judge the log at the end.

    Args:
        gateways: Start them.
        folder: New.
        runs: How often.
        chance: When, and what is asked.
    """
    root = folder / "log"
    tally, heads, got = Tally(), dict[str, None](), list[Held]()
    async with Simulator(SCRIPTS) as provider:
        file = configuration(folder, provider.base_url)
        for _ in range(runs):
            gateway, since = gateways.start(file), len(got)
            asking = [asyncio.create_task(ask_on(gateway.port, KINDS, chance, got)) for _ in range(CLIENTS)]
            await _answered(got, since, chance.randint(1, MOST), asking, lambda: heads.update(_seen(root)))
            await asyncio.sleep(chance.uniform(0, SOON_S))  # real time is what a kill comes in
            gateway.signal(signal.SIGKILL)
            await asyncio.gather(*asking)
            gateways.end(gateway, signal.SIGKILL)
        gateway, since = gateways.start(file), len(got)
        asking = [asyncio.create_task(ask_on(gateway.port, KINDS, chance, got))]
        await _answered(got, since, 1, asking, lambda: None)
        status = await asyncio.to_thread(gateways.end, gateway)
        await asyncio.gather(*asking)
        called = [entry.body for entry in provider.log]
    tally.counts += Counter(runs=runs, requests=len(got), calls=len(called), heads=len(heads))
    if status != 0:
        tally.faults.append(f"the last gateway ended with {status}")
    tally.faults += faults_of(root, heads)
    Books(root).hold(got, called, tally)
    return tally


async def _answered(
    got: Sequence[Held], since: int, most: int, asking: Sequence[asyncio.Task[None]], look: Callable[[], None]
) -> None:
    """Wait until so many of the requests from a place on have their answers; look again and again meanwhile."""
    async with asyncio.timeout(PATIENCE_S):
        while sum(held.whole for held in got[since:]) < most and not all(task.done() for task in asking):
            await asyncio.wait(asking, timeout=LOOK_S)
            look()


def _seen(root: Path) -> dict[str, None]:
    """The heads of now, in order and once."""
    return dict.fromkeys(heads_of(root))


class Books:
    """What the logs of a directory have of records.

    Args:
        root: The directory, which nobody has open.
    """

    def __init__(self, root: Path) -> None:
        self.directory = Directory(root)
        self._blinds = Blinds(root / "private")
        self._signers = {log.origin: self.directory.signer(log) for log in self.directory.logs()}
        self.policy = trusting([log.key for log in self.directory.logs()])

    def hold(self, got: Sequence[Held], called: Sequence[bytes], tally: Tally) -> None:
        """Hold what clients got, and the bodies that providers were sent, to the logs."""
        for held in got:
            kind, fault = self._judged(held)
            tally.counts[kind] += 1
            if fault is not None:
                tally.faults.append(f"{kind}, {held.record}: {fault}; {held.raw[-200:]!r}")
        named = {number_of(held.asked) for held in got if held.record is not None}
        unnamed = {number_of(held.asked): held.asked for held in got if held.record is None}
        intents = self._intents({held.record for held in got}, tally)
        for number in {number_of(body) for body in called} - named:
            digest = sha256(unnamed[number]).digest()
            tally.counts["calls whose client got nothing"] += 1
            if not any(committed(r, "req", digest) == said for r, said in intents):
                tally.faults.append(f"request {number}: a provider was called, and there is no intent")

    def bundle(self, record: str) -> bytes | None:
        """The bundle of a record; `None` where it is not closed."""
        found = find(self.directory, record)
        if found is None or found.closing is None:
            return None
        log = found.closing.log
        return msgspec.json.encode(bundle(found.closing, log.head(), self._signers[log.origin], self._blinds.r(record)))

    def _judged(self, held: Held) -> tuple[str, str | None]:
        """What kind of answer it is, and what is wrong with it."""
        record = held.record
        if record is None:
            return "without a record", "it came whole, and names no record" if held.whole else None
        found = find(self.directory, record)
        if found is None:
            return "named", "there is no leaf of it"
        closing = found.closing
        if held.receipt if held.streamed else held.whole:
            kind = "whole streams" if held.streamed else "whole answers"
            if closing is None or not isinstance(closing.leaf, Final):
                return kind, "there is no final of it"
            report = verify(Given(self.policy, now(), held.raw, self.bundle(record)))
            wrong = [str(check) for check in report.checks if check.result != "pass"]
            return kind, ", ".join(wrong) if wrong and held.whole else None
        return "broken answers", None if found.intent is not None or held.status != 200 else "there is no intent of it"

    def _intents(self, but: set[str | None], tally: Tally) -> list[tuple[bytes, str]]:
        """The blinding and the commitment to the question of intents, but of some records."""
        found = []
        for log in self.directory.logs():
            for _, raw in log.leaves():
                leaf = read(raw).leaf
                if isinstance(leaf, Intent) and leaf.record_id not in but:
                    r = self._blinds.r(leaf.record_id)
                    if r is None:
                        tally.faults.append(f"{leaf.record_id}: its intent stands, and its blinding is gone")
                    else:
                        found.append((r, leaf.req.commit))
        return found


def now() -> int:
    """Seconds since 1970 UTC."""
    return SystemClock.wall() // 1_000_000_000
