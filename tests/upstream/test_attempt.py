"""The upstream hop: one attempt, its times, its limits, and what counts as an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.stage import MS, S
from tracegate.dialects.openai import OpenAI
from tracegate.errors import Broken, Failed, Refused, TimedOut, Unreachable
from tracegate.events import Chunk, Event, Final
from tracegate.facts import Answer, Attempt, Route, Target, Timeouts, unpriced
from tracegate.hop import Call
from tracegate.inbound import Inbound
from tracegate.record import Recorder
from tracegate.recorded import RecordedAttempt, RecordedRoute
from tracegate.redact import Redactor
from tracegate.testing.clock import START, FakeClock
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.simulator_log import Entry
from tracegate.upstream.attempt import Upstream
from tracegate.upstream.leaf import Leaf
from tracegate.upstream.live import HELD_EVENTS
from tracegate.wire.body import Body

SECRET = "sk-planted-0123456789abcdef"


class Played:
    """One attempt over the in-memory exchange, and all that came of it."""

    def __init__(
        self,
        script: Any,
        *,
        stream: bool = False,
        timeouts: Timeouts | None = None,
        deadline: int = 600 * S,
        leave: int | None = None,
        calls: int = 1,
        **leaf: Any,
    ) -> None:
        self.events: list[Event] = []
        self.error: BaseException | None = None
        self.recorders: list[Recorder] = []
        self.log: list[Entry] = []
        target = leaf.pop("target", Target("t", "sim", "openai", "gpt-x", scheme="http", host="sim", port=80))
        self._leaf: dict[str, Any] = {"target": target, "timeouts": timeouts or Timeouts(), **leaf}

        async def main() -> None:
            clock = FakeClock()
            exchange = MemoryExchange(clock, {target.model: script})
            for _ in range(calls):
                await self._once(clock, exchange, stream, deadline, leave)
            await clock.sleep_until(clock.now() + 200 * MS)  # what is drained after an answer
            self.log = list(exchange.log)

        run(main, leave_timers=True)

    @property
    def attempt(self) -> Attempt:
        """The last attempt."""
        return self.recorders[-1].attempts[0]

    @property
    def entry(self) -> Entry:
        """What the provider saw of it."""
        return self.log[-1]

    @property
    def text(self) -> bytes:
        """The body that was released."""
        return b"".join(event.data for event in self.events if isinstance(event, Chunk))

    async def _once(
        self, clock: FakeClock, exchange: MemoryExchange, stream: bool, deadline: int, leave: int | None
    ) -> None:
        ids = SeededIds(1)
        leaf = Leaf(**{"dialect": OpenAI(), "exchange": exchange, "redactor": Redactor([SECRET]), **self._leaf})
        hop = RecordedRoute(RecordedAttempt(Upstream(leaf), leaf.target, unpriced), Route("r", "target", ("t",)))
        recorder = Recorder(Inbound(stream=stream), clock, ids)
        self.recorders.append(recorder)
        body = Body(
            b'{"model":"alias","messages":[{"role":"user","content":"hi"}],"stream":%s}'
            % (b"true" if stream else b"false")
        )
        call = Call(body, recorder, recorder.server, clock.now() + deadline, clock, ids)
        task = asyncio.current_task()
        assert task is not None
        if leave is not None:
            clock.call_at(clock.now() + leave, task.cancel, "client_disconnect")
        self.events.clear()
        try:
            async with await hop(call) as reply:
                self.whole = reply.whole
                while not self.events or not isinstance(self.events[-1], Final):
                    self.events.append(await reply.next())
        except (Exception, asyncio.CancelledError) as exc:  # noqa: BLE001  # whatever ends it is what is looked at
            self.error = exc
            if isinstance(exc, asyncio.CancelledError):
                task.uncancel()
        assert {record.outcome for record in recorder.records[1:]} <= {"ok", "error", "cancelled"}


def test_a_unary_answer_is_one_chunk_and_a_final() -> None:
    """It is whole at return, and its attempt closed with the provider's own times."""
    played = Played("ok+wait=30ms")
    assert played.whole
    assert [type(event) for event in played.events] == [Chunk, Final]
    attempt, entry = played.attempt, played.entry
    assert (attempt.start, attempt.end) == (entry.asked, entry.last_sent)
    assert (attempt.status, attempt.outcome, attempt.complete) == (200, "ok", True)
    assert attempt.committed == attempt.first_event == attempt.end == START + 30 * MS
    assert attempt.connection.sent == entry.arrived
    assert attempt.connection.reused is False
    assert attempt.request_id == dict(attempt.headers)["x-request-id"]


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"cf-ray": "c", "apim-request-id": "a"}, "a"),
        ({"x-request-id": "", "cf-ray": "c"}, "c"),
        ({}, None),
    ],
)
def test_the_providers_own_id_of_a_request_is_kept(headers: dict[str, str], kept: str | None) -> None:
    """Under the first of its names that says something."""
    played = Played({"flavour": "ollama", "headers": headers})
    assert played.recorders[0].attempts[0].request_id == kept


