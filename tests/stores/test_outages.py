"""The Collector, then Jaeger, then both go away during traffic: no request notices, and no span is missing uncounted.

Three minutes of 200 requests a second, at the same time, with a stack for each: ended with SIGTERM, killed, and killed
while the Collector keeps its queue on disk. Latency is printed; what it may be is asserted by `tests.bench.outages`,
where each minute has the machine for itself.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping

import pytest

from tests.stores.books import Books
from tests.stores.outages import Plan, traffic

pytestmark = pytest.mark.stores

PLANS: Mapping[str, Plan] = {
    # A queue so small that the gateway has to drop and count while the Collector is away.
    "ended with SIGTERM": Plan("stop", queue="500KB"),
    "killed": Plan("kill"),
    "killed, queue on disk": Plan("kill", durable=True),
}


@pytest.fixture(scope="module")
def minutes() -> Mapping[str, Books]:
    """The books of each."""

    async def main() -> list[Books]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(traffic(plan, number, len(PLANS))) for number, plan in enumerate(PLANS.values())]
        return [task.result() for task in tasks]

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return dict(zip(PLANS, runner.run(main()), strict=True))


@pytest.fixture
def books(minutes: Mapping[str, Books], request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Books:
    """Those that a test is about; their figures are shown whether output is captured or not."""
    title = request.param
    with capsys.disabled():
        sys.stdout.write(f"\n{minutes[title].said(title)}\n")
    return minutes[title]


def of(title: str) -> pytest.MarkDecorator:
    """Give a test the books of that title."""
    return pytest.mark.parametrize("books", [title], indirect=True)


def _whole(books: Books) -> None:
    """What holds in every case: each request was answered, each trace is its own, and nothing is made up."""
    assert {one.status for one in books.asked} == {200}
    assert len({one.id for one in books.asked}) == len({one.trace for one in books.asked}) == len(books.asked) == 12_000
    most = {one.trace: one.kind.spans for one in books.asked}
    assert set(books.found) <= set(most)
    assert [trace for trace, spans in books.found.items() if len(spans) > most[trace]] == []
    assert books.twice == 0  # Jaeger's disk store has one place for a span, however often it comes
    assert books.repeated == books.resent
    assert books.arrived <= books.made
    assert "traces_queue_full" in books.gateway  # no numbers are not the number 0
    assert books.sent == len(books.made) + sum(books.gateway.values())  # what it did not export it counted


@of("ended with SIGTERM")
def test_what_is_missing_after_a_stop_was_counted(books: Books) -> None:
    """Sent = found + what the gateway's metrics and the Collector say they lost, exactly; both had to lose some."""
    _whole(books)
    assert books.sent == len(books.arrived) + books.counted
    assert books.gateway["traces_queue_full"] > 0
    assert books.dropped > 0


@of("killed")
def test_what_is_missing_after_a_kill_was_in_the_collectors_queue(books: Books) -> None:
    """At most what it had acknowledged and not sent; the gateway lost nothing."""
    _whole(books)
    assert 0 < books.lost <= books.exposed
    assert books.counted == 0


@of("killed, queue on disk")
def test_nothing_is_missing_after_a_kill_when_the_queue_is_on_disk(books: Books) -> None:
    """Though it had acknowledged what it had not sent."""
    _whole(books)
    assert books.lost == 0
    assert books.exposed > 0
    assert books.counted == 0


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
