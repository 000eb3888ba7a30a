"""What is wrong with an audit directory, after whatever happened to it: nothing, if all is as it should be.

It is opened and closed once more, as the next start does; then each log of it is checked by `fsck`, and what was
acknowledged is looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from tests.audit.failing import FaultyDisk, SlowLane
from tests.audit.leaves import GATEWAY
from tests.audit.running import running
from tracegate.audit.blinds import Blinds
from tracegate.audit.checkpoint import parse_checkpoint
from tracegate.audit.events import Aborted
from tracegate.audit.folder import Folder
from tracegate.audit.fsck import fsck
from tracegate.audit.keys import parse_vkey
from tracegate.audit.kinds import Final, Intent
from tracegate.audit.leaf import read
from tracegate.audit.merkle import leaf_hash
from tracegate.audit.notes import parse_note
from tracegate.audit.opening import StartRefused
from tracegate.audit.process import Settings
from tracegate.audit.segments import scan
from tracegate.clock import SystemClock
from tracegate.errors import Malformed
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run

SETTLE_NS = 1_000_000_000
"""Virtual, so it takes no time."""


class Today(FakeClock):
    """Virtual time that begins now: the epoch of a log is a month of the calendar."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        super().__init__()
        self._since = SystemClock.wall() - super().wall()

    def wall(self) -> int:
        """See `Clock.wall`."""
        return self._since + super().wall()


def reopened(settings: Settings) -> list[str]:
    """Open and close the log of a replica, as the next start does, which completes a turn that was begun."""

    async def again() -> None:
        clock = Today()
        lanes = SlowLane(clock), SlowLane(clock)
        audit = await running(settings, GATEWAY, clock, SeededIds(1), lane=lanes[0], beside=lanes[1], disk=FaultyDisk())
        await clock.sleep_until(clock.now() + SETTLE_NS)
        await audit.close()

    try:
        run(again)
    except (StartRefused, OSError) as exc:
        return [f"it can't be opened: {exc}"]
    return []


def logs_of(root: Path) -> list[Path]:
    """The folders of the logs of an audit directory."""
    return sorted(path.parent for path in root.glob("*/*/log.json"))


def leaves_of(log: Path) -> list[bytes]:
    """The leaves of its segments, in their order."""
    return [raw for path in sorted(log.glob("segments/*.seg")) for raw in scan(path.read_bytes()).leaves]


def heads_of(root: Path) -> list[str]:
    """The checkpoints of an audit directory, as they are now."""
    return [path.read_text() for path in root.glob("*/*/checkpoint")]


def faults_of(root: Path, heads: Iterable[str] = (), said: Iterable[str] = ()) -> list[str]:
    """What is wrong with the logs of a directory that nobody has open.

    Args:
        root: The directory.
        heads: Checkpoints that somebody saved.
        said: What was acknowledged: lines `leaf ORIGIN INDEX HASH` and `r RECORD R`; others say nothing here.
    """
    saved: dict[str, list[str]] = {}
    for head in heads:
        saved.setdefault(parse_checkpoint(parse_note(head).text).origin, []).append(head)
    found: list[str] = []
    logs: dict[str, list[bytes]] = {}
    for log in logs_of(root):
        stated = msgspec.json.decode((log / "log.json").read_bytes())
        report = fsck(Folder(log), parse_vkey(stated["vkey"]), saved.pop(stated["origin"], []))
        found += [f"{stated['origin']}: {check}" for check in report.checks if check.result != "pass"]
        logs[stated["origin"]] = leaves_of(log)
    found += [f"{origin}: it is gone" for origin in saved]
    return [*found, *_unclosed([*logs.values()]), *_lost(logs, Blinds(root / "private"), said)]


def _unclosed(logs: Sequence[Sequence[bytes]]) -> list[str]:
    """Each record has one intent at most and one end, in whichever log of the directory."""
    begun: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for leaves in logs:
        for raw in leaves:
            try:
                leaf = read(raw).leaf
            except Malformed:
                continue  # which fsck tells
            if isinstance(leaf, Intent):
                begun[leaf.record_id] += 1
            elif isinstance(leaf, Final | Aborted):
                ended[leaf.record_id] += 1
    wrong = {record for record in {*begun, *ended} if begun[record] > 1 or ended[record] != 1}
    return [f"{record}: {begun[record]} intents, {ended[record]} ends" for record in sorted(wrong)]


def _lost(logs: dict[str, list[bytes]], blinds: Blinds, said: Iterable[str]) -> list[str]:
    found = []
    for line in said:
        match line.split(" "):
            case ["leaf", origin, index, hashed]:
                leaves = logs.get(origin, [])
                if int(index) >= len(leaves) or leaf_hash(leaves[int(index)]).hex() != hashed:
                    found.append(f"leaf {index} of {origin} was acknowledged, and is another")
            case ["r", record, secret]:
                kept = blinds.r(record)
                if kept is None or kept.hex() != secret:
                    found.append(f"{record}: its blinding is lost")
            case _:
                pass
    return found
