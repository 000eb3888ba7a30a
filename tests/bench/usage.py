"""What processes use: CPU and memory of a whole family, and how much of the machine was somebody else's meanwhile.

Linux only. Source: proc(5); clock_getcpuclockid(3) for the id of another process's CPU clock, which Python has not.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and (parent := _parent(entry.name)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:  # it grows meanwhile
        found += children.get(process, [])
    return found


def _parent(process: str) -> int | None:
    try:
        stat = Path("/proc", process, "stat").read_text()
    except OSError:  # it has ended
        return None
    return int(stat.rpartition(")")[2].split()[1])  # a name may hold anything


def cpu_ns(processes: list[int]) -> int:
    """User and system time of processes so far, all their threads, in nanoseconds."""
    return sum(_cpu_ns(process) for process in processes)


def _cpu_ns(process: int) -> int:
    try:
        return time.clock_gettime_ns((~process << 3) | 2)
    except OSError:  # it has ended
        return 0


def rss_kb(processes: list[int]) -> int:
    """What they hold in memory; pages that they share count for each."""
    return sum(int(Path("/proc", str(process), "statm").read_text().split()[1]) for process in processes) * PAGE_KB


@dataclass(frozen=True, slots=True)
class Moment:
    """What everybody had used by then, in nanoseconds: all processes, we and our children, and the host."""

    at: int
    all: int
    ours: int
    stolen: int

    @classmethod
    def now(cls) -> Moment:
        """This one."""
        fields = Path("/proc/stat").read_text().split(maxsplit=9)
        user, nice, system, stolen = (int(fields[index]) * TICK_NS for index in (1, 2, 3, 8))
        return cls(time.monotonic_ns(), user + nice + system, cpu_ns(family(os.getpid())), stolen)

    def others(self, then: Moment) -> float:
        """How many cores others used from then until now, or the host gave to others."""
        foreign = (self.all - then.all) - (self.ours - then.ours) + (self.stolen - then.stolen)
        return max(0.0, foreign / max(1, self.at - then.at))
