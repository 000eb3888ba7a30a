"""What is measured of one system in one window: a function for each kind of work, which gives figures by name.

| figure | what |
|---|---|
| `cpu_us` | user and system time of the whole system over requests answered right, microseconds |
| `chunk_us` | the same over the events of streams |
| `per_second` | requests, or events, in a second |
| `p50_ms`, `p99_ms` | from a request to the end of its answer, milliseconds |
| `first_ms` | from a request to its first chunk, the median, milliseconds |
| `start_s` | from the start of its process to its first right answer, seconds |
| `rss_mb` | memory of one worker after load |
| `open_kb` | memory that an open slow stream takes |
| `grown` | memory in the last fifth of a time over that in its second fifth |

CPU is read before the first request of a window and after its last one was rendered; start-up and the first request
of every connection are outside.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.load import Crowd, WrongAnswer
from tests.bench.pace import Pace
from tests.bench.stage import Running, Stage
from tests.bench.streams import Streams
from tests.bench.systems import System
from tests.bench.usage import rss_kb

SPREAD_S = 1.0  # over which paced streams begin
SOAK_EVERY_S = 5.0
PACE_PER_S = 300  # requests a second
SLOWLY = 10  # times as long as the others: what they do in it is less still

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Window:
    """How long a system is measured.

    Args:
        seconds: Requests are sent for so long.
        most: And at most so many.
        settle_s: How long after the last answer CPU is read. What a request leaves to do is done after at most a tick
            of the direct renderer, a tenth of a second.
        soak_s: How long memory must not grow.
        warm_s: How long each system is used before anything is measured.
    """

    seconds: float = 0.5
    most: int = 1_000_000
    settle_s: float = 0.15
    soak_s: float = 600.0
    warm_s: float = 0.3


async def of_requests(stage: Stage, system: System, route: str, clients: int, window: Window) -> Figures:
    """Whole answers, by clients who are always busy."""
    running = stage.running[system]
    async with Crowd(running.port, running.ask(route), clients) as crowd:
        first = await crowd.ask(window.seconds, clients)  # every connection is made and used
        await settled(window)
        refused, answered = stage.counts() if route == "limited" else (0, 0)
        cpu, began = running.cpu_ns(), crowd.now()
        # Clients of a provider that takes its time would else all come in one moment, again and again.
        requests = await crowd.ask(window.seconds, window.most, crowd.asked.kind.after_ms / 1e3)
        wall, took = crowd.now() - began, sorted(crowd.took)
        await settled(window)
        cpu = running.cpu_ns() - cpu
    running.served(first + requests, 2 if route == "limited" else 1)
    if route == "limited":
        now = stage.counts()
        if (now[0] - refused, now[1] - answered) != (requests, requests):
            raise WrongAnswer(f"{requests} requests made {now[0] - refused} refusals, {now[1] - answered} answers")
    found = {"per_second": requests / wall, "p50_ms": at(took, 0.5) * 1e3, "p99_ms": at(took, 0.99) * 1e3}
    return found | ({"cpu_us": cpu / requests / 1e3} if running.process else {})


async def of_pace(stage: Stage, system: System, route: str, clients: int, window: Window) -> Figures:
    """Whole answers at a pace that leaves the system idle most of the time: what one waits, not what it costs."""
    running = stage.running[system]
    async with Pace(running.port, running.ask(route), clients) as crowd:
        running.served(await crowd.ask(window.seconds, clients))
        running.served(await crowd.ask_at(PACE_PER_S, window.seconds))
        took = sorted(crowd.took)
    return {"p50_ms": at(took, 0.5) * 1e3, "p99_ms": at(took, 0.99) * 1e3}


async def of_streams(stage: Stage, system: System, route: str, clients: int, window: Window) -> Figures:
    """Streams, all begun once over a second where the provider paces them, else again and again."""
    running = stage.running[system]
    wanted = running.ask(route)
    paced = bool(wanted.kind.every_ms)
    async with Streams(running.port, wanted, clients, SPREAD_S if paced else 0) as streams:
        if not paced:
            running.served(await streams.play(0))
            await settled(window)
        streams.events, streams.first = 0, []
        cpu, began = running.cpu_ns(), streams.now()
        running.served(await streams.play(0 if paced else window.seconds))
        wall = streams.now() - began
        await settled(window)
        cpu = running.cpu_ns() - cpu
    found = {"per_second": streams.events / wall, "first_ms": at(sorted(streams.first), 0.5) * 1e3}
    return found | ({"chunk_us": cpu / streams.events / 1e3} if running.process else {})


async def of_memory(stage: Stage, system: System, route: str, clients: int, window: Window) -> Figures:
    """A new process: after some load, with slow streams open on top, and after load by as many clients as streams."""
    with stage.fresh(system) as running:
        await asyncio.to_thread(running.started)
        await _load(running, 16, window)
        before = rss_kb(running.family())
        async with Streams(running.port, running.ask(route), clients, SPREAD_S) as streams:
            await streams.begin()
            await streams.until(lambda: len(streams.first) == clients)
            every_s = streams.asked.kind.every_ms / 1e3
            await asyncio.sleep(1.5 * every_s)  # real time, as the provider's pace is: each then has its second chunk
            during = rss_kb(running.family())
        await _load(running, 200, window)
        after = rss_kb(running.family())
    return {"rss_mb": after / 1024 / system.workers, "open_kb": max(0, during - before) / clients}


async def of_start(stage: Stage, system: System, route: str, clients: int, window: Window) -> Figures:
    """A new process, to its first answer."""
    with stage.fresh(system) as running:
        return {"start_s": await asyncio.to_thread(running.started)}


async def of_soak(stage: Stage, system: System, route: str, clients: int, window: Window) -> Figures:
    """Memory of a new process under load for a long time."""
    with stage.fresh(system) as running:
        await asyncio.to_thread(running.started)
        seen: list[int] = []
        async with Crowd(running.port, running.ask(route), clients) as crowd:
            end = crowd.now() + window.soak_s
            while crowd.now() < end:
                await crowd.ask(min(SOAK_EVERY_S, window.soak_s / 10), window.most)
                seen.append(rss_kb(running.family()))
    return {"grown": grown(seen)}


async def warm(running: Running, window: Window) -> None:
    """Let a system do what it does at first only; Node.js compiles what is often run."""
    seconds = window.warm_s * (SLOWLY if running.system.name in ("litellm", "portkey") else 1)
    async with Crowd(running.port, running.ask("unary"), 16) as crowd:
        running.served(await crowd.ask(seconds, window.most))


async def settled(window: Window) -> None:
    """Let a system finish what requests left to do: other processes, whose end of work no event tells."""
    await asyncio.sleep(window.settle_s)  # real time is what is measured


async def _load(running: Running, clients: int, window: Window) -> None:
    async with Crowd(running.port, running.ask("unary"), clients) as crowd:
        await crowd.ask(window.seconds, window.most)


def at(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of them lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def grown(seen: Sequence[int]) -> float:
    """The median of the last fifth over that of the second."""
    fifth = max(1, len(seen) // 5)
    return statistics.median(seen[-fifth:]) / statistics.median(seen[fifth : 2 * fifth])
