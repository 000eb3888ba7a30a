"""A run: every cell in every round, systems taking turns, disturbed windows repeated.

A window is disturbed when others than this benchmark used the machine meanwhile. It is repeated as long as the run
may repeat something; of what was measured the quietest window is kept, and how disturbed it was stays with it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.bench.figures import Figures, Window, warm
from tests.bench.load import WrongAnswer
from tests.bench.stage import NotStarted, Stage
from tests.bench.systems import System
from tests.bench.usage import Moment
from tests.bench.works import Work

DISTURBED = 0.15
"""Cores that others used in a window, from which on it is disturbed."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of work, one system, one number of clients."""

    work: str
    system: System
    clients: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Args:
        works: In the order of the table.
        systems: For each of them.
        clients: For each of them.
        rounds: How often everything is repeated, at most.
        window: How long each cell is measured.
        pinned: Whether the systems have a core of their own.
        repeats: Windows of the whole run that may be repeated.
    """

    works: Sequence[Work]
    systems: Mapping[str, Sequence[System]]
    clients: Mapping[str, Sequence[int]]
    rounds: int = 3
    window: Window = field(default_factory=Window)
    pinned: bool = True
    repeats: int = 30

    def cells(self, turn: int) -> Iterator[tuple[Work, Cell]]:
        """Those of a round, from 0 on; each round begins with another system."""
        for work in self.works:
            if turn < work.rounds:
                systems = self.systems[work.name]
                at = turn % len(systems) if systems else 0
                for clients in self.clients[work.name]:
                    for system in [*systems[at:], *systems[:at]]:
                        yield work, Cell(work.name, system, clients)

    def standing(self) -> list[System]:
        """Systems that run from the start to the end."""
        return list(dict.fromkeys(system for work in self.works for system in self.systems[work.name]))


@dataclass(frozen=True, slots=True)
class Sample:
    """What one cell gave in one round.

    Args:
        round: From 0 on.
        cell: Which.
        figures: By name; empty where it failed.
        others: Cores that others used meanwhile.
        failed: What went wrong; empty where nothing did.
    """

    round: int
    cell: Cell
    figures: Figures
    others: float = 0.0
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """All of a run.

    Args:
        samples: In the order in which they were taken.
        spans: Of each system with a receiver that is up: how many it made, `None` where nobody knows, and how many
            arrived.
        repeated: Windows that were taken again.
    """

    samples: Sequence[Sample]
    spans: Mapping[System, tuple[int | None, int]] = field(default_factory=dict)
    repeated: int = 0


def measured(plan: Plan, say: Say) -> Measured:
    """Run it; `say` is told what happens.

    Raises:
        NotStarted, Missing: A system did not start.
    """
    with Stage(plan.standing(), pinned=plan.pinned) as stage:
        gc.collect()
        gc.freeze()  # the clients' own pauses would be in every time
        try:
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                samples, repeated = runner.run(_rounds(plan, stage, say))
        finally:
            gc.unfreeze()
        return Measured(samples, stage.stop(), repeated)


async def _rounds(plan: Plan, stage: Stage, say: Say) -> tuple[list[Sample], int]:
    samples: list[Sample] = []
    repeated = 0
    for running in stage.running.values():
        await warm(running, plan.window)
    before = None
    for turn in range(plan.rounds):
        for work, cell in plan.cells(turn):
            if work != before:
                say(f"round {turn + 1} of {plan.rounds}: {work.name}")
                before = work
            sample = await _sample(plan, stage, work, cell, turn)
            if sample.others > DISTURBED and repeated < plan.repeats:
                repeated += 1
                again = await _sample(plan, stage, work, cell, turn)
                sample = min(sample, again, key=lambda one: (bool(one.failed), one.others))
            if sample.failed:
                say(f"{cell.work}, {cell.system.title}, {cell.clients} at once: {sample.failed}")
            samples.append(sample)
    return samples, repeated


async def _sample(plan: Plan, stage: Stage, work: Work, cell: Cell, turn: int) -> Sample:
    window = replace(plan.window, seconds=plan.window.seconds * work.longer)
    then = Moment.now()
    try:
        figures = await work.measure(stage, cell.system, work.route, cell.clients, window)
    except (WrongAnswer, NotStarted, TimeoutError, OSError) as exc:
        return Sample(turn, cell, {}, Moment.now().others(then), f"{type(exc).__name__}: {exc}")
    return Sample(turn, cell, figures, Moment.now().others(then))


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
