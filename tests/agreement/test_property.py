"""What holds for every tree, every fault, every client: thousands of requests, drawn at random, on the fake clock."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agreement.check import Times, agree
from tests.agreement.client import Answer
from tests.agreement.draws import Draw, draw
from tests.agreement.house import House
from tracegate.build import plugins
from tracegate.errors import TimedOut
from tracegate.record import Recorder
from tracegate.telemetry.metrics import Measurements
from tracegate.telemetry.spans import spans
from tracegate.testing.clock import EPOCH, START
from tracegate.testing.driver import AppBroke
from tracegate.testing.loop import run
from tracegate.testing.simulator_log import Entry

pytestmark = [pytest.mark.slow, pytest.mark.untraced]

CASES = 5000
BLOCK = 250


@pytest.fixture(scope="module", autouse=True)
def third_party() -> Iterator[None]:
    """A package of somebody else, installed for these tests."""
    place = str(Path(__file__).parent / "thirdparty")
    sys.path.insert(0, place)
    plugins.forget()
    yield
    sys.path.remove(place)
    plugins.forget()


@pytest.mark.parametrize("block", range(CASES // BLOCK))
def test_every_view_of_every_request_agrees(block: int) -> None:
    """Leaves called = attempts = CLIENT spans = members of the header = counted; and everything closes in order."""
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        drawn = draw(seed)
        try:
            recorder, answer, entries = ask(drawn, seed)
            holds(drawn, recorder, answer, entries)
        except BaseException as exc:
            exc.add_note(f"seed {seed}: scripts {drawn.scripts}, route {drawn.config.routes['r'].node}")
            raise


def ask(drawn: Draw, seed: int) -> tuple[Recorder, Answer, list[Entry]]:
    """Make the request; everything that it leaves open fails the run."""
    houses: list[House] = []
    answers: list[Answer] = []

    async def main() -> None:
        house = House(drawn.config, drawn.scripts, seed=seed + 1)
        houses.append(house)
        try:
            await client(house)
        finally:
            await house.close()

    async def client(house: House) -> None:
        window = None if drawn.slow_ns is None else 1
        async with house.post("r", stream=drawn.stream, window=window, max_tokens=50) as exchange:
            leaves = None
            if drawn.leave_ns is not None:
                leaves = house.clock.call_at(house.clock.now() + drawn.leave_ns, exchange.disconnect)
            answer = Answer(None)
            answers.append(answer)
            try:
                answer.status, answer.headers = await exchange.head(), exchange.headers
                while chunk := await exchange.next_chunk():
                    answer.body += chunk
                    if drawn.slow_ns is not None:
                        await house.clock.sleep_until(house.clock.now() + drawn.slow_ns)
            except AppBroke:
                cut_at_deadline(house.view.requests[0])
                exchange.disconnect()
            except RuntimeError:  # the driver says that this client has hung up
                answer.left = True
            if leaves is not None:
                leaves.cancel()

    try:
        run(main, seed=seed, leave_timers=False)
    except AppBroke:
        cut_at_deadline(houses[0].view.requests[0])
    (recorder,) = houses[0].view.requests
    return recorder, answers[0], list(houses[0].exchange.log)


def cut_at_deadline(recorder: Recorder) -> None:
    """The one way in which an answer may stop in its middle: its client did not read, and the deadline passed."""
    assert recorder.server.reason == "deadline"


def holds(drawn: Draw, recorder: Recorder, answer: Answer, entries: list[Entry]) -> None:
    """What must hold for one request."""
    views = spans(recorder)
    clients = [view for view in views if view.kind == "client"]
    attempts = [record for record in recorder.records if record.kind == "attempt"]
    counted = sum(m.amount for m in Measurements()(recorder) if m.instrument == "tracegate.attempts")
    assert len(entries) == len(attempts) == len(recorder.attempts) == len(clients) == counted
    assert len(attempts) <= drawn.config.limits.attempts
    assert len(views) == len(recorder.records)
    for record in recorder.records:
        assert record.outcome is not None
        assert record.end is not None
        if record.parent is not None:
            assert record.parent.end is not None
            assert record.parent.start <= record.start <= record.end <= record.parent.end
    for attempt in recorder.attempts:
        assert attempt.end is not None
        assert attempt.end <= recorder.origin + drawn.deadline_ns
        begin = attempt.start - (attempt.why.backoff_ns or 0)
        assert begin >= recorder.origin
        assert attempt.cost is not None
        assert (attempt.error is not None) == (attempt.outcome == "error")
        if isinstance(attempt.error, TimedOut):
            assert attempt.outcome == "error"
        assert (
            attempt.why.kind == "initial"
            if attempt.index == 0
            else attempt.why.kind in ("retry", "fallback", "initial")
        )
    answer.noticed = recorder.server.outcome == "cancelled"
    if recorder.server.reason != "deadline":
        agree(answer, views, entries, Times(EPOCH - START))  # type: ignore[arg-type]  # views have what spans have
    if answer.final and not answer.streamed and answer.status != 200:
        assert "error" in json.loads(answer.body)
