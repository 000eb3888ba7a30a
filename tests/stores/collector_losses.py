"""What a Collector says of spans on their way to Jaeger: in its metrics while it lives, in its log when it ends.

At SIGTERM its metrics are gone before its queue is empty, so what it drops then stands only in its log. Source:
exporterhelper 0.161, `obs_report_sender.go` (a failure counts once no retry is left) and `queue_sender.go` (the line).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tracegate.clock import Clock
from tracegate.stack.fetch import ask

EXPORTER = "otlp_grpc/jaeger"

ENDING = "Starting shutdown..."
DROPPED = "dropped_items"
REDELIVERED = "Moved items for dispatching back to queue"
COUNT = "numberOfItems"


@dataclass(slots=True)
class Life:
    """One life of a Collector, as its metrics told it last.

    Args:
        told: When it was asked for them, in monotonic nanoseconds.
        accepted: Spans that it acknowledged.
        sent: Spans that Jaeger acknowledged to it.
        failed: Spans that it gave up.
        ended: When it had ended, in monotonic nanoseconds; `None` for the last one, which has not.
    """

    told: int
    accepted: int
    sent: int
    failed: int
    ended: int | None = None

    @property
    def held(self) -> int:
        """Spans that it had acknowledged and not sent."""
        return self.accepted - self.sent - self.failed


async def life(url: str, clock: Clock) -> Life:
    """Ask a Collector how it lived so far; `url` is that of its metrics."""
    told = clock.now()
    text = (await ask(url)).text()
    return Life(
        told,
        _sum(text, "otelcol_receiver_accepted_spans_total"),
        _sum(text, "otelcol_exporter_sent_spans_total", EXPORTER),
        _sum(text, "otelcol_exporter_send_failed_spans_total", EXPORTER),
    )


async def waiting(url: str) -> int:
    """How many requests of any signal wait for their store, or are on their way to it."""
    text = (await ask(url)).text()
    return _sum(text, "otelcol_exporter_queue_size") + _sum(text, "otelcol_exporter_in_flight_requests")


def dropped(log: str) -> int:
    """Spans that a Collector without queues on disk dropped after it had been told to end, over all its lives."""
    count, ending = 0, False
    for line in log.splitlines():
        if ENDING in line:
            ending = True
        elif "Starting otelcol" in line:
            ending = False
        elif ending and (told := _told(line, DROPPED)):
            count += told[DROPPED]
    return count


def redelivered(log: str) -> int:
    """Requests for Jaeger that were on their way when the Collector was killed, and that it sent again."""
    return sum(told[COUNT] for told in _tellings(log))


def _tellings(log: str) -> Iterator[dict[str, Any]]:
    for line in log.splitlines():
        if REDELIVERED in line and (told := _told(line, COUNT)):
            yield told


def _told(line: str, key: str) -> dict[str, Any]:
    """The fields of a line about traces to Jaeger that has the key; nothing of any other."""
    if key not in line:
        return {}
    fields: dict[str, Any] = json.loads(line.rpartition("\t")[2])
    return fields if fields["otelcol.component.id"] == EXPORTER else {}


def _sum(text: str, name: str, exporter: str = "") -> int:
    """A metric's sum over its series, in Prometheus' text form; those of one exporter where it is named."""
    return sum(
        int(float(line.rpartition(" ")[2]))
        for line in text.splitlines()
        if line.startswith(f"{name}{{") and (not exporter or f'exporter="{exporter}"' in line)
    )