def test_the_provider_receives_the_requested_model_and_no_more_than_it_must() -> None:
    """The credentials of the leaf, our Via, and a trace context only where the target opted in."""
    target = Target("t", "sim", "openai", "gpt-x", scheme="http", host="sim", port=80, propagate=True)
    played = Played("ok", target=target, credentials=(("authorization", f"Bearer {SECRET}"),), via="1.1 tracegate-x")
    headers = dict(played.entry.headers)
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert headers["via"] == "1.1 tracegate-x"
    record = played.recorders[0].records[2]
    assert headers["traceparent"] == f"00-{played.recorders[0].trace.hex()}-{record.span.hex()}-01"
    assert b'"model":"gpt-x"' in played.entry.body
    bare = dict(Played("ok").entry.headers)
    assert not {"authorization", "via", "traceparent", "tracestate", "baggage"} & set(bare)


def test_a_stream_commits_at_its_first_output() -> None:
    """The role before it is held; time to first token counts from the first data event."""
    played = Played("ok+first-event=10ms+first-token=40ms+pace=5ms", stream=True)
    attempt = played.attempt
    assert attempt.first_event == START + 10 * MS
    assert attempt.committed is not None
    assert attempt.committed > attempt.first_event
    assert attempt.end == played.entry.last_sent
    assert attempt.chunks == sum(e.count for e in played.events if isinstance(e, Chunk))
    assert not played.whole


@pytest.mark.parametrize(
    ("script", "class_", "token"),
    [
        ("error-200", "server_error", "http_protocol_error"),
        ("empty", "broken_answer", "http_response_incomplete"),
        ("html", "broken_answer", "http_protocol_error"),
        ("truncated", "broken_answer", None),
        ("not-http", "broken_answer", "http_protocol_error"),
        ("reset-before-head", "connection", "connection_terminated"),
        ("reset-after-head", "broken_answer", "http_response_incomplete"),
    ],
)
def test_what_is_no_answer_is_a_failed_attempt(script: str, class_: str, token: str | None) -> None:
    """Unary."""
    played = Played(script)
    assert isinstance(played.error, Failed)
    assert played.error.class_ == class_
    assert token in (None, played.error.token)
    assert played.attempt.committed is None
    assert played.attempt.end is not None


@pytest.mark.parametrize(
    "script", ["role-only", "error-first", "no-events", "error-200", "html", "empty", "malformed=1"]
)
def test_what_is_no_stream_fails_before_the_commit(script: str) -> None:
    """So the next candidate may still answer."""
    played = Played(script, stream=True)
    assert isinstance(played.error, Failed)
    assert played.attempt.committed is None
    assert played.events == []


def test_a_refusal_is_classified_once_and_redacted() -> None:
    """Its text never shows a key; its connection is given back."""
    played = Played(
        {"status": 401, "message": "Incorrect API key provided: {key}"},
        credentials=(("authorization", f"Bearer {SECRET}"),),
    )
    assert isinstance(played.error, Refused)
    assert (played.error.class_, played.error.status, played.error.attempt) == ("auth", 401, 0)
    assert SECRET not in repr(played.error) + str(played.error) + played.error.message + str(played.error.body)
    assert "[redacted]" in played.error.message
    assert played.entry.hung_up is None


def test_an_error_body_that_never_ends_does_not_hide_its_status() -> None:
    """The status decides when a limit fires while its text is read."""
    played = Played("503+stall=head", timeouts=Timeouts(attempt=1 * S))
    assert isinstance(played.error, Refused)
    assert played.error.class_ == "overloaded"
    assert played.entry.hung_up == START + 1 * S


