"""What several views say of a whole request, computed here and nowhere else: who served it, totals, times.

Every function is pure and reads closed records, except where it says that an open one is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tracegate.facts import Attempt
from tracegate.record import Record, Recorder

_new = tuple.__new__  # half the cost of calling the class


def served(attempts: Sequence[Attempt]) -> Attempt | None:
    """The committed attempt that the client's answer came from: the last one that was not superseded."""
    for attempt in reversed(attempts):
        if attempt.committed is not None and not attempt.lost:
            return attempt
    return None


def decisive(attempts: Iterable[Attempt]) -> Attempt | None:
    """The attempt whose result the client gets: the served one, else the last that failed, else the last."""
    known = tuple(attempts)
    failed = next((a for a in reversed(known) if a.error is not None), None)
    return served(known) or failed or (known[-1] if known else None)


def led_here(attempts: Sequence[Attempt], attempt: Attempt) -> Attempt | None:
    """The attempt whose failure led to this one: the last before it that failed with the reason given."""
    earlier = (a for a in reversed(attempts[: attempt.index]) if a.error is not None)
    return next((a for a in earlier if a.error is not None and a.error.class_ == attempt.why.reason), None)


def error_of(recorder: Recorder, attempt: Attempt) -> str | None:
    """The error token of an attempt that failed; none where only a status other than 2xx came (ruling 7)."""
    if attempt.outcome != "error":
        return None
    error = attempt.error
    if error is None:  # a fault of our own: only the record knows
        return next((record.reason for record in recorder.records if record.attempt is attempt), None)
    if error.token is not None:
        return error.token
    return error.class_ if attempt.status is None or attempt.status < 300 else None


def below(recorder: Recorder, record: Record) -> list[Attempt]:
    """The attempts in the subtree of a record, in order of start."""
    if record.parent is None:
        return recorder.attempts
    return [r.attempt for r in recorder.records if r.attempt is not None and _inside(r, record)]


class Total(NamedTuple):
    """Sums over attempts; `None` where any part is unknown, or where there was no attempt."""

    cost_micros: int | None
    input_tokens: int | None
    output_tokens: int | None
    currency: str
    basis: str | None  # `provider` only if every part that is not 0 is (ruling 43)


def total(attempts: Sequence[Attempt]) -> Total:
    """Sum cost and tokens; one unknown makes a sum unknown, and so does money of two currencies.

    Tokens of an attempt whose cost is known to be 0 because it can't have generated count as 0.
    """
    # Nearly every request has one, or one behind some that can't have cost anything, and every view asks.
    if len(attempts) == 1:
        return _alone(attempts[0])
    return _alone(attempts[-1]) if _only_last_paid(attempts) else _together(attempts)


def _only_last_paid(attempts: Sequence[Attempt]) -> bool:
    """Whether only the last attempt cost money, and no other one can have; a test holds this to `_together`, too."""
    paid = attempts[-1].cost if attempts else None
    if paid is None or not paid.micros:
        return False
    for attempt in attempts[:-1]:
        price = attempt.cost
        if price is None or price.micros != 0 or price.source != "inferred":
            return False
    return True


def _together(attempts: Iterable[Attempt]) -> Total:
    """The sums over any number of attempts."""
    cost: int | None = 0
    tokens_in: int | None = 0
    tokens_out: int | None = 0
    sources: set[str | None] = set()
    currency, count = "USD", 0
    for attempt in attempts:
        count += 1
        price, usage = attempt.cost, attempt.answer.usage if attempt.outcome == "ok" else None
        if price is None or price.micros is None:
            cost = None
        else:
            cost = None if cost is None else cost + price.micros
            if price.micros:
                if sources and price.currency != currency:
                    cost = None
                sources.add(price.source)
                currency = price.currency
            elif not sources:  # nothing is nothing in any currency
                currency = price.currency
        nothing = price is not None and price.micros == 0 and price.source == "inferred"
        if nothing:
            continue
        given, made = (None, None) if usage is None else (usage.input, usage.output)
        tokens_in = None if tokens_in is None or given is None else tokens_in + given
        tokens_out = None if tokens_out is None or made is None else tokens_out + made
    if not count:
        return Total(None, None, None, currency, None)
    basis = None if cost is None else "provider" if sources == {"provider"} else "local"
    return Total(cost, tokens_in, tokens_out, currency, basis)


