"""What the audit log counts of itself, for whoever shows it; and what its configuration and it both go by.

Values and the interface that gives them; nothing is counted here. The audit room fills them, telemetry renders them:
neither knows the other. Counters begin at 0 with the process; what is durable is in the log itself, whoever counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

AuditMode = Literal["strict", "available", "off"]

DAY_NS = 86_400 * 10**9

KEEP_NS = 184 * DAY_NS
"""How long leaves are kept where nobody says it. Source: Regulation (EU) 2024/1689, articles 19 and 26(6)."""


@dataclass(frozen=True, slots=True)
class LogNumbers:
    """How one log stands now.

    Args:
        origin: Its name.
        leaves: Those that are durable.
        published: The size of its last checkpoint.
    """

    origin: str
    leaves: int
    published: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one process counted since it started, and how its logs stand now.

    Args:
        logs: Every log that it has written; the one it writes now is the last.
        open_intents: Records that have a durable intent and no end.
        records: Finals that became durable.
        failures: Answers whose leaf was not durable in time: refused in strict mode, let go without a record else.
        aborted: Intents that were closed without a final.
        pauses: Leaves that tell of requests served without one.
        erasures: Leaves that tell of erased records.
        reads: Leaves that tell of somebody who read.
        heartbeats: Leaves that tell that the log is alive.
        anchors: Leaves that tell of a head that others hold.
        unanchored: Heads that were told to somebody in vain.
        unshipped: Durable leaves that the sink has not acknowledged; `None` where nothing is shipped.
        ship_lag_ns: How long the oldest of them has waited, 0 where there is none; `None` where nothing is shipped.
    """

    logs: tuple[LogNumbers, ...] = ()
    open_intents: int = 0
    records: int = 0
    failures: int = 0
    aborted: int = 0
    pauses: int = 0
    erasures: int = 0
    reads: int = 0
    heartbeats: int = 0
    anchors: int = 0
    unanchored: int = 0
    unshipped: int | None = None
    ship_lag_ns: int | None = None


class Custodian(Protocol):
    """Whoever keeps the logs of a process."""

    def numbers(self) -> Numbers:
        """How it stands now; quick, never raises, asked from any thread."""
