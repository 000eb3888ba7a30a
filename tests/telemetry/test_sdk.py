"""The replay view: queues only, renders later in small batches, counts what it loses, never waits for long."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable

import pytest

from tests.telemetry.recorders import ROUTES, SLOW, TARGETS, Request, failed_over, plain
from tracegate.clock import SystemClock
from tracegate.telemetry import names
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.metrics_tally import Losses
from tracegate.telemetry.model import LogView, Measurement, SpanView
from tracegate.telemetry.sdk import BATCH, DELAY_NS, Replay, Replays, in_thread
from tracegate.telemetry.view import View
from tracegate.testing.clock import FakeClock

SECOND = 1_000_000_000


class Sink:
    """Where replayed values end up."""

    def __init__(self) -> None:
        self.spans: list[SpanView] = []
        self.logs: list[LogView] = []
        self.metrics: list[Measurement] = []
        self.called: list[str] = []
        self.batches: list[int] = []
        self.refuses = False

    def replays(self, *signals: str) -> Replays:
        """Everything, or the signals named."""
        wanted = signals or ("spans", "logs", "metrics")
        return Replays(
            spans=self.take_spans if "spans" in wanted else None,
            logs=self.logs.extend if "logs" in wanted else None,
            metrics=self.metrics.extend if "metrics" in wanted else None,
            flush=lambda: self.called.append("flush"),
            close=lambda: self.called.append("close"),
        )

    def take_spans(self, views: Iterable[SpanView]) -> None:
        """Keep spans, or fail as a defect would."""
        if self.refuses:
            raise ValueError("what a client wrote")
        self.spans += views

    @property
    def traces(self) -> list[bytes]:
        """The traces, in the order their SERVER spans came."""
        return [view.trace for view in self.spans if view.kind == "server"]


class Steps(FakeClock):
    """A clock that notes for when timers are armed."""

    __slots__ = ("armed",)

    def __init__(self) -> None:
        super().__init__()
        self.armed: list[int] = []

    def call_at(self, when: int, fn, *args):  # type: ignore[no-untyped-def]  # as the clock's
        """See `Clock.call_at`."""
        self.armed.append(when - self.now())
        return super().call_at(when, fn, *args)


def replay(sink: Sink, clock: FakeClock | SystemClock, losses: Losses, *signals: str, limit: int = 2048) -> Replay:
    """A view that replays into a sink."""
    return Replay(clock, sink.replays(*signals), Measurements(TARGETS, ROUTES), losses, limit=limit)


def lost(losses: Losses) -> dict[object, int]:
    """What was lost, by where."""
    return {labels[0][1]: count for labels, count in losses.counts() if count}


def test_it_is_a_view() -> None:
    """The server knows the protocol only."""
    view: View = replay(Sink(), FakeClock(), Losses())
    assert view is not None


def test_a_request_is_only_queued_and_rendered_later() -> None:
    """Nothing happens until the delay is over; then all three signals come, in the order the requests did."""
    sink, clock = Sink(), FakeClock()
    view = replay(sink, clock, Losses())
    requests = [plain(1), failed_over(2)]
    for request in requests:
        view.add(request)
    clock.advance(DELAY_NS - 1)
    assert (sink.spans, sink.logs, sink.metrics) == ([], [], [])
    clock.advance(1)
    assert sink.traces == [request.trace for request in requests]
    assert [view.name for view in sink.logs if view.trace == requests[1].trace].count(
        names.EVENT_GEN_AI_CLIENT_OPERATION_EXCEPTION
    ) == 2
    assert {made.trace for made in sink.metrics} == {request.trace for request in requests}


def test_batches_are_small_and_the_loop_gets_a_turn_between_them() -> None:
    """One timer for the delay, then one per further batch, due at once; idle, none is armed."""
    sink, clock = Sink(), Steps()
    view = replay(sink, clock, Losses())
    for seed in range(2 * BATCH + 1):
        view.add(plain(seed))
    clock.advance(DELAY_NS)
    assert clock.armed == [DELAY_NS, 0, 0]
    assert len(sink.traces) == 2 * BATCH + 1
    view.add(plain(99))
    assert clock.armed[3:] == [DELAY_NS]


def test_a_record_that_closes_late_comes_once_in_every_signal() -> None:
    """A shadow call is open when the request is added, and closed when it is rendered: still it is not told twice."""
    sink, clock = Sink(), FakeClock()
    view = replay(sink, clock, Losses())
    request = Request(clock=clock)
    request.attempt()
    shadow = request.begin(TARGETS[2], "shadow")
    recorder = request.end()
    view.add(recorder)
    recorder.close(shadow, SLOW)
    view.late(recorder, shadow)
    clock.advance(DELAY_NS)
    assert [view.span for view in sink.spans] == [record.span for record in recorder.records]
    kinds = [dict(m.labels)["tracegate.attempt.kind"] for m in sink.metrics if m.instrument == "tracegate.attempts"]
    assert kinds == ["initial", "shadow"]
    assert [view.span for view in sink.logs] == [shadow.span]


@pytest.mark.parametrize("signal", ["spans", "logs", "metrics"])
def test_a_signal_that_is_off_is_not_rendered(signal: str) -> None:
    """The others are."""
    sink, clock = Sink(), FakeClock()
    view = replay(sink, clock, Losses(), signal)
    view.add(failed_over())
    clock.advance(DELAY_NS)
    given = {"spans": sink.spans, "logs": sink.logs, "metrics": sink.metrics}
    assert [name for name, values in given.items() if values] == [signal]


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    """As many spans as the request had records."""
    sink, clock, losses = Sink(), FakeClock(), Losses()
    view = replay(sink, clock, losses, limit=1)
    first, second = plain(1), failed_over(2)
    view.add(first)
    view.add(second)
    view.late(second, second.records[-1])
    assert lost(losses) == {names.LOST_TRACES_QUEUE: len(second.records) + 1}
    clock.advance(DELAY_NS)
    assert sink.traces == [first.trace]


def test_a_defect_is_counted_told_once_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The other signals of the request come, and no text of the defect is told: nobody knows what is in it."""
    sink, clock, losses = Sink(), FakeClock(), Losses()
    view = replay(sink, clock, losses)
    sink.refuses = True
    with caplog.at_level(logging.ERROR):
        view.add(failed_over(1))
        view.add(failed_over(2))
        clock.advance(DELAY_NS)
    assert lost(losses) == {names.LOST_RENDER: 2}
    assert len({made.trace for made in sink.metrics}) == 2
    assert len({view.trace for view in sink.logs}) == 2
    (line,) = caplog.messages
    assert "ValueError in `take_spans`" in line
    assert "what a client wrote" not in caplog.text


