"""Buffered: nothing is released before the whole answer is there."""

from __future__ import annotations

import asyncio

import pytest

from tests.stage import MS, Leaf, S, ask, cut
from tracegate.errors import Broken
from tracegate.events import Chunk, Final
from tracegate.facts import Route
from tracegate.hop import Call
from tracegate.inbound import Inbound
from tracegate.policies.buffered import Buffered
from tracegate.policies.fallback import Fallback
from tracegate.policies.policy import Candidate
from tracegate.policies.settings import FALLBACK_WHEN
from tracegate.record import Recorder
from tracegate.recorded import RecordedRoute
from tracegate.testing.clock import FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.testing.tree import record_tree
from tracegate.wire.body import Body


def restarting(*leaves: Leaf, limit: int = 1000) -> RecordedRoute:
    """Buffered around each candidate."""
    candidates = [Candidate(leaf.id, Buffered(leaf.recorded(), limit)) for leaf in leaves]
    return RecordedRoute(Fallback(candidates, FALLBACK_WHEN), Route("r", "fallback", ()))


def test_a_stream_that_dies_is_restarted_at_the_next_candidate() -> None:
    """The client gets one whole answer, of one provider; the record has both."""
    first = Leaf("a", [[Chunk(b"half"), cut()]])
    asked = ask(restarting(first, Leaf("b", [[Chunk(b"all"), Final()]])), stream=True)
    assert [event.data for event in asked.events if isinstance(event, Chunk)] == [b"all"]
    assert (
        record_tree(asked.recorder)
        == """
POST /v1/chat/completions ok
  route r
    chat model-a attempt=0 initial error http_response_incomplete
    chat model-b attempt=1 fallback ok
"""
    )


def test_a_buffered_reply_is_whole() -> None:
    """Its attempt is closed when the hop returns, so headers equal the span."""
    asked = ask(restarting(Leaf("a", [[Chunk(b"1"), Chunk(b"2"), Final()]])), stream=True)
    attempt = asked.recorder.attempts[0]
    assert attempt.outcome == "ok"
    assert len(asked.events) == 3


def test_a_unary_reply_passes() -> None:
    """It is whole already."""
    asked = ask(restarting(Leaf("a", ["ok"])))
    assert len(asked.events) == 2


def test_an_answer_beyond_the_limit_is_broken() -> None:
    """It is stopped, recorded as such, and the next candidate asked."""
    big = Leaf("a", [[Chunk(b"x" * 600), Chunk(b"x" * 600), Final()]])
    asked = ask(restarting(big), stream=True)
    assert isinstance(asked.error, Broken)
    assert asked.recorder.attempts[0].error is asked.error
    assert big.aborted == 1


@pytest.mark.parametrize("after", [5 * MS, 25 * MS])
def test_a_client_that_leaves_stops_the_provider(after: int) -> None:
    """Before and during the buffering."""
    asked = ask(
        restarting(Leaf("a", [[Chunk(b"1"), Chunk(b"2"), Final()]])), stream=True, leave=(after, "client_disconnect")
    )
    assert isinstance(asked.error, asyncio.CancelledError)
    assert asked.recorder.attempts[0].outcome == "cancelled"


def test_a_reply_dropped_after_the_buffering_leaves_the_attempt_ok() -> None:
    """The provider had answered; only the route was cancelled."""
    recorders: list[Recorder] = []

    async def main() -> None:
        clock, ids = FakeClock(), SeededIds(1)
        recorder = Recorder(Inbound(stream=True), clock, ids)
        recorders.append(recorder)
        call = Call(Body(b'{"model":"m","stream":true}'), recorder, recorder.server, clock.now() + S, clock, ids)
        reply = await restarting(Leaf("a", [[Chunk(b"1"), Final()]]))(call)
        reply.close("client_disconnect")

    run(main)
    assert [record.outcome for record in recorders[0].records] == [None, "cancelled", "ok"]
