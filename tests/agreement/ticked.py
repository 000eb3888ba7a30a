"""How far apart times of two processes may be: ruling 44, and the processes whose lag it asks for.

A process that is `ticked` prints one line of JSON, serves until its standard input ends, and then prints when each tick
of its loop was due and when it came.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tracegate.testing.lag import LagTicker

WITHIN_NS = 5_000_000
"""Ruling 16, beside the lag that was measured."""

CALM_NS = 20_000_000
"""Ruling 44: a ticker's p99 over a run that counts; a busier one is repeated, at most twice."""


@dataclass(frozen=True, slots=True)
class Lags:
    """What some tickers saw of one run; the greatest counts, never their sum.

    Args:
        tickers: Of the loops that stamp, and of one beside them.
        start, end: Monotonic nanoseconds between which requests were open: how calm it was before, when all three
            processes start, and behind, when they export and end, says nothing of any time that is compared.
    """

    tickers: Sequence[LagTicker]
    start: int
    end: int

    def within(self, start: int, end: int) -> int:
        """How many nanoseconds apart times may be that lie between two monotonic times."""
        return WITHIN_NS + max(ticker.worst(start, end) for ticker in self.tickers)

    def calm(self) -> bool:
        """Whether the machine could measure."""
        return max(ticker.p99(self.start, self.end) for ticker in self.tickers) <= CALM_NS


@asynccontextmanager
async def ticked(
    module: str, *arguments: str, ticker: LagTicker, env: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Run such a module, with some more variables; gives its line, and afterwards `ticker` has what was measured."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env={**os.environ, **(env or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield json.loads(await process.stdout.readline())
    finally:
        told, _ = await asyncio.wait_for(process.communicate(b""), 30)
    ticks = json.loads(told)
    ticker._due = [due for due, _ in ticks]
    ticker._seen = [seen for _, seen in ticks]


def tell(value: object) -> None:
    """Print a line of JSON, at once."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def tell_ticks(ticker: LagTicker) -> None:
    """Print when each tick was due and when it came."""
    tell(list(zip(ticker._due, ticker._seen, strict=False)))