def test_a_flush_renders_what_waits_and_then_sends() -> None:
    """In a thread that the loop does not wait for; no timer is left behind."""

    async def flushed() -> tuple[Sink, list[str]]:
        sink, clock = Sink(), SystemClock()
        view = replay(sink, clock, Losses())
        for seed in range(BATCH + 1):
            view.add(plain(seed))
        await view.flush(clock.now() + 5 * SECOND)
        before = list(sink.called)
        await view.close(clock.now() + 5 * SECOND)
        return sink, before

    sink, before = asyncio.run(flushed())
    assert len(sink.traces) == BATCH + 1
    assert before == ["flush"]
    assert sink.called == ["flush", "flush", "close"]


def test_a_flush_whose_time_is_over_leaves_the_rest_to_its_timer() -> None:
    """It does not render on and on while the process is to end."""

    async def flushed() -> tuple[int, int]:
        sink, clock = Sink(), FakeClock()
        view = replay(sink, clock, Losses())
        view.add(plain())
        await asyncio.wait_for(_flush_past(view, clock), 5)
        kept = len(sink.traces)
        clock.advance(DELAY_NS)
        return kept, len(sink.traces)

    assert asyncio.run(flushed()) == (0, 1)


async def _flush_past(view: Replay, clock: FakeClock) -> None:
    flushing = asyncio.ensure_future(view.flush(clock.now()))
    while not flushing.done():
        await asyncio.sleep(0.001)  # for the thread, which is real
        clock.advance(0)
    await flushing


def test_work_that_hangs_is_left_at_its_deadline_and_holds_nothing_up() -> None:
    """Neither the waiter, nor the loop, which ends while the work still runs; then nobody is told."""
    gate, ran = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def hangs() -> None:
        threads.append(threading.current_thread())
        ran.set()
        gate.wait(20)

    async def waits() -> bool:
        clock = SystemClock()
        return await in_thread(hangs, clock, clock.now() + SECOND // 20)

    assert asyncio.run(waits()) is False
    assert ran.wait(10)
    assert threads[0].daemon
    gate.set()
    threads[0].join(10)
    assert not threads[0].is_alive()


def test_work_that_ends_after_its_deadline_is_not_told_twice() -> None:
    """The loop still runs then."""
    gate = threading.Event()

    async def waits() -> bool:
        clock = SystemClock()
        result = await in_thread(lambda: gate.wait(20), clock, clock.now())
        before = {thread for thread in threading.enumerate() if thread.name == "tracegate-telemetry"}
        gate.set()
        for thread in before:
            await asyncio.to_thread(thread.join, 10)
        await asyncio.sleep(0)
        return result

    assert asyncio.run(waits()) is False


def test_work_that_fails_is_over_and_told_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """A flush that raises is a flush that is done."""

    def fails() -> None:
        raise ValueError("a key")

    async def waits() -> bool:
        clock = SystemClock()
        return await in_thread(fails, clock, clock.now() + 5 * SECOND)

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(waits()) is True
    assert caplog.messages == ["Telemetry could not be flushed: ValueError."]
