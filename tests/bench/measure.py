"""A run of the benchmark: the processes, the cells in alternating order, the CPU of each.

CPU of a request is what the gateway's process used from before the first request of a cell to after its last was
rendered, over the requests answered right. Start-up and the first requests of every connection are outside.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.child import Child
from tests.bench.load import Crowd
from tests.bench.work import KEY, MODEL, ROUTE, SCRIPTS, Work, work
from tracegate.testing.process import SimulatorProcess

SETTLE_S = 0.15
"""What a request leaves to do is done after at most a tick of the direct renderer, a tenth of a second."""

WARM = 16  # clients of the first cell of each system, which is not counted
MOST = 1_000_000  # requests of a cell, however quick a system is

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class System:
    """What is measured: `bare`, `memory` or `httpx`, and whether its telemetry is exported."""

    name: str
    tracing: bool = False

    @property
    def title(self) -> str:
        """As the table says it."""
        return self.name if self.name == "bare" else f"{self.name}, tracing {'on' if self.tracing else 'off'}"


BARE = System("bare")
TRACED = System("memory", tracing=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Args:
        systems: In the order of the table.
        streams: Of the two kinds of request, which: `False` is unary.
        concurrency: How many clients at once.
        rounds: How often everything is repeated.
        seconds: How long requests are sent in each cell.
        pinned: Whether the gateway has a core of its own.
        most: Requests of a cell.
        settle_s: How long after a cell its CPU is read.
    """

    systems: Sequence[System]
    streams: Sequence[bool] = (False, True)
    concurrency: Sequence[int] = (1, 16, 64, 200)
    rounds: int = 3
    seconds: float = 1.0
    pinned: bool = True
    most: int = MOST
    settle_s: float = SETTLE_S


@dataclass(frozen=True, slots=True)
class Cell:
    """One system, one kind of request, one number of clients."""

    system: System
    stream: bool
    clients: int


@dataclass(slots=True)
class Sample:
    """What one cell gave in one round."""

    round: int
    cell: Cell
    requests: int
    cpu_ns: int
    wall_s: float

    @property
    def cpu_us(self) -> float:
        """CPU of a request in microseconds."""
        return self.cpu_ns / self.requests / 1000


@dataclass(slots=True)
class Traced:
    """What became of the spans of one system: made by its requests, and arrived at its receiver."""

    system: System
    expected: int
    arrived: int


SPANS = 3
"""Of a plain success: SERVER, route, attempt."""


def measured(plan: Plan, say: Say) -> tuple[list[Sample], list[Traced]]:
    """Run it; `say` is told what happens.

    Raises:
        WrongAnswer, TimeoutError: A system does not answer as it should.
        RuntimeError: A process did not start.
    """
    with _cores(plan.pinned) as core, _Stage(plan.systems, core) as stage:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            samples = runner.run(_rounds(plan, stage, say))
        return samples, stage.stopped()


async def _rounds(plan: Plan, stage: _Stage, say: Say) -> list[Sample]:
    kinds = [await work(stream=stream) for stream in plan.streams]
    for system in plan.systems:
        for kind in kinds:
            await _cell(stage, Cell(system, kind.stream, WARM), kind, plan)
    samples: list[Sample] = []
    for turn in range(plan.rounds):
        at = turn % len(plan.systems)
        systems = [*plan.systems[at:], *plan.systems[:at]]
        for kind in kinds:
            for clients in plan.concurrency:
                for system in systems:
                    cell = Cell(system, kind.stream, clients)
                    requests, cpu, wall = await _cell(stage, cell, kind, plan)
                    samples.append(Sample(turn, cell, requests, cpu, wall))
        say(f"round {turn + 1} of {plan.rounds} done")
    return samples


async def _cell(stage: _Stage, cell: Cell, kind: Work, plan: Plan) -> tuple[int, int, float]:
    child, loop = stage.gateways[cell.system], asyncio.get_running_loop()
    async with Crowd(child.ready["port"], kind, cell.clients) as crowd:
        first = await crowd.ask(plan.seconds, cell.clients)  # every connection is made and used
        await asyncio.sleep(plan.settle_s)
        cpu, began = child.cpu_ns(), loop.time()
        requests = await crowd.ask(plan.seconds, plan.most)
        wall = loop.time() - began
        await asyncio.sleep(plan.settle_s)
        cpu = child.cpu_ns() - cpu
    stage.asked[cell.system] += first + requests
    return requests, cpu, wall


class _Stage:
    """The processes: a gateway for every system, a receiver for every traced one, the simulated provider."""

    def __init__(self, systems: Sequence[System], core: int | None) -> None:
        self.gateways: dict[System, Child] = {}
        self.asked = dict.fromkeys(systems, 0)
        self._sinks: dict[System, Child] = {}
        self._core = core
        self._stack = ExitStack()

    def __enter__(self) -> _Stage:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            simulator = stack.enter_context(SimulatorProcess(SCRIPTS)) if self._needs("httpx") else None
            provider = "http://127.0.0.1:9" if simulator is None else simulator.base_url.removesuffix("/v1")
            for system in self.asked:
                if system.tracing:
                    self._sinks[system] = stack.enter_context(Child("tests.bench.sink"))
                    self._sinks[system].wait()
            for number, system in enumerate(self.asked):
                file = folder / f"{number}.yaml"
                file.write_text(_configuration(provider, self._sinks.get(system)), encoding="utf-8")
                pin = [] if self._core is None else ["--core", str(self._core)]
                child = Child("tests.bench.systems", [system.name, str(file), *pin])
                self.gateways[system] = stack.enter_context(child)
            for child in self.gateways.values():
                child.wait()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def stopped(self) -> list[Traced]:
        """Stop every gateway, which sends what it still has; say what arrived."""
        told: list[Traced] = []
        for system, child in self.gateways.items():
            child.stop()
            if system.tracing:
                sink = self._sinks[system]
                sink.stop()
                told.append(Traced(system, SPANS * self.asked[system], sink.said["spans"]))
        return told

    def _needs(self, name: str) -> bool:
        return any(system.name == name for system in self.asked)


def _configuration(provider: str, sink: Child | None) -> str:
    """A plain one, as a small team would write it."""
    telemetry = "none" if sink is None else f"http://127.0.0.1:{sink.ready['port']}"
    return f"""
listen: 127.0.0.1:0
providers:
  unary: {{row: openai, base_url: "{provider}/unary/v1", key: sk-of-the-benchmark-1, region: swedencentral}}
  stream: {{row: openai, base_url: "{provider}/stream/v1", key: sk-of-the-benchmark-2, region: swedencentral}}
targets:
  first: unary/{MODEL}
  second: unary/{MODEL}-2024-07-18
  first-stream: stream/{MODEL}
  second-stream: stream/{MODEL}-2024-07-18
routes:
  {ROUTE}: [first, second]
  {ROUTE}-stream: [first-stream, second-stream]
keys:
  load: {{tenant: bench, key: {KEY}}}
telemetry: {{otlp: "{telemetry}"}}
"""


@contextmanager
def _cores(pinned: bool) -> Iterator[int | None]:
    """A core for the gateway; we, and whatever we start, are kept on the others meanwhile."""
    before = os.sched_getaffinity(0)
    if not pinned or len(before) < 2:
        yield None
        return
    core, *others = sorted(before)
    os.sched_setaffinity(0, set(others))
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
