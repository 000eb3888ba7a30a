"""The kinds of work: what each measures, of which systems, with how many clients; and which are run by default."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.figures import (
    Figures,
    Window,
    of_memory,
    of_pace,
    of_requests,
    of_soak,
    of_start,
    of_streams,
)
from tests.bench.stage import Stage
from tests.bench.systems import (
    AUDIT,
    BARE,
    DIRECT,
    DOWN,
    FOUR,
    HTTPX,
    IN_MEMORY,
    MANY,
    NGINX,
    OFF,
    SDK,
    SLOW,
    TRACEGATE,
    TWO,
    System,
)

Measure = Callable[[Stage, System, str, int, Window], Awaitable[Figures]]
BY_CONCURRENCY = (1, 16, 64, 200)
CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work.

    Args:
        name: As `--work` has it.
        says: For the reader of the table.
        measure: What is done.
        route: A name of `tests.bench.work.ROUTES`.
        clients: How many at once, by default.
        all: How many with `--all`; by default the same.
        yardstick: The system whose figures the others' are divided by.
        own: These systems, which differ in one thing from Tracegate; none for those that were chosen.
        without: Systems that can't do it, or of which it says nothing.
        spared: Systems that do it only with `--all`, or when they are asked for by name.
        direct: Whether times are told as those added to the provider's own.
        rounds: How often it is repeated at most.
        longer: Windows are so many times as long as the others'.
        default: Whether it is run by default.
    """

    name: str
    says: str
    measure: Measure
    route: str
    clients: tuple[int, ...]
    all: tuple[int, ...] = ()
    yardstick: System | None = None
    own: tuple[System, ...] = ()
    without: tuple[System, ...] = (BARE, IN_MEMORY)
    spared: tuple[System, ...] = (OFF, HTTPX, SDK)
    direct: bool = False
    rounds: int = 100
    longer: int = 1
    default: bool = True

    def systems(self, chosen: Sequence[System], *, every: bool) -> list[System]:
        """Which of the chosen ones do it, and what it needs beside them.

        Args:
            chosen: By the caller.
            every: Whether the spared ones do it too.
        """
        if self.own:
            return [*self.own] if TRACEGATE in chosen else []
        found = [one for one in chosen if one not in self.without and (every or one not in self.spared)]
        return [DIRECT, *found] if self.direct and found else found


WORKS = {
    work.name: work
    for work in (
        Work("unary", "1 KB each way", of_requests, "unary", BY_CONCURRENCY, yardstick=BARE, without=(), spared=()),
        Work("large", "32 KB each way", of_requests, "large", (16,), BY_CONCURRENCY, yardstick=BARE, without=()),
        Work("tls", "1 KB, provider behind TLS 1.3", of_requests, "tls", (16, 200), BY_CONCURRENCY, yardstick=NGINX),
        Work(
            "tls-large",
            "32 KB, provider behind TLS 1.3",
            of_requests,
            "tls-large",
            (16,),
            BY_CONCURRENCY,
            yardstick=NGINX,
            default=False,
        ),
        Work("limited", "the first provider answers 429", of_requests, "limited", (16,), yardstick=NGINX),
        Work(
            "full",
            "streams of 200 chunks at full speed",
            of_streams,
            "full",
            (64,),
            (64, 500),
            yardstick=NGINX,
            without=(BARE,),
            spared=(IN_MEMORY, OFF, HTTPX, SDK),
            rounds=3,
        ),
        Work(
            "paced",
            "streams of 200 chunks, 20 ms apart",
            of_streams,
            "paced",
            (64,),
            (64, 500),
            yardstick=NGINX,
            direct=True,
            rounds=2,
        ),
        Work(
            "latency",
            "added to a provider that takes 50 ms",
            of_requests,
            "late",
            (16,),
            direct=True,
            rounds=3,
            longer=4,  # a p99 needs its hundreds
        ),
        Work("workers", "more workers", of_requests, "unary", (16,), yardstick=TRACEGATE, own=(TRACEGATE, TWO)),
        Work(
            "many", "1,000 routes, 10,000 keys", of_requests, "unary", (16,), yardstick=TRACEGATE, own=(TRACEGATE, MANY)
        ),
        Work(
            "collector",
            "the Collector down, or answering after 5 s",
            of_requests,
            "unary",
            (16,),
            yardstick=TRACEGATE,
            own=(TRACEGATE, DOWN, SLOW),
        ),
        Work(
            "audit",
            "a strict audit log, a signature on every answer",
            of_requests,
            "unary",
            (16, 200),
            yardstick=TRACEGATE,
            own=(TRACEGATE, AUDIT),
        ),
        Work(
            "pace",
            "300 requests a second",
            of_pace,
            "unary",
            (64,),
            own=(DIRECT, TRACEGATE, AUDIT),
            rounds=3,
            longer=10,  # a p99 needs its hundreds
            default=False,
        ),
        Work(
            "memory",
            "slow streams open",
            of_memory,
            "slow",
            (500,),
            rounds=1,
        ),
        Work("start", "to the first answer", of_start, "unary", (1,), without=(IN_MEMORY,), rounds=5),
        Work(
            "soak",
            "under load for minutes",
            of_soak,
            "unary",
            (16,),
            own=(TRACEGATE,),
            rounds=1,
            default=False,
        ),
    )
}

QUICK: Mapping[str, tuple[int, ...]] = {
    "unary": (16, 200),
    "tls": (16,),
    "limited": (16,),
    "full": (64,),
    "many": (16,),
    "start": (1,),
}
"""What `--quick` runs, and with how many clients."""

if CORES >= 4:
    WORKS["workers"] = Work(
        "workers", "more workers", of_requests, "unary", (16, 64), yardstick=TRACEGATE, own=(TRACEGATE, TWO, FOUR)
    )