@pytest.mark.parametrize(
    ("script", "stream", "timeouts", "deadline", "limit", "after"),
    [
        ("ok+connect=9s", False, Timeouts(connect=2 * S), 60 * S, "connect", 2 * S),
        ("ok+unread", False, Timeouts(write=3 * S), 60 * S, "write", 3 * S),
        ("silence", False, Timeouts(attempt=4 * S), 60 * S, "attempt", 4 * S),
        ("ok+head-drip=1b@1s", False, Timeouts(attempt=4 * S), 60 * S, "attempt", 4 * S),
        ("ok+body-drip=1b@1s", False, Timeouts(attempt=4 * S), 60 * S, "attempt", 4 * S),
        ("silence", False, Timeouts(attempt=None), 5 * S, "deadline", 5 * S),
        ("silence", True, Timeouts(first_token=2 * S), 60 * S, "first_token", 2 * S),
        ("ok+first-token=9s", True, Timeouts(first_token=2 * S), 60 * S, "first_token", 2 * S),
        ("ok+first-token=9s", True, Timeouts(first_token=None, attempt=3 * S), 60 * S, "attempt", 3 * S),
        ("ok+stall=3", True, Timeouts(idle=2 * S), 60 * S, "idle", 2 * S),
        ("ok+stall=3", True, Timeouts(idle=None), 7 * S, "deadline", 7 * S),
        ("ok+stall=3", True, Timeouts(idle=9 * S), 7 * S, "deadline", 7 * S),
    ],
)
def test_the_limit_that_fires_first_is_named_and_exact(
    script: str, stream: bool, timeouts: Timeouts, deadline: int, limit: str, after: int
) -> None:
    """The attempt ends as an error at that nanosecond, and the provider is hung up on."""
    played = Played(script, stream=stream, timeouts=timeouts, deadline=deadline)
    assert isinstance(played.error, TimedOut)
    assert (played.error.limit, played.attempt.outcome) == (limit, "error")
    assert played.attempt.end == START + after
    if played.entry.arrived is not None:
        assert played.entry.hung_up == START + after


def test_a_committed_stream_is_not_bound_by_the_attempts_limit() -> None:
    """It bounds a stream up to its commit only."""
    played = Played("ok+words=20+pace=500ms", stream=True, timeouts=Timeouts(attempt=1 * S, idle=2 * S))
    assert played.error is None
    assert played.entry.last_sent is not None
    assert played.entry.last_sent > START + 5 * S


def test_a_stream_that_dies_gives_first_what_came_before() -> None:
    """Every whole event, then the failure, with the status that had come."""
    played = Played("cut=4", stream=True)
    assert isinstance(played.error, Broken)
    assert (played.error.token, played.error.status) == ("http_response_incomplete", 200)
    assert sum(e.count for e in played.events if isinstance(e, Chunk)) == 4
    assert (played.attempt.outcome, played.attempt.chunks) == ("error", 4)


def test_events_before_a_malformed_one_in_the_same_read_are_released() -> None:
    """The order on the wire is the order for the client."""
    played = Played("malformed=4", stream=True)
    assert isinstance(played.error, Broken)
    assert sum(e.count for e in played.events if isinstance(e, Chunk)) == 4


def test_a_route_may_skip_malformed_events_and_count_them() -> None:
    """The rest of the stream passes."""
    played = Played("malformed=3", stream=True, skip_malformed=True)
    assert played.error is None
    assert played.attempt.skipped == 1


@pytest.mark.parametrize(("script", "after"), [("silence", 1 * S), ("ok+connect=9s", 1 * S), ("ok+stall=3", 1 * S)])
def test_a_client_that_leaves_stops_the_provider_at_once(script: str, after: int) -> None:
    """In `send`, and in `read`; the attempt is cancelled, not failed."""
    played = Played(script, stream=True, leave=after)
    assert isinstance(played.error, asyncio.CancelledError)
    assert (played.attempt.outcome, played.attempt.end, played.attempt.error) == ("cancelled", START + after, None)
    assert played.entry.hung_up == START + after or played.entry.arrived is None


def test_connections_are_reused_after_the_framing_was_drained() -> None:
    """Also when the end of the framing comes a little late."""
    played = Played("ok+linger=50ms", stream=True, calls=2)
    assert [entry.hung_up for entry in played.log] == [None, None]
    assert played.attempt.connection.reused is False  # the second began while the first was still draining
    assert Played("ok", stream=True, calls=2).attempt.connection.reused is True


