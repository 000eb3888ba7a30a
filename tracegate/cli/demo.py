"""`tracegate demo`: simulated providers and a gateway on this machine, a dozen requests, and the trace of each.

It needs no network, no key and no receiver: the spans it shows are those that would be exported. Nothing of the
environment reaches it, so that it shows everybody the same. What is asked stands in `demo_scenes`, how it is shown in
`demo_shown`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.text import Text

from tracegate.build.audit import keeping_of
from tracegate.build.telemetry import telemetry_of
from tracegate.cli.demo_client import PATH, Seen, ask, told
from tracegate.cli.demo_picture import picture
from tracegate.cli.demo_receipt import Head, bundle_of, head, show_custody
from tracegate.cli.demo_scenes import CONFIG, NOWHERE, SCENES, SCRIPTS, Scene
from tracegate.cli.demo_shown import INDENT, field, say, show_trace
from tracegate.clock import RandomIds, SystemClock
from tracegate.config.load import load
from tracegate.config.model import Config
from tracegate.record import Recorder
from tracegate.server.assemble import assemble
from tracegate.server.serve import bind, serving
from tracegate.telemetry.spans import spans
from tracegate.testing.collected import Collected
from tracegate.testing.picture import hop_rows
from tracegate.testing.simulator import Simulator
from tracegate.testing.simulator_log import Entry

HEADERS = ("X-Served-By", "Tracegate-Attempts", "Tracegate-Cost", "Tracegate-Record")
RECEIPT = "tracegate-receipt"
FOREVER_S = 1e9
INTERRUPTED = 130
"""Exit status of what Ctrl-C ended before it was done: 128 and the signal's number, as shells have it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the demo plays on.

    Args:
        simulator: The providers.
        view: Keeps the records of every request.
        port: Where the gateway serves.
        config: The gateway's; its audit log is in a folder that goes with the stage.
    """

    simulator: Simulator
    view: Collected
    port: int
    config: Config

    @property
    def audit(self) -> Path:
        """The folder of the audit log."""
        return Path(self.config.audit.dir)


def run(*, keep: bool, svg: str | None = None, console: Console | None = None, scenes: Sequence[Scene] = SCENES) -> int:
    """Show every scene; returns the exit status.

    It is 1 when traces and providers do not tell the same calls, an answer is not proved by its receipt, or the picture
    can't be written.

    Args:
        keep: Keep serving afterwards, until interrupted.
        svg: Where to write the picture of one trace.
        console: Where to print.
        scenes: What to show.
    """
    return asyncio.run(_demo(console or terminal(), keep, svg, scenes))


def terminal() -> Console:
    """Where a command prints; a terminal that can't draw lines shows `?` for them."""
    cast(io.TextIOWrapper, sys.stdout).reconfigure(errors="replace")
    return Console(highlight=False)


@contextlib.asynccontextmanager
async def stage(telemetry: str = NOWHERE) -> AsyncIterator[Stage]:
    """Simulated providers with a gateway in front of them, both in this process.

    Args:
        telemetry: That section of the gateway's configuration.
    """
    clock, ids = SystemClock(), RandomIds()
    with tempfile.TemporaryDirectory(prefix="tracegate-demo-") as folder:
        async with Simulator(SCRIPTS) as simulator:
            config = _config(Path(folder), simulator.base_url.removesuffix("/v1"), telemetry)
            exports = telemetry_of(config, clock, ids, {})
            keeping = keeping_of(config, clock, ids, resource=exports.resource)
            view = Collected(exports.view)
            sock = bind(config.listen)
            app = assemble(
                config,
                view,
                active=exports.active,
                clock=clock,
                ids=ids,
                audit=None if keeping is None else keeping.audit,
                beside=keeping,
            ).app
            async with serving(app, sock, config):
                yield Stage(simulator, view, sock.getsockname()[1], config)


async def play(console: Console, on: Stage, scene: Scene, number: int) -> tuple[Recorder, Seen]:
    """Ask once, and show who served it and its trace.

    Args:
        console: Where to print.
        on: What to ask.
        scene: What to ask for.
        number: Of the scene, from 1.
    """
    before = len(on.view.requests)
    seen = await asyncio.to_thread(ask, on.port, scene)
    recorder = (await on.view.until(before + 1))[before]
    say(console, f"{number:>2}  {scene.title}", style="bold")
    say(console, asked(scene, seen), INDENT, "dim")
    for name in HEADERS if scene.headers else HEADERS[:1]:
        if name.lower() in seen.headers:
            _field(console, f"{name}: ", seen.headers[name.lower()], "cyan")
    for line in seen.lines if scene.headers else ():
        if line.startswith(": tracegate-"):
            mark, name, value = line.split(" ", 2)
            _field(console, f"{mark} {name} ", shortened(value) if name == RECEIPT else value, "dim cyan")
    show_trace(console, spans(recorder))
    return recorder, seen


def shortened(receipt: str) -> str:
    """The beginning of a receipt, which only a verifier reads."""
    return f"{receipt[:60]}… ({len(receipt):,} characters)"


def asked(scene: Scene, seen: Seen) -> str:
    """What was asked for, and what came back."""
    return f"model={scene.route}{' stream=true' if scene.stream else ''} → {told(seen)}"


