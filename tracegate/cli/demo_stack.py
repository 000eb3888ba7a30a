"""`tracegate demo --stack`: the same requests, exported to a real Collector, and read back from the stores behind it.

What the gateway told its clients, what the providers logged, the traces in Jaeger, the numbers in Prometheus and the
events in VictoriaLogs are held against each other. Here they only meet: what each says is read in `demo_account`,
`demo_stored` and `demo_numbers`, and compared in `demo_compared`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from tracegate.cli.demo import INTERRUPTED, Stage, keep_serving, stage, terminal
from tracegate.cli.demo_account import heard, trace_of, used
from tracegate.cli.demo_client import ask
from tracegate.cli.demo_compared import Asked, Row, rows
from tracegate.cli.demo_numbers import Heard, Number, numbers, of_clients, of_prometheus, of_spans
from tracegate.cli.demo_scenes import SCENES, TO_THE_STACK, Scene
from tracegate.cli.demo_shown import say
from tracegate.cli.demo_verdict import show_legend, show_numbers, show_request, show_verdict
from tracegate.cli.stopping import stoppable
from tracegate.clock import RandomIds, SystemClock
from tracegate.stack import commands
from tracegate.stack.parts import StackError
from tracegate.stack.readers import NotFound, found
from tracegate.stack.standing import Stores, standing
from tracegate.testing.otlp.jaeger import spans_of
from tracegate.testing.otlp.signals import Span

FLUSH_NS = 3_000_000_000
WITHIN_S = 10.0
"""How long the stores get until all that was sent can be found in them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read back.

    Args:
        traces: Spans of each request.
        events: How many log events there are.
        numbers: Every number, as each witness has it.
        compared: What the witnesses say of each request.
    """

    traces: Sequence[Sequence[Span]]
    events: int
    numbers: Sequence[Number]
    compared: Sequence[Sequence[Row]]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs anywhere."""
        return not any(row.wrong for rows in self.compared for row in rows) and all(n.agrees for n in self.numbers)


def run(
    *,
    keep: bool,
    console: Console | None = None,
    scenes: Sequence[Scene] = SCENES,
    at: Path | None = None,
    programs: Mapping[str, Path] | None = None,
) -> int:
    """Show every scene as the stores have it; returns the exit status, 1 when anything differs from what was told.

    Args:
        keep: Keep gateway and stack afterwards, until interrupted.
        console: Where to print.
        scenes: What to ask.
        at: Folder of the stack that may be up; the user's by default.
        programs: As `Stack` takes them; by default what is missing is built.
    """
    console = console or terminal()
    at = at or commands.folder()

    def tell(text: str) -> None:
        say(console, text)

    try:
        if programs is None:
            commands.build(tell, at=at)
        return asyncio.run(_demo(console, keep, scenes, at, programs))
    except StackError as exc:
        click.echo(str(exc), err=True)
        return 1
    except KeyboardInterrupt:  # while something was built
        click.echo("\nInterrupted; what was built stays.", err=True)
        return INTERRUPTED


async def read_back(on: Stage, stores: Stores, instance: str, requests: Sequence[Asked]) -> Evidence:
    """Read everything that was sent, once."""
    traces = [spans_of(await stores.jaeger.trace(one.trace)) for one in requests]
    every = await stores.victorialogs.query(f'_time:1d "service.instance.id":"{instance}"', limit=10_000)
    events = [[event for event in every if event.get("trace_id") == one.trace] for one in requests]
    targets = {id: settings.target for id, settings in on.config.targets.items()}
    counted = await of_prometheus(stores.prometheus, instance)
    return Evidence(
        traces,
        sum(map(len, events)),
        list(numbers(of_clients(map(_heard, requests)), of_spans(traces), counted)),
        [rows(one, trace, told, targets) for one, trace, told in zip(requests, traces, events, strict=True)],
    )


async def compare(console: Console, on: Stage, stores: Stores, instance: str, scenes: Sequence[Scene]) -> bool:
    """Ask for every scene, read it back, and show it; returns whether all agree.

    Args:
        console: Where to print.
        on: What to ask.
        stores: Where it is read back from.
        instance: The gateway's `service.instance.id`.
        scenes: What to ask for.
    """
    requests = [await _ask(on, scene) for scene in scenes]
    await on.view.flush(SystemClock().now() + FLUSH_NS)
    try:
        evidence = await found(
            lambda: read_back(on, stores, instance, requests), lambda got: got.agrees, within_s=WITHIN_S
        )
    except NotFound:  # or not as it should be: shown as it is
        evidence = await read_back(on, stores, instance, requests)
    shown = zip(requests, evidence.traces, evidence.compared, strict=True)
    for number, (one, trace, compared) in enumerate(shown, 1):
        show_request(console, number, one, _at(stores, one.trace), trace, compared)
    at = f"{stores.prometheus.url}/api/v1/query?query="
    show_numbers(console, evidence.numbers, at, sum(one.told.cost is None for one in requests))
    show_verdict(console, evidence.compared, evidence.numbers, evidence.events)
    return evidence.agrees


async def _demo(
    console: Console, keep: bool, scenes: Sequence[Scene], at: Path, programs: Mapping[str, Path] | None
) -> int:
    status, clock, ids = INTERRUPTED, SystemClock(), RandomIds()
    with stoppable() as stopping:
        try:
            async with standing(at, programs=programs) as stores:
                instance = ids.request(clock.wall())
                _greet(console, stores, keep, len(scenes))
                try:
                    async with stage(TO_THE_STACK.format(otlp=stores.otlp_http, instance=instance)) as on:
                        status = 0 if await compare(console, on, stores, instance, scenes) else 1
                        if keep:
                            _look(console, stores)
                            await keep_serving(console, on, lambda recorder: _at(stores, recorder.trace.hex()))
                finally:
                    stopping.ending = True
                _bye(console, stores)
        except asyncio.CancelledError:  # a signal, which is how `keep` is meant to end
            console.print()
    return status


def _greet(console: Console, stores: Stores, keep: bool, count: int) -> None:
    if not stores.own:
        whose = "The stack is the one that `tracegate stack up` started."
    elif keep:
        whose = "A stack was started for this demo."
    else:
        whose = "A stack was started for this demo and ends with it; with --keep it stays, and its addresses answer."
    say(console, f"{whose} The gateway exports to its Collector, {stores.otlp_http}.")
    say(console, f"{count} requests are made, then each is read back from the stores.")
    show_legend(console)


def _bye(console: Console, stores: Stores) -> None:
    if stores.own:
        say(console, "The stack ends with the demo. To look around in one: `tracegate demo --stack --keep`.")
    else:
        say(console, "The stack goes on, until `tracegate stack down`.")
        _look(console, stores)


def _look(console: Console, stores: Stores) -> None:
    told = f"\n{commands.addresses(stores.ports)}\n\n{commands.what_to_open(stores.ports)}"
    console.print(Text(told), soft_wrap=True)


def _at(stores: Stores, trace: str) -> str:
    return f"{stores.jaeger.url}/api/v3/traces/{trace}"


async def _ask(on: Stage, scene: Scene) -> Asked:
    before, logged = len(on.view.requests), len(on.simulator.log)
    seen = await asyncio.to_thread(ask, on.port, scene)
    recorder = (await on.view.until(before + 1))[before]
    return Asked(scene, seen, heard(seen), trace_of(seen), recorder, list(on.simulator.log)[logged:])


def _heard(one: Asked) -> Heard:
    known = (attempt.cost.micros for attempt in one.recorder.attempts if attempt.cost is not None)
    return Heard(one.told, used(one.seen), sum(micros for micros in known if micros is not None))
