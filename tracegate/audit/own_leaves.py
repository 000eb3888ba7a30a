"""What a log writes of itself: that it was opened, lives, was paused or closed, and that a record will get no final.

Not when any of it is written, which is the log's; and no leaf of an answer.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from tracegate.audit.aborting import Cause, aborted
from tracegate.audit.events import Aborted, Closed, Heartbeat, Opened, Paused
from tracegate.audit.kinds import At, Gateway, Intent
from tracegate.audit.opening import OpenedLog
from tracegate.clock import Clock

Outcome = Literal["ok", "error", "cancelled"]


class OwnLeaves:
    """Makes the leaves that one run writes of its log.

    Args:
        origin: Of the log.
        gateway: Who writes it.
        clock: Gives their times.
    """

    __slots__ = ("_clock", "_gateway", "_origin", "_unrecorded", "_unrecorded_from")

    def __init__(self, origin: str, gateway: Gateway, clock: Clock) -> None:
        self._origin = origin
        self._gateway = gateway
        self._clock = clock
        self._unrecorded: Counter[Outcome] = Counter()
        self._unrecorded_from = 0  # meant only while something is counted

    @property
    def unrecorded(self) -> bool:
        """Whether requests were counted that no leaf tells of yet."""
        return bool(self._unrecorded)

    def count(self, outcome: Outcome) -> None:
        """Count a request that was served without a leaf."""
        if not self._unrecorded:
            self._unrecorded_from = self._now()
        self._unrecorded[outcome] += 1

    def opened(self, found: OpenedLog, t: int) -> Opened:
        """The first leaf of this run; that of a log has the second in which `log.json` was made.

        Args:
            found: What was on the disk.
            t: Now, in µs since 1970 UTC.
        """
        reason: Literal["new", "restart", "recovery"] = "restart" if isinstance(found.last, Closed) else "recovery"
        if found.last is None:
            reason = "new"
            if t // 1_000_000 != found.created:  # a start that made `log.json` went no further
                t = found.created * 1_000_000
        cut = found.cut or None  # nothing was cut, so nothing is said of it
        return Opened(v=1, log=self._origin, gateway=self._gateway, t=t, reason=reason, cut_bytes=cut)

    def aborted(self, at: At, intent: Intent, cause: Cause) -> Aborted:
        """The end of an intent that stands at a place."""
        return aborted(intent, at, cause, self._gateway, self._now())

    def alive(self, open_intents: int) -> Heartbeat:
        """That the log can be written, or is tried."""
        return Heartbeat(v=1, log=self._origin, gateway=self._gateway, t=self._now(), open_intents=open_intents)

    def paused(self, reason: str) -> Paused:
        """What was counted up to now; the count begins anew."""
        counted, self._unrecorded = dict(self._unrecorded), Counter()
        now = self._now()
        return Paused(
            v=1,
            log=self._origin,
            gateway=self._gateway,
            t=now,
            from_=self._unrecorded_from,
            to=now,
            reason=reason,
            requests=counted,
        )

    def closed(self) -> Closed:
        """The last leaf of a run that left nothing open."""
        return Closed(v=1, log=self._origin, gateway=self._gateway, t=self._now(), reason="stop", open_intents=0)

    def _now(self) -> int:
        return self._clock.wall() // 1_000
