"""The recorder: outcomes, reasons and times, decided in one place."""

from __future__ import annotations

import asyncio

import pytest

from tests.stage import cut, overloaded, rate_limited, timed_out
from tracegate.errors import Denied, NothingTried, Rejected, Skip, Unavailable
from tracegate.facts import Cost, Target
from tracegate.inbound import Inbound
from tracegate.record import Recorder, verdict
from tracegate.testing.clock import EPOCH, START, FakeClock
from tracegate.testing.ids import SeededIds


def recorder(clock: FakeClock | None = None) -> Recorder:
    """One request."""
    return Recorder(Inbound(), clock or FakeClock(), SeededIds(3))


@pytest.mark.parametrize(
    ("ended_by", "expected"),
    [
        (None, ("ok", None)),
        (asyncio.CancelledError("client_disconnect"), ("cancelled", "client_disconnect")),
        (asyncio.CancelledError("superseded"), ("cancelled", "superseded")),
        (asyncio.CancelledError("shutdown"), ("cancelled", "shutdown")),
        (asyncio.CancelledError("Task cancelled, timeout graceful shutdown exceeded"), ("cancelled", "shutdown")),
        (asyncio.CancelledError(), ("cancelled", "shutdown")),
        (asyncio.CancelledError("deadline"), ("error", "deadline")),
        (overloaded(), ("error", "overloaded")),
        (timed_out(), ("error", "timeout")),
        (cut(), ("error", "broken_answer")),
        (Rejected(404, "model_not_found", "no", reason="not_found"), ("error", "not_found")),
        (Denied("no", reason="residency"), ("error", "residency")),
        (Unavailable("full"), ("error", "overloaded")),
        (NothingTried([Skip("a", "cooldown", 1, "rate_limit")]), ("error", "rate_limit")),
        (NothingTried([Skip("a", "cooldown", 1, "overloaded")]), ("error", "overloaded")),
        (NothingTried([Skip("a", "disabled")]), ("error", "overloaded")),
        (NothingTried([Skip("a", "residency"), Skip("b", "budget")]), ("error", "denied")),
        (NothingTried([]), ("error", "overloaded")),
        (ZeroDivisionError(), ("error", "server_error")),
    ],
)
def test_what_ended_a_hop_decides_its_outcome(ended_by: BaseException | None, expected: tuple[str, str | None]) -> None:
    """A time-out is an error, a cancel never is, unless the deadline cut a client that did not read."""
    assert verdict(ended_by) == expected


def test_a_record_closes_once() -> None:
    """What comes later changes nothing."""
    clock = FakeClock()
    request = recorder(clock)
    clock.advance(5)
    request.close(request.server, None)
    clock.advance(5)
    request.close(request.server, overloaded())
    assert (request.server.outcome, request.server.end) == ("ok", START + 5)


def test_an_attempt_takes_its_leafs_times_and_is_priced_once() -> None:
    """Its cost is computed when it closes, of what is known then."""
    clock = FakeClock()
    request = recorder(clock)
    priced: list[str | None] = []

    def price(attempt: object) -> Cost:
        priced.append(request.attempts[0].outcome)
        return Cost(7)

    record = request.open("attempt", "chat m", request.server, target=Target("a", "p", "p", "m"), price=price)
    attempt = request.attempts[0]
    clock.advance(3)
    attempt.start = clock.now()
    clock.advance(4)
    attempt.end = clock.now()
    clock.advance(100)
    failure = rate_limited()
    request.close(record, failure)
    assert (record.start, record.end) == (START + 3, START + 7)
    assert (attempt.error, failure.attempt, attempt.cost) == (failure, 0, Cost(7))
    assert priced == ["error"]
    assert request.failure is failure


def test_an_attempt_without_an_end_ends_when_it_closes() -> None:
    """Nobody stamped it."""
    clock = FakeClock()
    request = recorder(clock)
    record = request.open("attempt", "chat m", request.server, target=Target("a", "p", "p", "m"))
    clock.advance(9)
    request.close(record, asyncio.CancelledError("superseded"))
    assert record.end == START + 9
    assert request.attempts[0].lost
    assert request.attempts[0].cost == Cost(None, unknown="no_price")


def test_an_attempt_that_had_finished_is_ok_when_the_client_leaves() -> None:
    """The provider's answer was whole."""
    request = recorder()
    record = request.open("attempt", "chat m", request.server, target=Target("a", "p", "p", "m"))
    request.attempts[0].complete = True
    request.close(record, asyncio.CancelledError("client_disconnect"))
    assert record.outcome == "ok"


def test_ids_and_wall_time() -> None:
    """Wall time is read once; the rest follows by offset. Indexes increase within the request."""
    clock = FakeClock()
    request = recorder(clock)
    clock.advance(1000)
    assert request.wall_of(clock.now()) == EPOCH + 1000
    first = request.open("route", "r", request.server)
    second = request.open("route", "s", first)
    assert [r.index for r in request.records] == [0, 1, 2]
    assert len({r.span for r in request.records}) == 3
    assert second.parent is first
    assert len(request.trace) == 16
    assert request.request_id[14] == "7"


def test_the_ceiling_counts_attempts() -> None:
    """Tries at the same target are counted as sends of the same request again."""
    request = Recorder(Inbound(), FakeClock(), SeededIds(1), ceiling=2, trace=b"t" * 16)
    target = Target("a", "p", "p", "m")
    fullness = [request.full]
    for _ in range(2):
        request.open("attempt", "chat m", request.server, target=target)
        fullness.append(request.full)
    assert fullness == [False, False, True]
    assert [a.resend for a in request.attempts] == [0, 1]
    assert request.failure is None
    assert request.trace == b"t" * 16


def test_an_attempt_whose_client_did_not_read_until_the_deadline_failed_by_it() -> None:
    """The cancel of the server's backstop is an error with a class and a token like any other limit's."""
    request = recorder()
    record = request.open("attempt", "chat m", request.server, target=Target("a", "p", "p", "m"))
    request.attempts[0].status = 200
    request.close(record, asyncio.CancelledError("deadline"))
    failure = request.attempts[0].error
    assert failure is not None
    assert (record.outcome, record.reason, failure.class_, failure.error_type) == (
        "error",
        "deadline",
        "timeout",
        "http_response_timeout",
    )