def test_compressed_answers_are_read() -> None:
    """gzip and both forms of deflate, unary and streamed; a lie about the coding is a broken answer."""
    plain = Played("ok", stream=True).text
    for coding in ("gzip", "deflate", "encoding=raw-deflate"):
        assert Played(coding, stream=True).text == plain
        assert Played(coding + "+split=7", stream=True).text == plain
        assert Played(coding).error is None
    played = Played("encoding=not-gzip")
    assert isinstance(played.error, Broken)
    assert played.error.token == "http_response_content_coding"


def test_a_compressed_error_is_classified_like_a_plain_one() -> None:
    """Its body is decoded before it is read."""
    played = Played("context-length+gzip")
    assert isinstance(played.error, Refused)
    assert played.error.class_ == "context_length"


def test_an_answer_beyond_the_limit_is_broken() -> None:
    """As sent, and as decoded."""
    for script in ("ok+words=2000", "ok+words=2000+gzip"):
        played = Played(script, answer_limit=2000)
        assert isinstance(played.error, Broken)


def test_what_is_held_before_the_commit_is_bounded() -> None:
    """Providers that only ping commit in the end."""
    event = 'data: {"id":"c","object":"chat.completion.chunk","choices":[]}\n\n'
    played = Played({"body": event * (HELD_EVENTS + 2), "content_type": "text/event-stream"}, stream=True)
    assert played.attempt.committed is not None


def test_an_end_without_output_is_no_answer() -> None:
    """A stream that says [DONE] before it said anything."""
    played = Played({"body": "data: [DONE]\n\n", "content_type": "text/event-stream"}, stream=True)
    assert isinstance(played.error, Broken)
    assert played.attempt.committed is None


def test_a_connection_fault_is_mapped_to_its_token() -> None:
    """Before anything was sent."""
    played = Played("fault=dns_error")
    assert isinstance(played.error, Unreachable)
    assert (played.error.token, played.attempt.status) == ("dns_error", None)


def test_the_hop_is_called_through_its_wrapper_only() -> None:
    """Without a record of its own there is nobody to tell."""

    async def main() -> None:
        clock, ids = FakeClock(), SeededIds(1)
        recorder = Recorder(Inbound(), clock, ids)
        target = Target("t", "sim", "openai", "gpt-x")
        leaf = Leaf(target, OpenAI(), MemoryExchange(clock), Timeouts(), Redactor([]))
        call = Call(Body(b'{"model":"m"}'), recorder, recorder.server, clock.now() + S, clock, ids)
        with pytest.raises(TypeError):
            await Upstream(leaf)(call)

    run(main)


def test_a_stream_whose_connection_broke_after_its_finish_reason_is_complete() -> None:
    """Nothing of the answer is missing (ruling 54); a unary one that is cut is broken."""
    for script in ("no-done+cut=end", "no-done+cut=end+reset"):
        played = Played(script, stream=True)
        assert played.error is None
        assert (played.attempt.outcome, played.attempt.complete) == ("ok", True)
    assert isinstance(Played("framing=chunked+cut=end", stream=False).error, Broken)


def test_an_error_event_ends_the_attempt_at_once() -> None:
    """Also when the provider says nothing after it and keeps the connection."""
    event = 'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    error = 'data: {"error":{"message":"overloaded","code":"server_error","type":"server_error"}}\n\n'
    played = Played({"body": event + error, "content_type": "text/event-stream", "stall": "end"}, stream=True)
    assert isinstance(played.error, Failed)
    assert played.attempt.end == START
    assert [type(e) for e in played.events] == [Chunk]


def test_a_dialect_that_ends_without_output_gave_no_answer() -> None:
    """Whatever the dialect thinks of it."""

    class SilentReader:
        def __init__(self) -> None:
            self.facts = Answer()
            self.skipped = 0
            self.failure: Failed | None = None

        def feed(self, data: bytes) -> list[Event]:
            return []

        def end(self) -> list[Event]:
            return [Final()]

    class Silent(OpenAI):
        def reader(self, *args: Any, **kwargs: Any) -> Any:
            return SilentReader()

    played = Played("ok", dialect=Silent())
    assert isinstance(played.error, Broken)


def test_a_coding_that_was_not_asked_for_is_a_broken_answer() -> None:
    """It can't be read."""
    played = Played({"headers": {"content-encoding": "br"}})
    assert isinstance(played.error, Broken)
    assert played.error.token == "http_response_content_coding"


def test_a_refused_attempt_keeps_the_region_that_its_head_tells() -> None:
    """Azure says it on 429s too."""
    assert Played("429+region=swedencentral").attempt.answer.region == "swedencentral"
