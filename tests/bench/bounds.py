"""What the figures have to keep, and what they should reach; each bound is judged where the chosen systems allow it.

A bound that is broken ends the run with status 1. A goal is only said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.measure import Cell, Measured
from tests.bench.report import Results, Spread, Verdict
from tests.bench.systems import (
    AUDIT,
    BARE,
    DOWN,
    IN_MEMORY,
    LITELLM,
    MANY,
    NGINX,
    OFF,
    OURS,
    PORTKEY,
    SLOW,
    TRACEGATE,
    TWO,
    System,
)

NOTHING = 1.05
"""A cost up to here is none that can be measured."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One figure, or a ratio of two, and the most that it may be.

    Args:
        says: With what it is compared; the limit is added.
        most: The limit.
        find: How it is found.
        goal: Whether it is only said.
    """

    says: str
    most: float
    find: Callable[[Results], Spread | None]
    goal: bool = False


def _ratio(
    says: str,
    most: float,
    above: tuple[str, System, int],
    below: tuple[str, System, int],
    figure: str = "cpu_us",
    *,
    goal: bool = False,
) -> Bound:
    def find(results: Results) -> Spread | None:
        return results.ratio(Cell(*above), Cell(*below), figure)

    return Bound(f"{says}, x {below[1].title}" if above[1] != below[1] else says, most, find, goal)


def _figure(says: str, most: float, of: tuple[str, System, int], figure: str, *, goal: bool = False) -> Bound:
    return Bound(says, most, lambda results: results.spread(Cell(*of), figure), goal)


def _more(says: str, most: float, above: tuple[str, System, int], below: tuple[str, System, int], figure: str) -> Bound:
    def find(results: Results) -> Spread | None:
        more, less = results.by_round(Cell(*above), figure), results.by_round(Cell(*below), figure)
        found = [value - less[turn] for turn, value in more.items() if turn in less]
        return Spread.of(found) if found else None

    return Bound(says, most, find)


T, M, FEW, MOST = TRACEGATE, IN_MEMORY, 16, 200

BOUNDS = (
    _ratio("CPU of a request, 16 at once", 2.6, ("unary", T, FEW), ("unary", BARE, FEW)),
    _ratio("CPU of a request without a network behind, 16 at once", 4, ("unary", M, FEW), ("unary", BARE, FEW)),
    _ratio("CPU without a network behind, 200 at once / 16 at once", 1.2, ("unary", M, MOST), ("unary", M, FEW)),
    _ratio("CPU of a request, 16 at once", 1 / 10, ("unary", T, FEW), ("unary", PORTKEY, FEW)),
    _ratio("CPU of a request, 16 at once", 1 / 100, ("unary", T, FEW), ("unary", LITELLM, FEW)),
    _ratio("CPU, provider behind TLS / plain, 16 at once", 1.45, ("tls", T, FEW), ("unary", T, FEW), goal=True),
    _ratio("CPU, 200 at once / 16 at once", 1.2, ("unary", T, MOST), ("unary", T, FEW)),
    _ratio("CPU, 1,000 routes and 10,000 keys", NOTHING, ("many", MANY, FEW), ("many", T, FEW)),
    _ratio("CPU, 2 workers", 1.1, ("workers", TWO, FEW), ("workers", T, FEW)),
    _ratio("CPU, tracing on", 1.35, ("unary", T, FEW), ("unary", OFF, FEW)),
    _ratio("CPU, Collector down", 1.05, ("collector", DOWN, FEW), ("collector", T, FEW)),
    _ratio("CPU, Collector answering after 5 s", 1.05, ("collector", SLOW, FEW), ("collector", T, FEW)),
    _ratio("CPU, strict audit log, 16 at once", 2, ("audit", AUDIT, FEW), ("audit", T, FEW)),
    _ratio("CPU, strict audit log, 200 at once / 16 at once", 1.2, ("audit", AUDIT, MOST), ("audit", AUDIT, FEW)),
    _more("ms added by the audit log, p50, 300 a second", 1, ("pace", AUDIT, 64), ("pace", T, 64), "p50_ms"),
    _more("ms added by the audit log, p99, 300 a second", 10, ("pace", AUDIT, 64), ("pace", T, 64), "p99_ms"),
    _ratio("CPU of a paced chunk", 3, ("paced", T, 64), ("paced", NGINX, 64), "chunk_us"),
    _ratio("CPU of a chunk at full speed", 1.3, ("full", T, 64), ("full", NGINX, 64), "chunk_us"),
    _figure("ms added to the first word, paced", 1, ("paced", T, 64), "first_ms"),
    _ratio("time added to the first word, paced", 1 / 10, ("paced", T, 64), ("paced", PORTKEY, 64), "first_ms"),
    _ratio("added p50, 50 ms provider", 1 / 3, ("latency", T, FEW), ("latency", PORTKEY, FEW), "p50_ms"),
    _ratio("added p99, 50 ms provider", 1 / 3, ("latency", T, FEW), ("latency", PORTKEY, FEW), "p99_ms"),
    _figure("ms added, p50, 50 ms provider", 1, ("latency", T, FEW), "p50_ms", goal=True),
    _figure("ms added, p99, 50 ms provider", 4, ("latency", T, FEW), "p99_ms", goal=True),
    _ratio("CPU, 429 from the first provider / plain", 1.4, ("limited", T, FEW), ("unary", T, FEW)),
    _figure("MB a worker after load", 80, ("memory", T, 500), "rss_mb"),
    _figure("KB an open slow stream", 15, ("memory", T, 500), "open_kb"),
    _figure("memory at the end of the minutes under load, x beginning", NOTHING, ("soak", T, FEW), "grown"),
    _figure("s from start to first answer", 0.6, ("start", T, 1), "start_s"),
)


def judged(measured: Measured) -> list[Verdict]:
    """Those that can be given on what was run."""
    results, found = Results(measured.samples), list[Verdict]()
    for bound in BOUNDS:
        spread = bound.find(results)
        if spread is not None:
            says = f"{bound.says}, at most {bound.most:.3g}"
            found.append(Verdict(says, spread, spread.median <= bound.most, bound.goal))
    for system, (made, arrived) in measured.spans.items():
        if made is not None:
            found.append(Verdict(f"{system.title}: {arrived} of {made} spans arrived", None, made == arrived))
        else:  # else it would be compared without what it is compared for
            found.append(Verdict(f"{system.title}: {arrived} spans arrived, more than none", None, arrived > 0))
    ours = [sample for sample in measured.samples if sample.cell.system.name in OURS]
    failed = [sample for sample in ours if sample.failed]
    found.append(Verdict(f"windows of Tracegate with a wrong answer: {len(failed)} of {len(ours)}", None, not failed))
    return found
