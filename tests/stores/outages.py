"""A minute of traffic during which the Collector and Jaeger go away and come back; what comes of it are `books`.

The gateway is a process of its own, with simulated providers in memory; Jaeger keeps its traces on disk.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.bench.child import Child
from tests.stores.books import Books, Try
from tests.stores.collector_losses import Life, dropped, life, redelivered, waiting
from tests.stores.span_ids import found
from tests.stores.traffic import Kind, S, Traffic
from tracegate.clock import RandomIds, SystemClock
from tracegate.stack import building, readers
from tracegate.stack.servers import PROGRAMS
from tracegate.stack.stack import Stack

PER_S = 200
ID = 16  # characters of a span's id
IDLE_S = 90.0
"""How long the Collector gets to hand over what it held for stores that were away."""

NICE = 10
SETTLE_S = 0.1  # from here to the first request
CLOCK = SystemClock()
PLAIN, FALLS = Kind("plain", 3), Kind("falls", 4)
KINDS: Sequence[Kind] = (*(PLAIN,) * 9, FALLS)
"""In turn: of ten requests one falls back."""

CONFIG = """
listen: 127.0.0.1:0
providers: {{p: {{dialect: openai, base_url: "http://127.0.0.1:9/p/v1", key: none}}}}
targets: {{works: {{provider: p, model: "sim-ok"}}, fails: {{provider: p, model: "sim-503"}}}}
routes:
  plain: [works]
  falls: {{fallback: [fails, works], retry: 0}}
telemetry: {{otlp: "{otlp}", queue: {queue}}}
"""

How = Literal["stop", "kill"]


@dataclass(frozen=True, slots=True)
class Move:
    """At a second of the traffic a server goes away, or comes back."""

    at_s: float
    server: str
    back: bool = False


OUTAGES = (
    Move(8, "collector"),
    Move(14, "collector", back=True),
    Move(20, "jaeger"),
    Move(26, "jaeger", back=True),
    # Both at once: the Collector goes while it holds what Jaeger is not there to take.
    Move(40, "jaeger"),
    Move(44, "collector"),
    Move(46, "collector", back=True),
    Move(50, "jaeger", back=True),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried.

    Args:
        how: How servers go away.
        durable: The Collector keeps its queues on disk.
        moves: Of servers; none for an undisturbed minute.
        queue: What the gateway keeps in memory for a Collector that is away.
        seconds: Of traffic.
    """

    how: How = "stop"
    durable: bool = False
    moves: Sequence[Move] = OUTAGES
    queue: str = "16MB"
    seconds: int = 60


class _Share(RandomIds):
    """Randomness of which ports come, of one of several stacks that start at once: else two may choose the same."""

    def __init__(self, number: int, of: int) -> None:
        super().__init__()
        self._number = number
        self._of = of

    def random(self) -> float:
        """A number in this one's part of [0, 1)."""
        return (self._number + super().random()) / self._of


async def traffic(plan: Plan, number: int = 0, of: int = 1) -> Books:
    """Run it, with a stack of its own, which is one of so many that run at once.

    Raises:
        StackError: A server did not start or end, or the Collector could not hand over what it held.
        TimeoutError: Answers did not come.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Stack(
            jaeger_store="badger", durable=plan.durable, programs=_nicer(folder), ids=_Share(number, of)
        ) as stack:
            file = folder / "tracegate.yaml"
            file.write_text(CONFIG.format(otlp=stack.otlp_http, queue=plan.queue), "utf-8")
            with Child("tests.stores.traffic_gateway", [str(file)]) as gateway:
                await asyncio.to_thread(gateway.wait)
                books = await _minute(plan, stack, gateway)
                await asyncio.to_thread(gateway.stop)  # it sends what it still has
            await _close(books, plan, stack, gateway)
            return books


async def _close(books: Books, plan: Plan, stack: Stack, gateway: Child) -> None:
    """Write down what became of everything."""
    books.tries = [
        Try(at, status, error, [ids[place : place + ID] for place in range(0, len(ids), ID)])
        for at, status, error, ids in gateway.said["tries"]
    ]
    await readers.found(
        lambda: waiting(stack.collector_metrics), lambda requests: requests == 0, within_s=IDLE_S, clock=CLOCK
    )
    books.lives.append(await life(stack.collector_metrics, CLOCK))
    books.gateway = await _lost_by_the_gateway(stack)
    books.repeated = await _repeated_by_the_gateway(stack)
    books.found = await asyncio.to_thread(found, stack.plan.address("jaeger_grpc"), "tracegate")
    log = stack.log("collector")
    books.dropped = 0 if plan.durable else dropped(log)
    books.redelivered = redelivered(log)


async def _minute(plan: Plan, stack: Stack, gateway: Child) -> Books:
    kinds = [KINDS[number % len(KINDS)] for number in range(plan.seconds * PER_S)]
    books = Books()
    start = CLOCK.now() + int(SETTLE_S * S)

    async def moves() -> None:
        for move in plan.moves:
            await CLOCK.sleep_until(start + int(move.at_s * S))
            if move.back:
                await stack.start(move.server)
            elif (told := await _leave(stack, move.server, plan.how)) is not None:
                books.lives.append(told)

    async with Traffic(gateway.ready["port"], CLOCK, RandomIds()) as crowd, asyncio.TaskGroup() as group:
        group.create_task(moves())
        books.asked = await crowd.ask(kinds, PER_S, start)
    return books


async def _leave(stack: Stack, server: str, how: How) -> Life | None:
    """End a server; what the Collector said of its life before."""
    told = await life(stack.collector_metrics, CLOCK) if server == "collector" else None
    await (stack.stop(server) if how == "stop" else stack.kill(server))
    if told is not None:
        told.ended = CLOCK.now()
    return told


async def _lost_by_the_gateway(stack: Stack) -> dict[str, int]:
    """Of traces, by where."""
    series = await stack.prometheus.query("tracegate_telemetry_errors_total")
    lost = {str(one["metric"]["tracegate_telemetry_where"]): int(one["value"][1]) for one in series}
    return {where: count for where, count in lost.items() if where.startswith("traces") or where == "render_failed"}


async def _repeated_by_the_gateway(stack: Stack) -> int:
    series = await stack.prometheus.query('tracegate_telemetry_repeated_total{tracegate_telemetry_signal="traces"}')
    return sum(int(one["value"][1]) for one in series)


def _nicer(folder: Path) -> Mapping[str, Path]:
    """The servers' programs with less of a right to the processor than the gateway and its clients.

    On a machine of two cores the stores that catch up would take them all, which says nothing of the gateway.
    """
    made: dict[str, Path] = {}
    for name, program in building.programs(list(PROGRAMS.values())).items():
        made[name] = folder / name
        made[name].write_text(f'#!/bin/sh\nexec nice -n {NICE} "{program}" "$@"\n', "utf-8")
        made[name].chmod(0o700)
    return made
