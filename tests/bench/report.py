"""What the samples say: medians with ranges, ratios within one round, the table, and all of it as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.measure import DISTURBED, Cell, Measured, Sample
from tests.bench.systems import DIRECT
from tests.bench.works import WORKS


@dataclass(frozen=True, slots=True)
class Unit:
    """How a figure is written.

    Args:
        says: What it is of.
        places: Behind the point.
    """

    says: str
    places: int = 1


UNITS = {
    "cpu_us": Unit("CPU us/request"),
    "chunk_us": Unit("CPU us/chunk", 2),
    "p50_ms": Unit("added p50 ms", 2),
    "p99_ms": Unit("added p99 ms", 2),
    "first_ms": Unit("added to first word ms", 2),
    "rss_mb": Unit("RSS MB a worker"),
    "open_kb": Unit("RSS KB a stream"),
    "start_s": Unit("s to first answer", 2),
    "grown": Unit("RSS, end / beginning", 3),
}
"""The figures that have a row; those in milliseconds only where they are compared with the provider's own."""


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

    def text(self, places: int) -> str:
        """`148.2 (140.1-155.0)`."""
        return f"{self.median:.{places}f} ({self.least:.{places}f}-{self.most:.{places}f})"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one cell; `ratio` is to the work's yardstick in the same round."""

    cell: Cell
    figure: str
    found: Spread
    ratio: Spread | None
    per_second: float | None
    rounds: int
    disturbed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bound, what was found, and whether it is kept; a goal is only said."""

    says: str
    found: Spread | None
    kept: bool
    goal: bool = False

    @property
    def text(self) -> str:
        """One line."""
        found = "" if self.found is None else f": {self.found.text(2 if self.found.median >= 1 else 3)}"
        if self.goal:
            return f"{'REACHED' if self.kept else 'MISSED '} goal, {self.says}{found}"
        return f"{'OK    ' if self.kept else 'NOT OK'}  {self.says}{found}"


class Results:
    """What was found, to be asked by work, system, clients and figure."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._by_cell: dict[Cell, list[Sample]] = {}
        for sample in samples:
            self._by_cell.setdefault(sample.cell, []).append(sample)
        self.cells = list(self._by_cell)

    def by_round(self, cell: Cell, figure: str) -> dict[int, float]:
        """A figure of each round; milliseconds are those added to the provider's own."""
        found = self._raw(cell, figure)
        if not figure.endswith("_ms"):
            return found
        own = self._raw(Cell(cell.work, DIRECT, cell.clients), figure)
        return {turn: value - own[turn] for turn, value in found.items() if turn in own}

    def spread(self, cell: Cell, figure: str) -> Spread | None:
        """Of all rounds; `None` where there is nothing."""
        found = self.by_round(cell, figure)
        return Spread.of([*found.values()]) if found else None

    def ratio(self, above: Cell, below: Cell, figure: str) -> Spread | None:
        """Round by round; `None` where they have none in common."""
        most, least = self.by_round(above, figure), self.by_round(below, figure)
        # What is added to the provider's time may be nothing, or less: it is no base of a ratio then.
        found = [most[turn] / least[turn] for turn in most if least.get(turn, 0) > 0]
        return Spread.of(found) if found else None

    def rows(self) -> list[Row]:
        """By work, clients and system, in the order in which they first came."""
        found = []
        order = list(WORKS)
        cells = sorted(self.cells, key=lambda cell: (order.index(cell.work), cell.clients))
        for cell in cells:
            if cell.system != DIRECT:
                found += [row for figure in UNITS if (row := self._row(cell, figure)) is not None]
        return found

    def _row(self, cell: Cell, figure: str) -> Row | None:
        spread = self.spread(cell, figure)
        if spread is None:
            return None
        yard, ratio = WORKS[cell.work].yardstick, None
        if yard is not None and cell.system != yard and not figure.endswith("_ms"):
            ratio = self.ratio(cell, Cell(cell.work, yard, cell.clients), figure)
        samples = self._by_cell[cell]
        rates = [*self._raw(cell, "per_second").values()]
        return Row(
            cell,
            figure,
            spread,
            ratio,
            statistics.median(rates) if rates and figure in ("cpu_us", "chunk_us") else None,
            len(samples),
            sum(sample.others > DISTURBED for sample in samples),
        )

    def _raw(self, cell: Cell, figure: str) -> dict[int, float]:
        samples = self._by_cell.get(cell, [])
        return {sample.round: sample.figures[figure] for sample in samples if figure in sample.figures}


def table(measured: Measured) -> str:
    """The table, as text, and what is to be known of its windows."""
    results = Results(measured.samples)
    lines = [f"{'work':<10} {'system':<15} {'at once':>7}  {'':<23} {'median (range)':>26} {'x':>22} {'a second':>9}"]
    before = None
    for row in results.rows():
        cell, work = row.cell, WORKS[row.cell.work]
        if cell.work != before:
            yard = "" if work.yardstick is None else f"; x is to {work.yardstick.title}"
            lines += ["", f"{work.name}: {work.says}{yard}"]
            before = cell.work
        unit = UNITS[row.figure]
        ratio = "" if row.ratio is None else row.ratio.text(2)
        rate = "" if row.per_second is None else f"{row.per_second:.0f}"
        mark = f"  disturbed {row.disturbed}/{row.rounds}" if row.disturbed else ""
        lines.append(
            f"{'':<10} {cell.system.title:<15} {cell.clients:>7}  {unit.says:<23} "
            f"{row.found.text(unit.places):>26} {ratio:>22} {rate:>9}{mark}".rstrip()
        )
    disturbed = sum(sample.others > DISTURBED for sample in measured.samples)
    lines += ["", f"{len(measured.samples)} windows, {measured.repeated} repeated, {disturbed} disturbed all the same"]
    return "\n".join(lines)


def told(measured: Measured, verdicts: Sequence[Verdict], about: Mapping[str, object]) -> dict[str, Any]:
    """Everything, as JSON has it."""
    results = Results(measured.samples)
    return {
        "about": dict(about),
        "rows": [
            {
                **_cell(row.cell),
                "figure": row.figure,
                "found": asdict(row.found),
                "ratio": None if row.ratio is None else asdict(row.ratio),
                "per_second": row.per_second,
                "disturbed": row.disturbed,
            }
            for row in results.rows()
        ],
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "samples": [
            {
                "round": sample.round,
                **_cell(sample.cell),
                "figures": dict(sample.figures),
                "others": sample.others,
                "failed": sample.failed,
            }
            for sample in measured.samples
        ],
        "spans": [{"system": system.title, "made": n, "arrived": m} for system, (n, m) in measured.spans.items()],
        "systems": [asdict(system) for system in dict.fromkeys(cell.system for cell in results.cells)],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {"work": cell.work, "system": cell.system.title, "clients": cell.clients}