def agree(requests: Iterable[Recorder], log: Iterable[Entry]) -> bool:
    """Whether the attempts of all traces are the calls that the providers saw, one by one, with the same statuses."""
    attempts = [(attempt.target.model, attempt.status) for recorder in requests for attempt in recorder.attempts]
    return attempts == [(entry.model, entry.status) for entry in log]


async def _demo(console: Console, keep: bool, svg: str | None, scenes: Sequence[Scene]) -> int:
    status = INTERRUPTED
    try:
        async with stage() as on:
            status = await _shown(console, on, svg, scenes)
            if keep:
                await keep_serving(console, on)
            say(console, "Next: `tracegate demo --keep` goes on serving and shows the traces of your own requests.")
    except asyncio.CancelledError:  # Ctrl-C, which is how `keep` is meant to end
        console.print()
    return status


async def _shown(console: Console, on: Stage, svg: str | None, scenes: Sequence[Scene]) -> int:
    say(console, f"A gateway on 127.0.0.1:{on.port}, in front of four simulated providers, all on this machine.")
    say(
        console,
        f"{len(scenes)} requests; for each the answer's X-Served-By, and its trace: hop, attempt, provider, served "
        "model, region, latency, cost, error.\n",
    )
    drawn, before, answers = True, head(on.audit), list[tuple[str, Seen]]()
    for number, scene in enumerate(scenes, 1):
        recorder, seen = await play(console, on, scene, number)
        console.print()
        if number == 1 or scene.pictured or number == len(scenes):
            answers.append((f"Answer {number}", seen))
        if svg is not None and scene.pictured:
            drawn = _draw(console, svg, scene, recorder)
    proved = await _proved(console, on, before, answers)
    agreed = agree(on.view.requests, on.simulator.log)
    attempts = sum(len(recorder.attempts) for recorder in on.view.requests)
    say(
        console,
        f"{attempts} attempts in the traces, {len(on.simulator.log)} calls in the providers' own log: "
        f"{'they agree' if agreed else 'THEY DO NOT AGREE'}.",
    )
    return 0 if agreed and drawn and proved else 1


async def _proved(console: Console, on: Stage, before: Head, answers: Sequence[tuple[str, Seen]]) -> bool:
    """Prove one of the answers offline, and show what becomes of it when a byte is changed.

    Args:
        console: Where to print.
        on: Who answered.
        before: The head of the log before the first of them.
        answers: The first, the pictured one, the last; the last is given out once all are under a signed head.
    """
    bundles = [await asyncio.to_thread(bundle_of, on.port, seen.headers["tracegate-record"]) for _, seen in answers]
    (name, seen), bundle = [*zip(answers, bundles, strict=True)][len(answers) // 2]
    now = SystemClock().wall() // 1_000_000_000
    proved = show_custody(console, before, head(on.audit), (name, seen.saved), bundle, now)
    console.print()
    return proved


async def keep_serving(console: Console, on: Stage, found_at: Callable[[Recorder], str] | None = None) -> None:
    """Show the trace of every request that comes, until interrupted.

    Args:
        console: Where to print.
        on: What is asked.
        found_at: Where else its trace is found, if anywhere.
    """
    routes = ", ".join(dict.fromkeys(scene.route for scene in SCENES))
    say(console, f"\nStill serving, until Ctrl-C. The trace of every request is shown here. Ask for one of: {routes}")
    say(console, f"Its audit log is in {on.audit} until then.\n")
    for line in how_to_ask(on.port):
        console.print(f"  {line}", soft_wrap=True)
    shown = len(on.view.requests)
    while True:
        recorder = (await on.view.until(shown + 1, within_s=FOREVER_S))[shown]
        shown += 1
        console.print()
        alias, status = recorder.inbound.alias, recorder.inbound.status
        say(console, f"{'' if alias is None else f'model={alias} '}→ {status}", INDENT, "dim")
        if found_at is not None:
            say(console, found_at(recorder), INDENT, "cyan")
        show_trace(console, spans(recorder))


def how_to_ask(port: int) -> list[str]:
    """What a shell takes to send a request."""
    return [
        f"curl -i http://127.0.0.1:{port}{PATH} \\",
        '  -d \'{"model": "busy-day", "messages": [{"role": "user", "content": "hi"}]}\'',
        "",
        f"OPENAI_BASE_URL=http://127.0.0.1:{port}/v1 OPENAI_API_KEY=any python your_program.py",
    ]


def _config(folder: Path, origin: str, telemetry: str) -> Config:
    file = folder / "tracegate.yaml"
    file.write_text(CONFIG.format(origin=origin) + telemetry + "listen: 127.0.0.1:0\n", encoding="utf-8")
    return load(str(file), {})


def _draw(console: Console, svg: str, scene: Scene, recorder: Recorder) -> bool:
    try:
        Path(svg).write_text(picture(hop_rows(spans(recorder)), scene.title), encoding="utf-8")
    except OSError as exc:
        say(console, f"{svg}: can't be written: {exc.strerror}\n", style="red")
        return False
    return True


def _field(console: Console, start: str, value: str, style: str) -> None:
    for line in field(console, start, value):
        console.print(Text(f"{INDENT}{line}", style=style), soft_wrap=True)
