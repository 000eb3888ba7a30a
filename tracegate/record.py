"""The recorder: one record per executed hop, opened and closed in one place.

A record holds what happened, never what a view can compute later. It knows no OpenTelemetry: ids are random bytes,
times are integers in nanoseconds. `Recorder.close` is the only place that turns an exception into an outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tracegate.clock import Clock, Ids
from tracegate.errors import Denied, Failed, NothingTried, Rejected, TimedOut, TracegateError, Unavailable
from tracegate.facts import INITIAL, Attempt, Cost, HopKind, Outcome, Route, Target, Why, unpriced
from tracegate.inbound import Inbound

Gate = Callable[[], Awaitable[None]]


class Record:
    """What is known of one executed hop.

    `about` holds the static facts of a route, set by `build`; `attempt` those of an attempt. `reason` is
    `tracegate.outcome_reason`. `start` and `end` are monotonic nanoseconds; those of an attempt are its leaf's.
    """

    __slots__ = (
        "about",
        "attempt",
        "end",
        "error",
        "index",
        "kind",
        "name",
        "notes",
        "outcome",
        "parent",
        "reason",
        "span",
        "start",
    )

    def __init__(self, kind: HopKind, name: str, index: int, span: bytes, parent: Record | None, start: int) -> None:
        self.kind = kind
        self.name = name
        self.index = index
        self.span = span
        self.parent = parent
        self.start = start
        self.end: int | None = None
        self.outcome: Outcome | None = None
        self.reason: str | None = None
        self.error: BaseException | None = None
        self.attempt: Attempt | None = None
        self.about: Route | None = None
        self.notes: tuple[tuple[str, dict[str, str | int]], ...] = ()  # most have none


class Recorder:
    """All records of one request.

    `server` is the SERVER record, the first of `records`; only it is still open when the answer's views are rendered.

    Args:
        inbound: What came from the client and what was sent back.
        clock: Time; the wall clock is read once, here.
        ids: Randomness.
        trace: Trace id, 16 bytes; minted where none is given.
        ceiling: Most upstream calls that one request may make.
        gate: Awaited before the first attempt opens and before the head of a stream; `None` waits for nothing.
    """

    __slots__ = (
        "attempts",
        "ceiling",
        "clock",
        "gate",
        "ids",
        "inbound",
        "origin",
        "records",
        "request_id",
        "server",
        "trace",
        "wall",
    )

    def __init__(
        self,
        inbound: Inbound,
        clock: Clock,
        ids: Ids,
        *,
        trace: bytes | None = None,
        ceiling: int = 12,
        gate: Gate | None = None,
    ) -> None:
        self.clock = clock
        self.ids = ids
        self.inbound = inbound
        self.ceiling = ceiling
        self.gate = gate
        self.wall = clock.wall()
        self.origin = clock.now()  # the monotonic time of `wall`
        self.request_id = ids.request(self.wall)
        self.trace = ids.trace() if trace is None else trace
        self.server = Record("server", inbound.route, 0, ids.span(), None, self.origin)
        self.records = [self.server]
        self.attempts: list[Attempt] = []

    def wall_of(self, monotonic: int) -> int:
        """UTC nanoseconds of a monotonic time of this request."""
        return self.wall + monotonic - self.origin

    @property
    def failure(self) -> Failed | None:
        """The failure of the last attempt that failed, if any did."""
        return next((a.error for a in reversed(self.attempts) if a.error is not None), None)

    @property
    def full(self) -> bool:
        """Whether the ceiling of attempts is reached."""
        return len(self.attempts) >= self.ceiling

    def open(
        self,
        kind: HopKind,
        name: str,
        parent: Record,
        *,
        about: Route | None = None,
        target: Target | None = None,
        why: Why = INITIAL,
        price: Callable[[Attempt], Cost] = unpriced,
    ) -> Record:
        """Open the record of a hop; with a target it gets an `Attempt` of its own."""
        record = Record(kind, name, len(self.records), self.ids.span(), parent, self.clock.now())
        record.about = about
        if target is not None:
            before = self.attempts
            resend = 0
            for earlier in before:
                if earlier.target is target:
                    resend += 1
            attempt = Attempt(target, len(before), why, resend, self.inbound.stream)
            attempt.start = record.start
            attempt.price = price
            record.attempt = attempt
            self.attempts.append(attempt)
        self.records.append(record)
        return record

    def close(self, record: Record, exc: BaseException | None) -> None:
        """Close a record, once; later calls change nothing."""
        if record.outcome is not None:
            return
        attempt = record.attempt
        if attempt is not None and attempt.complete and isinstance(exc, asyncio.CancelledError):
            exc = None  # the provider had finished: who left then did not stop it
        if exc is None:
            record.outcome = "ok"
        else:
            record.outcome, record.reason = verdict(exc)
        if attempt is None:
            record.error = exc
            record.end = self.clock.now()
            return
        if record.reason == "deadline":  # a cancel that is an error: it gets an error's class and token
            exc = TimedOut("deadline", "The client did not read the answer before the total deadline.")
            exc.status = attempt.status
        record.error = exc
        record.start = attempt.start
        record.end = attempt.end = self.clock.now() if attempt.end is None else attempt.end
        attempt.outcome = record.outcome
        attempt.lost = record.reason == "superseded"
        if isinstance(exc, Failed):
            exc.attempt = attempt.index
            attempt.error = exc
        attempt.cost = attempt.price(attempt)


def verdict(exc: BaseException | None) -> tuple[Outcome, str | None]:
    """Outcome and `outcome_reason` of what ended a hop (rulings 34, 37 and 53)."""
    match exc:
        case None:
            return "ok", None
        case asyncio.CancelledError():
            why = str(exc.args[0]) if exc.args else ""
            if why == "deadline":  # the server's backstop for a client that does not read
                return "error", "deadline"
            # Whoever cancels without one of our reasons is the server stopping.
            return "cancelled", why if why in ("client_disconnect", "superseded") else "shutdown"
        case Failed():
            return "error", exc.class_
        case Rejected() | Denied() | Unavailable():
            return "error", exc.reason
        case NothingTried():
            return "error", _skipped_because(exc)
        case TracegateError() | _:
            return "error", "server_error"


def _skipped_because(exc: NothingTried) -> str:
    causes = {s.cause for s in exc.skips}
    if causes == {"rate_limit"}:
        return "rate_limit"
    policy = {"residency", "budget", "price", "quality", "capability"}
    return "denied" if exc.skips and all(s.reason in policy for s in exc.skips) else "overloaded"
