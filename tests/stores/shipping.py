"""Traffic whose leaves are shipped through a Collector that keeps them on disk, while everything on the way fails.

The gateway is a process of its own; the Collector hands leaves to VictoriaLogs and to its file, the archive. Both are
compared with the log at the end. `python -m tests.stores.shipping SECONDS` lets everything be away for so long; the
test says how long there.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.bench.child import Child
from tests.stores.traffic import Asked, Kind, S, Traffic
from tracegate.cli import reconciling
from tracegate.clock import RandomIds, SystemClock
from tracegate.stack.readers import found
from tracegate.stack.stack import Stack

PER_S = 100
LATE_S = 30.0
"""How long leaves may take to be at both sinks when all is well again."""

CLOCK = SystemClock()
FULL = Path("/dev/full")  # Source: full(4): writing fails with ENOSPC
NO_ROOM = "-storage.minFreeDiskSpaceBytes=1000TB"
"""A VictoriaLogs that finds less room than this refuses what it is sent."""

PLAIN = Kind("plain", 3)

CONFIG = """
listen: 127.0.0.1:0
providers: {{p: {{dialect: openai, base_url: "http://127.0.0.1:9/p/v1", key: none}}}}
targets: {{works: {{provider: p, model: "sim-ok"}}}}
routes: {{plain: [works]}}
telemetry: {{otlp: none}}
audit: {{dir: "{dir}", ship: "{ship}"}}
"""


@dataclass(slots=True)
class Story:
    """What came of it.

    Args:
        asked: Every request.
        sinks: By name of the sink, what `audit reconcile --json` said last, once nothing was missing.
        before: The same of the archive after a line was taken out of it, and before that was sent once more.
        log: What the Collector wrote.
    """

    asked: Sequence[Asked] = ()
    sinks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)
    log: str = ""

    def said(self) -> str:
        """For people."""
        lines = [f"{len(self.asked)} requests, {sum(one.status == 200 for one in self.asked)} answered"]
        for name, told in self.sinks.items():
            parts = ("leaves", "found", "missing", "altered", "duplicates", "unshipped")
            lines.append(f"{name}: {told['verdict']}, " + ", ".join(f"{told[part]} {part}" for part in parts))
        return "\n".join(lines)


async def story(away_s: float) -> Story:
    """Run it; each part of the way is gone for so long, and both sinks are full for as long."""
    told = Story()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stack = Stack(durable=True)
        try:
            for server in ("victorialogs", "collector"):  # all that leaves pass
                await stack.start(server)
            file, logs = folder / "tracegate.yaml", folder / "audit"
            file.write_text(CONFIG.format(dir=logs, ship=stack.otlp_audit), "utf-8")
            with Child("tests.stores.traffic_gateway", [str(file)]) as gateway:
                await asyncio.to_thread(gateway.wait)
                moving = asyncio.create_task(_moves(stack, away_s))
                async with Traffic(gateway.ready["port"], CLOCK, RandomIds()) as crowd:
                    kinds = [PLAIN] * int(PER_S * _seconds(away_s))
                    told.asked = await crowd.ask(kinds, PER_S, CLOCK.now() + S // 10)
                await moving
                sinks = {"archive": str(stack.archive), "victorialogs": stack.victorialogs.url}
                await _complete(logs, sinks)
                told.before = await _robbed(logs, stack.archive)
                await asyncio.to_thread(gateway.stop)
            told.sinks = await _complete(logs, sinks)
            told.log = stack.log("collector")
        finally:
            await stack.down()
    return told


def _seconds(away_s: float) -> float:
    return 5 * away_s + 3


async def _moves(stack: Stack, away_s: float) -> None:
    """The Collector is killed; then comes back to a full disk of its archive; then the store goes, comes back full,
    and has room; then the Collector is killed with what the archive did not take, and finds room; then it is stopped.
    """
    archive, kept = stack.archive / "audit.jsonl", stack.archive / "audit-before.jsonl"
    roomy = stack.servers["victorialogs"]
    await _wait(0.5)
    await stack.kill("collector")
    await _wait(away_s)
    archive.rename(kept)
    archive.symlink_to(FULL)
    await stack.start("collector")
    await _wait(0.5)
    await stack.stop("victorialogs")
    await _wait(away_s)
    stack.servers["victorialogs"] = replace(roomy, command=(*roomy.command, NO_ROOM))
    await stack.start("victorialogs")
    await _wait(away_s)
    await stack.stop("victorialogs")
    stack.servers["victorialogs"] = roomy
    await stack.start("victorialogs")
    await _wait(0.5)
    await stack.kill("collector")
    archive.unlink()
    await _wait(away_s)
    await stack.start("collector")
    await _wait(0.5)
    await stack.stop("collector")
    await _wait(away_s)
    await stack.start("collector")


async def _wait(seconds: float) -> None:
    await CLOCK.sleep_until(CLOCK.now() + int(seconds * S))  # an outage of real servers lasts in real time


async def _complete(logs: Path, sinks: Mapping[str, str]) -> Mapping[str, Mapping[str, Any]]:
    """Compare each sink until it has all."""
    return {
        name: await found(lambda: reconciled(logs, sink), lambda told: told["code"] == 0, within_s=LATE_S)  # noqa: B023  # read in this turn
        for name, sink in sinks.items()
    }


async def reconciled(logs: Path, sink: str, *, resend: bool = False) -> Mapping[str, Any]:
    """What `tracegate audit reconcile --json` prints."""
    out, errors = io.StringIO(), io.StringIO()

    def run() -> int:
        keys = [json.loads(path.read_text())["vkey"] for path in logs.glob("*/*/log.json")]
        with redirect_stdout(out), redirect_stderr(errors):
            return reconciling.run(str(logs), [sink], keys, resend=resend, as_json=True)

    code = await asyncio.to_thread(run)
    told: Mapping[str, Any] = json.loads(out.getvalue() or "{}") | {"code": code, "errors": errors.getvalue()}
    return told


async def _robbed(logs: Path, archive: Path) -> Mapping[str, Any]:
    """Take the first line out of the archive, have what it held sent once more, and wait until it is there."""
    file = archive / "audit-before.jsonl"
    file.write_text(file.read_text("utf-8").partition("\n")[2], "utf-8")
    told = await reconciled(logs, str(archive), resend=True)
    await found(lambda: reconciled(logs, str(archive)), lambda now: now["code"] == 0, within_s=LATE_S)
    return told


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(story(float(sys.argv[1]))).said() + "\n")