def _alone(attempt: Attempt) -> Total:
    """The sums over one attempt; a test holds them to those of `_together`."""
    price, usage = attempt.cost, attempt.answer.usage if attempt.outcome == "ok" else None
    if price is None or price.micros is None:
        currency, basis = "USD", None
    else:
        currency, basis = price.currency, "provider" if price.micros and price.source == "provider" else "local"
        if price.micros == 0 and price.source == "inferred":
            return _new(Total, (0, 0, 0, currency, basis))
    cost = None if price is None else price.micros
    if usage is None:
        return _new(Total, (cost, None, None, currency, basis))
    return _new(Total, (cost, usage.input, usage.output, currency, basis))


class Times(NamedTuple):
    """Nanoseconds: `gateway` is wall time less the union of all upstream and back-off intervals."""

    gateway: int
    upstream: int
    backoff: int
    ttft: int | None  # start of the request to the first data event of the served attempt


def times(recorder: Recorder, now: int) -> Times:
    """Split a request's time up to `now` (monotonic); an attempt that still runs counts up to `now`."""
    calls, backoff = [], 0
    for attempt in recorder.attempts:
        end = attempt.end
        calls.append((attempt.start, now if end is None or end > now else end))
        backoff += attempt.why.backoff_ns or 0
    answer = served(recorder.attempts)
    first = answer.first_event if answer is not None else None
    ttft = None if first is None else first - recorder.origin
    return Times(gateway_ns(recorder, now), union(calls), backoff, ttft)


def gateway_ns(recorder: Recorder, now: int) -> int:
    """Time of a request up to `now` that was neither upstream nor back-off, in nanoseconds; see `times`."""
    attempts, origin = recorder.attempts, recorder.origin
    if len(attempts) == 1 and not attempts[0].why.backoff_ns:  # nearly every request
        start, end = attempts[0].start, attempts[0].end
        took = (now if end is None or end > now else end) - start
        return now - origin - took if took > 0 else now - origin
    taken, reach = 0, origin
    for attempt in attempts:
        start, end, backoff = attempt.start, attempt.end, attempt.why.backoff_ns
        if backoff:
            start -= backoff
        if start < reach:  # two at once
            return now - origin - union(_busy(attempts, now))
        if end is None or end > now:
            end = now
        if end > start:
            taken += end - start
            reach = end
    return now - origin - taken


def _busy(attempts: Sequence[Attempt], now: int) -> list[tuple[int, int]]:
    """When there was a call or a back-off, of each attempt."""
    busy = []
    for attempt in attempts:
        start, end, backoff = attempt.start, attempt.end, attempt.why.backoff_ns
        busy.append((start - backoff if backoff else start, now if end is None or end > now else end))
    return busy


def microseconds(ns: int) -> int:
    """A time as headers, error bodies and the audit log tell it: whole microseconds, rounded down.

    >>> microseconds(1_999)
    1
    """
    return ns // 1000


def union(intervals: list[tuple[int, int]]) -> int:
    """Length of the union of intervals.

    >>> union([(0, 4), (2, 6), (10, 11)])
    7
    """
    if len(intervals) == 1:  # nearly every request
        return max(0, intervals[0][1] - intervals[0][0])
    length, reach = 0, None
    for start, end in sorted(intervals):
        begin = start if reach is None else max(start, reach)
        if end > begin:
            length += end - begin
        reach = end if reach is None else max(reach, end)
    return length


def _inside(record: Record | None, ancestor: Record) -> bool:
    while record is not None:
        if record is ancestor:
            return True
        record = record.parent
    return False
