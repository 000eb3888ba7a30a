"""The books of one run of traffic: what was sent, what is there, who counts what is missing, what came twice.

Sent is what the answers say: each names its trace, and its kind says how many spans that has. Found is what Jaeger has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.stores.collector_losses import Life
from tests.stores.traffic import Asked, S

UNSURE = frozenset(("Unanswered", "CancelledError"))
"""Ends of an export after which it may have arrived, or not."""


NOTED_NS = S
"""How late a busy gateway may note an answer that the Collector gave just before its end; none comes after it."""


@dataclass(frozen=True, slots=True)
class Try:
    """One export of traces of the gateway.

    Args:
        at: When its answer came, or the connection broke, in monotonic nanoseconds.
        status: Of its answer; `None` without one.
        error: What came instead of an answer.
        spans: The ids of its spans, in hex.
    """

    at: int
    status: int | None
    error: str
    spans: Sequence[str]

    @property
    def taken(self) -> bool:
        """Whether the Collector acknowledged it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True)
class Books:
    """What was sent, and what became of it.

    Args:
        asked: The requests.
        tries: The exports of traces, in their order.
        found: Spans in Jaeger, by trace.
        gateway: What the gateway's metrics say it lost of traces, by where; read from Prometheus.
        repeated: Spans that they say were sent again though they may have arrived.
        lives: What the Collector's metrics said last, life by life.
        dropped: Spans that its log says it dropped while it ended.
        redelivered: Requests that it found on disk, on their way to Jaeger when it was killed.
    """

    asked: Sequence[Asked] = ()
    tries: Sequence[Try] = ()
    found: dict[str, list[str]] = field(default_factory=dict)
    gateway: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    lives: list[Life] = field(default_factory=list)
    dropped: int = 0
    redelivered: int = 0

    @property
    def sent(self) -> int:
        """Spans that the answers tell of."""
        return sum(one.kind.spans for one in self.asked)

    @property
    def arrived(self) -> set[str]:
        """Ids of the spans in Jaeger."""
        return {span for spans in self.found.values() for span in spans}

    @property
    def made(self) -> set[str]:
        """Ids of the spans that the gateway tried to export."""
        return {span for one in self.tries for span in one.spans}

    @property
    def twice(self) -> int:
        """How many spans too many Jaeger has."""
        return sum(map(len, self.found.values())) - len(self.arrived)

    @property
    def lost(self) -> int:
        """Spans that were sent and not found."""
        return self.sent - len(self.arrived)

    @property
    def counted(self) -> int:
        """Spans that the gateway or the Collector says were lost."""
        return sum(self.gateway.values()) + sum(life.failed for life in self.lives) + self.dropped

    @property
    def resent(self) -> int:
        """Spans that the gateway was seen to send again though they may have arrived: so many duplicates at most."""
        unsure: set[str] = set()
        count = 0
        for one in self.tries:
            count += len(unsure.intersection(one.spans))
            if one.error in UNSURE:
                unsure.update(one.spans)
        return count

    @property
    def exposed(self) -> int:
        """Spans that the Collector had acknowledged and not sent when it was killed: so many are lost at most.

        What its metrics said it held just before each kill, and what it acknowledged from then until it was gone.
        """
        return sum(self._exposed(life, life.ended) for life in self.lives if life.ended is not None)

    def _exposed(self, life: Life, ended: int) -> int:
        until = ended + NOTED_NS
        since = sum(len(one.spans) for one in self.tries if one.taken and life.told <= one.at <= until)
        return life.held + since

    def queue_s(self) -> list[float]:
        """The queue times of Collectors at their ends: for how long each had acknowledged as many as were exposed."""
        return [self._queue_s(life, life.ended) for life in self.lives if life.ended is not None]

    def _queue_s(self, life: Life, ended: int) -> float:
        left = self._exposed(life, ended)
        for one in reversed(self.tries):
            if one.taken and one.at <= ended + NOTED_NS:
                left -= len(one.spans)
                if left <= 0:
                    return max(0, ended - one.at) / S
        return 0.0

    def took_ms(self, share: float) -> float:
        """How long that share of the requests took at most, in milliseconds; by the nearest rank."""
        return _at(share, [one.took for one in self.asked if one.took is not None]) / 1e6

    def late_ms(self, share: float) -> float:
        """How late that share of the requests was sent at most, in milliseconds: by the client and its machine."""
        return _at(share, [one.late for one in self.asked]) / 1e6

    def said(self, title: str) -> str:
        """Every figure, as a few lines."""
        failed = sum(one.status != 200 for one in self.asked)
        inside = {where: count for where, count in self.gateway.items() if count}
        times = ", ".join(f"{time:.2f} s" for time in self.queue_s())
        return "\n".join(
            (
                f"{title}: {len(self.asked)} requests, {failed} failed;"
                f" p50 {self.took_ms(0.5):.1f}, p99 {self.took_ms(0.99):.1f}, max {self.took_ms(1):.1f} ms,"
                f" of which p99 {self.late_ms(0.99):.1f} ms before they were sent",
                f"  spans: {self.sent} sent, {len(self.arrived)} found, {self.lost} lost; counted as lost:"
                f" {sum(inside.values())} by the gateway {inside}, {sum(life.failed for life in self.lives)} by the"
                f" Collector's metrics, {self.dropped} in its log as it ended",
                f"  acknowledged and not sent by the Collector at its ends: {self.exposed} spans, of the last {times}",
                f"  twice: {self.twice} in Jaeger; sent again though they may have arrived: {self.repeated} spans by"
                f" the gateway, {self.redelivered} requests by the Collector",
            )
        )


def _at(share: float, values: list[int]) -> int:
    """What that share of them is at most."""
    return sorted(values)[max(0, -int(-len(values) * share // 1) - 1)]
