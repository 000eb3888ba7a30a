"""What the samples say: medians, ratios to the bare handler of the same round, and the verdicts on the two bounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.measure import BARE, TRACED, Cell, Sample, System, Traced

TIMES_BARE = 4.0
"""The most that a unary request may cost over the exchange in memory, tracing on, in costs of the bare handler."""

GROWTH = 1.2
"""The most that it may cost with 200 clients, in costs with 16."""

FEW, MANY = 16, 200


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one cell; ratios are to the bare handler, of the same kind of request and round."""

    cell: Cell
    requests: int
    cpu_us: Spread
    per_second: float
    ratio: Spread | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bound, what was found, and whether it is kept."""

    says: str
    found: Spread | None
    kept: bool

    @property
    def text(self) -> str:
        """One line."""
        found = "" if self.found is None else f": {_spread(self.found, 2)}"
        return f"{'OK    ' if self.kept else 'NOT OK'}  {self.says}{found}"


def rows(samples: Sequence[Sample]) -> list[Row]:
    """One for each cell, in the order in which they first came."""
    return [_row(samples, cell) for cell in dict.fromkeys(sample.cell for sample in samples)]


def growth(samples: Sequence[Sample], system: System, *, stream: bool) -> Spread | None:
    """CPU with 200 clients over CPU with 16, round by round; `None` where one was not run."""
    few, many = (_by_round(samples, Cell(system, stream, clients)) for clients in (FEW, MANY))
    return Spread.of([many[turn] / few[turn] for turn in few]) if few and many else None


def verdicts(samples: Sequence[Sample], traced: Sequence[Traced]) -> list[Verdict]:
    """Those that can be given on what was run."""
    found: list[Verdict] = []
    row = next((row for row in rows(samples) if row.cell == Cell(TRACED, False, FEW)), None)
    if row is not None and row.ratio is not None:
        says = f"{TRACED.title}, unary, c={FEW}: at most {TIMES_BARE:g} x bare"
        found.append(Verdict(says, row.ratio, row.ratio.median <= TIMES_BARE))
    grown = growth(samples, TRACED, stream=False)
    if grown is not None:
        says = f"{TRACED.title}, unary: c={MANY} at most {GROWTH:g} x c={FEW}"
        found.append(Verdict(says, grown, grown.median <= GROWTH))
    for told in traced:
        says = f"{told.system.title}: {told.arrived} of {told.expected} spans arrived"
        found.append(Verdict(says, None, told.arrived == told.expected))
    return found


def table(samples: Sequence[Sample]) -> str:
    """The table, as text."""
    lines = [
        f"{'system':<20} {'kind':<7} {'c':>4} {'CPU us/request':>24} {'x bare':>20} {'req/s':>8} {'requests':>9}",
    ]
    of = rows(samples)
    previous: tuple[System, bool] | None = None
    for row in sorted(
        of, key=lambda row: (row.cell.stream, list({r.cell.system: 0 for r in of}).index(row.cell.system))
    ):
        cell = row.cell
        if previous not in (None, (cell.system, cell.stream)):
            lines.append("")
        previous = (cell.system, cell.stream)
        lines.append(
            f"{cell.system.title:<20} {'stream' if cell.stream else 'unary':<7} {cell.clients:>4} "
            f"{_spread(row.cpu_us, 1):>24} {'' if row.ratio is None else _spread(row.ratio, 2):>20} "
            f"{row.per_second:>8.0f} {row.requests:>9}"
        )
    lines.append("")
    for system in dict.fromkeys(row.cell.system for row in of):
        for stream in dict.fromkeys(row.cell.stream for row in of):
            if (grown := growth(samples, system, stream=stream)) is not None:
                kind = "stream" if stream else "unary"
                lines.append(f"{system.title:<20} {kind:<7} c={MANY} / c={FEW}: {_spread(grown, 2)}")
    return "\n".join(lines)


def told(samples: Sequence[Sample], traced: Sequence[Traced]) -> dict[str, Any]:
    """Everything, as JSON has it."""
    return {
        "samples": [
            {
                "round": sample.round,
                **_cell(sample.cell),
                "requests": sample.requests,
                "cpu_us": sample.cpu_us,
                "wall_s": sample.wall_s,
            }
            for sample in samples
        ],
        "rows": [
            {
                **_cell(row.cell),
                "requests": row.requests,
                "per_second": row.per_second,
                "cpu_us": _told(row.cpu_us),
                "ratio": None if row.ratio is None else _told(row.ratio),
            }
            for row in rows(samples)
        ],
        "verdicts": [
            {"says": v.says, "kept": v.kept, "found": None if v.found is None else _told(v.found)}
            for v in verdicts(samples, traced)
        ],
    }


def _row(samples: Sequence[Sample], cell: Cell) -> Row:
    mine = [sample for sample in samples if sample.cell == cell]
    bare = _by_round(samples, Cell(BARE, cell.stream, cell.clients))
    ratios = [sample.cpu_us / bare[sample.round] for sample in mine if sample.round in bare]
    return Row(
        cell,
        sum(sample.requests for sample in mine),
        Spread.of([sample.cpu_us for sample in mine]),
        statistics.median(sample.requests / sample.wall_s for sample in mine),
        Spread.of(ratios) if ratios and cell.system != BARE else None,
    )


def _by_round(samples: Sequence[Sample], cell: Cell) -> dict[int, float]:
    return {sample.round: sample.cpu_us for sample in samples if sample.cell == cell}


def _spread(spread: Spread, places: int) -> str:
    return f"{spread.median:.{places}f} ({spread.least:.{places}f}-{spread.most:.{places}f})"


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "system": cell.system.name,
        "tracing": cell.system.tracing,
        "stream": cell.stream,
        "concurrency": cell.clients,
    }


def _told(spread: Spread) -> dict[str, float]:
    return {"median": spread.median, "min": spread.least, "max": spread.most}
