"""What outages cost the clients: `python -m tests.bench outages`, about five and a half minutes on two cores.

Four minutes of 200 requests a second, one after the other, each with a stack of its own: undisturbed, and with the
Collector and Jaeger going away and coming back, ended or killed (`tests.stores.outages`). It prints the books of each.
The exit status is 1 when a request failed, or when of a minute with outages the p99, from when a request was due to the
end of its answer, is more than 20 ms above that of the undisturbed one. The servers have less of a right to the
processor than the gateway. Whoever else is busy on the machine is in the figures: a minute in which the client itself
was late is repeated, at most twice.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping

from tests.bench.report import Verdict
from tests.stores.books import Books
from tests.stores.outages import Plan, traffic

MORE_MS = 20.0
"""What the p99 may be above that of the undisturbed minute."""

BUSY_MS = 20.0
"""How late the client may be, by its p99, in a minute that counts (ruling 44)."""

AGAIN = 2
"""How often a minute is repeated."""

CALM = "undisturbed"
MINUTES: Mapping[str, Plan] = {
    CALM: Plan(moves=()),
    "ended with SIGTERM": Plan("stop"),
    "killed": Plan("kill"),
    "killed, queue on disk": Plan("kill", durable=True),
}


def judged(minutes: Mapping[str, Books]) -> list[Verdict]:
    """Two bounds for each minute with outages, one for the undisturbed one."""
    most = minutes[CALM].took_ms(0.99) + MORE_MS
    verdicts: list[Verdict] = []
    for title, books in minutes.items():
        failed = sum(one.status != 200 for one in books.asked)
        verdicts.append(Verdict(f"{title}: {failed} of {len(books.asked)} requests failed", None, not failed))
        if title != CALM:
            p99 = books.took_ms(0.99)
            says = f"{title}: p99 {p99:.1f} ms, at most {most:.1f} ms, which is {MORE_MS:g} ms above undisturbed"
            verdicts.append(Verdict(says, None, p99 <= most))
    return verdicts


def main() -> int:
    """Run, print, and return the exit status."""
    minutes: dict[str, Books] = {}
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        for title, plan in MINUTES.items():
            for left in range(AGAIN, -1, -1):
                minutes[title] = books = runner.run(traffic(plan))
                sys.stdout.write(f"{books.said(title)}\n")
                if books.late_ms(0.99) <= BUSY_MS or not left:
                    break
                sys.stdout.write("  the machine was too busy to measure: again\n")
                sys.stdout.flush()
    verdicts = judged(minutes)
    sys.stdout.write("".join(f"{verdict.text}\n" for verdict in verdicts))
    return 0 if all(verdict.kept for verdict in verdicts) else 1


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
