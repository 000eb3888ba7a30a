"""Streams of OpenAI's format: what is forwarded, what is learnt, when an answer is complete and when it broke."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.recordings import STREAMS, Recorded
from tracegate.dialects.openai_stream import StreamReader
from tracegate.errors import Broken, Failed, Refused
from tracegate.events import Chunk, Final
from tracegate.facts import Answer, Usage

ROLE = b'data: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
TEXT = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
STOP = b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"id":"1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
DONE = b"data: [DONE]\n\n"


@dataclass
class Reading:
    """Everything that a reader told, joined, with the place where output began."""

    reader: StreamReader
    held: bytes = b""
    sent: bytes = b""
    held_count: int = 0
    sent_count: int = 0
    final: Final | None = None
    failure: Failed | None = None
    told: list[int] = field(default_factory=list)  # events that each call returned

    def summary(self) -> tuple[object, ...]:
        """What must not depend on how the bytes were cut."""
        final = None if self.final is None else (self.final.usage, self.final.finish_reasons)
        failure = None if self.failure is None else (type(self.failure), self.failure.token, self.failure.message)
        counts = (self.held_count, self.sent_count, self.reader.skipped)
        return self.held, self.sent, counts, final, failure, self.reader.facts


def reader(
    *, choices: int = 1, hide_usage: bool = True, skip_malformed: bool = False, limit: int = 1 << 20
) -> StreamReader:
    """A reader of a 200 answer."""
    return StreamReader(Answer(), 200, limit, choices=choices, hide_usage=hide_usage, skip_malformed=skip_malformed)


def read(parts: Iterable[bytes], using: StreamReader | None = None) -> Reading:
    """Feed all parts as the upstream hop does, until something fails or the answer is complete."""
    reading = Reading(reader() if using is None else using)
    events: Sequence[Chunk | Final]
    try:
        for part in parts:
            events = reading.reader.feed(part)
            _take(reading, events)
            if reading.reader.failure is not None:
                with pytest.raises(type(reading.reader.failure)):
                    reading.reader.end()
                raise reading.reader.failure
        _take(reading, reading.reader.end())
    except Failed as failed:
        reading.failure = failed
    return reading


def _take(reading: Reading, events: Sequence[Chunk | Final]) -> None:
    reading.told.append(len(events))
    for event in events:
        assert reading.final is None
        if isinstance(event, Final):
            reading.final = event
        elif event.output or reading.sent:
            reading.sent += event.data
            reading.sent_count += event.count
        else:
            reading.held += event.data
            reading.held_count += event.count


def byte_by_byte(stream: bytes) -> list[bytes]:
    """The worst way to deliver a stream."""
    return [stream[at : at + 1] for at in range(len(stream))]


@pytest.mark.parametrize("hide_usage", [True, False])
@pytest.mark.parametrize("recorded", STREAMS, ids=[recorded.name for recorded in STREAMS])
def test_recorded_streams_are_read_and_forwarded_unchanged(recorded: Recorded, hide_usage: bool) -> None:
    """Facts, usage, finish reasons, the place of the first output; only the usage chunk that we asked for is hidden."""
    reading = read([recorded.stream], reader(choices=len(recorded.reasons), hide_usage=hide_usage))

    expected = recorded.forwarded[: -1 if hide_usage and recorded.usage_chunk else None]
    assert b"".join(expected[: recorded.silent]) == reading.held
    assert b"".join(expected[recorded.silent :]) == reading.sent
    assert (recorded.silent, len(expected) - recorded.silent) == (reading.held_count, reading.sent_count)
    assert reading.failure is None
    assert reading.final is not None
    assert (recorded.usage, recorded.reasons) == (reading.final.usage, reading.final.finish_reasons)
    assert reading.reader.facts == Answer(
        id=recorded.id,
        model=recorded.model,
        fingerprint=recorded.fingerprint,
        service_tier=recorded.tier,
        finish_reasons=recorded.reasons,
        usage=recorded.usage,
    )
    assert max(reading.told) <= 3


@pytest.mark.parametrize("recorded", STREAMS, ids=[recorded.name for recorded in STREAMS])
def test_any_cut_of_a_stream_reads_the_same(recorded: Recorded) -> None:
    """Whole, byte by byte, and in two parts at every position."""
    stream = recorded.stream
    whole = read([stream]).summary()

    assert whole == read(byte_by_byte(stream)).summary()
    for at in range(0, len(stream), 7):
        assert whole == read([stream[:at], stream[at:]]).summary()


BLOCKS = (
    ROLE,
    TEXT,
    STOP,
    USAGE,
    DONE,
    TEXT.replace(b'"index":0', b'"index":1'),
    STOP.replace(b'"index":0', b'"index":1'),
    b'data: {"choices":[],"prompt_filter_results":[]}\n\n',
    b'data: {"type":"ping"}\n\n',
    b": comment\r\n\r\n",
    b"data: {broken\n\n",
    b"data:\n\n",
    b'event: error\ndata: {"message":"m"}\n\n',
    b'data: {"error":{"message":"m","code":429}}\n\n',
    b"data: " + b"x" * 400 + b"\n\n",
)


@given(
    st.lists(st.sampled_from(BLOCKS), max_size=8),
    st.lists(st.integers(0, 700), max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_any_cut_of_any_stream_reads_the_same(
    blocks: list[bytes], at: list[int], skip_malformed: bool, hide_usage: bool
) -> None:
    """Good ones and bad ones: the same events, the same end, the same failure."""
    stream = b"".join(blocks)
    edges = [0, *sorted(at), len(stream)]
    parts = [stream[a:b] for a, b in pairwise(edges)]
    readings = [
        read(cut, reader(skip_malformed=skip_malformed, hide_usage=hide_usage, limit=300)).summary()
        for cut in (parts, [stream], byte_by_byte(stream))
    ]

    assert readings[0] == readings[1] == readings[2]


def test_one_read_gives_few_chunks() -> None:
    """What came before the first output is told apart from what came with it and after it."""
    events = reader().feed(ROLE + ROLE + TEXT + ROLE + TEXT)

    assert [(ROLE + ROLE, 2, False), (TEXT + ROLE + TEXT, 3, True)] == [
        (event.data, event.count, event.output) for event in events if isinstance(event, Chunk)
    ]


def test_an_event_is_forwarded_without_copying() -> None:
    """The commonest read is one event; its bytes are the answer's own."""
    using = reader()
    using.feed(ROLE)

    (event,) = using.feed(TEXT)

    assert isinstance(event, Chunk)
    assert event.data is TEXT


@pytest.mark.parametrize(
    "delta",
    [
        '"content":"x"',
        '"content":[{"type":"text"}]',
        '"tool_calls":[{"index":0}]',
        '"function_call":{"name":"f"}',
        '"reasoning":"x"',
        '"reasoning_content":"x"',
        '"reasoning_details":[{}]',
        '"refusal":"x"',
        '"audio":{"id":"a"}',
        '"images":[{}]',
        '"content":{"text":"an unheard-of shape"}',
    ],
)
def test_output_is_known_by_its_member(delta: str) -> None:
    """Content, tool calls, reasoning, refusals, and what else clients show (ruling 39)."""
    event = f'data: {{"choices":[{{"index":0,"delta":{{{delta}}}}}]}}\n\n'.encode()

    assert [True] == [event.output for event in reader().feed(event) if isinstance(event, Chunk)]


@pytest.mark.parametrize(
    "data",
    [
        '{"choices":[{"index":0,"delta":{"role":"assistant"}}]}',
        '{"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null,"tool_calls":[]}}]}',
        '{"choices":[{"index":0,"delta":null,"finish_reason":null}]}',
        '{"choices":[{"index":0,"delta":{"content":""},"finish_reason":""}]}',
        '{"choices":[{"index":0}]}',
        '{"choices":[],"prompt_filter_results":[{}]}',
        '{"choices":null}',
        '{"choices":"none"}',
        '{"type":"ping"}',
        '{"id":7,"choices":[7,{"index":"0","delta":7}]}',
        "{}",
    ],
)
def test_roles_verdicts_and_pings_are_no_output(data: str) -> None:
    """They pass, but nobody commits to them."""
    event = f"data: {data}\n\n".encode()

    assert [(event, False)] == [(e.data, e.output) for e in reader().feed(event) if isinstance(e, Chunk)]


def test_only_the_usage_chunk_is_hidden() -> None:
    """A chunk with choices and usage passes, one without either passes, and so does one for a client that asked."""
    with_choices = STOP.replace(b"]}\n", b'],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n')
    nulled = b'data: {"choices":[],"usage":null}\n\n'

    hidden = read([TEXT, with_choices, nulled, USAGE, DONE])
    shown = read([TEXT, with_choices, nulled, USAGE, DONE], reader(hide_usage=False))

    assert TEXT + with_choices + nulled == hidden.sent
    assert TEXT + with_choices + nulled + USAGE == shown.sent
    assert (3, 4) == (hidden.sent_count, shown.sent_count)
    assert hidden.reader.facts.usage == Usage(3, 1)


def test_nothing_counts_after_the_end() -> None:
    """Data behind `[DONE]` is ignored, in the same read and in later ones."""
    using = reader()

    first = using.feed(TEXT + STOP + DONE + TEXT)

    assert ["Chunk", "Final"] == [type(event).__name__ for event in first]
    assert using.feed(TEXT) == []
    assert using.end() == []


def test_a_stream_that_is_done_without_a_finish_reason_is_complete() -> None:
    """The provider knows whether it is done; the reason is absent."""
    reading = read([TEXT + USAGE + DONE])

    assert reading.final is not None
    assert (Usage(3, 1), ()) == (reading.final.usage, reading.final.finish_reasons)


@pytest.mark.parametrize("end", [b"", b"data: [DO", b"data: [DONE]", b"data: [DONE]\n"])
def test_a_stream_is_complete_when_only_its_end_is_missing(end: bytes) -> None:
    """Every choice had its finish reason (ruling 54); an event that nothing ends is none."""
    reading = read([TEXT + STOP + end])

    assert reading.final is not None
    assert (None, ("stop",)) == (reading.final.usage, reading.final.finish_reasons)
    assert TEXT + STOP == reading.sent


def test_usage_that_came_with_or_behind_the_finish_reason_is_a_report() -> None:
    """Also when only `[DONE]` is missing; running usage before it is none."""
    running = TEXT.replace(b"]}\n", b'],"usage":{"prompt_tokens":3,"completion_tokens":9}}\n')

    behind, before = read([TEXT + STOP + USAGE]), read([running + STOP])

    assert behind.final is not None
    assert behind.final.usage == Usage(3, 1)
    assert before.final is not None
    assert before.final.usage is None


@pytest.mark.parametrize(
    ("stream", "choices", "said"),
    [
        (b"", 1, "without an answer"),
        (b": comment\n\n", 1, "without an answer"),
        (b"<html></html>", 1, "without an answer"),
        (ROLE, 1, "before its answer was complete"),
        (TEXT, 1, "before its answer was complete"),
        (TEXT + STOP.replace(b'"index":0', b'"index":1'), 1, "before its answer was complete"),
        (TEXT + STOP, 2, "before its answer was complete"),
        (DONE, 1, "without an answer"),
        (b'data: {"choices":[],"prompt_filter_results":[]}\n\n' + USAGE + DONE, 1, "without an answer"),
    ],
)
def test_a_stream_that_ends_too_early_is_broken(stream: bytes, choices: int, said: str) -> None:
    """Nothing in it, a role only, text without a reason, one of several choices missing."""
    failure = read([stream], reader(choices=choices)).failure

    assert isinstance(failure, Broken)
    assert ("broken_answer", "http_response_incomplete", 200) == (failure.class_, failure.token, failure.status)
    assert said in failure.message


def test_usage_of_a_broken_stream_is_no_report() -> None:
    """Neither running usage nor one that came before a failure (ruling 22)."""
    running = TEXT.replace(b"]}\n", b'],"usage":{"prompt_tokens":3,"completion_tokens":9}}\n')

    for stream in (running, running + STOP + USAGE + b"data: {\n\n"):
        reading = read([stream])
        assert reading.failure is not None
        assert reading.reader.facts.usage is None


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"",
        b"ping",
        b'"text"',
        b"[1]",
        b"7",
        b'{"choices":[{"delta":{"content":"a"}}]} x',
        b'{"choices":[{"delta":{"content":"\xff"}}]}',
        b'{"x":"\xff"}',
        b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_malformed_event_breaks_the_answer(data: bytes) -> None:
    """Behind the events before it; text may have been in it (ruling 33)."""
    reading = read([TEXT + b"data: " + data + b"\n\n" + TEXT])

    assert TEXT == reading.sent
    assert isinstance(reading.failure, Broken)
    assert ("http_protocol_error", 200) == (reading.failure.token, reading.failure.status)


def test_malformed_events_can_be_skipped_and_counted() -> None:
    """A route may choose that."""
    reading = read([TEXT + b"data: {\n\ndata: {\n\n" + STOP + DONE], reader(skip_malformed=True))

    assert TEXT + STOP == reading.sent
    assert 2 == reading.reader.skipped
    assert reading.failure is None


@pytest.mark.parametrize(
    "data",
    [
        '{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
        '{"choices":[{"index":0,"delta":{"content":"x"}}],"created":1E400}',
        '{"choices":[{"index":0,"delta":{"content":"x"}}],"created":123456789012345678901234567890}',
        '{"choices":[{"index":0,"delta":{"content":"x"}}],"n":' + "9" * 5000 + "}",
        '{"choices":[{"index":0,"delta":{"content":"x"},"logprobs":NaN}]}',
        '{"id":1.5,"choices":[{"index":0,"delta":{"content":"x"}}]}',
    ],
)
def test_what_only_a_strict_parser_refuses_passes(data: str) -> None:
    """Half surrogate pairs, numbers of any size, members of another type (ruling 57)."""
    event = f"data: {data}\n\n".encode()
    reading = read([event + STOP + DONE])

    assert event + STOP == reading.sent
    assert reading.failure is None


@pytest.mark.parametrize("before", [b"", ROLE, TEXT])
@pytest.mark.parametrize(
    ("event", "class_", "code", "message"),
    [
        (
            b'data: {"error":{"message":"slow down","type":"rate_limit_error","x":1}}',
            "rate_limit",
            "rate_limit_error",
            "slow down",
        ),
        (b'data: {"error":{"message":"down","code":502,"metadata":{}}}', "server_error", "502", "down"),
        (
            b'data: {"id":"gen-1","error":{"code":"server_error","message":"gone"},'
            b'"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}',
            "server_error",
            "server_error",
            "gone",
        ),
        (
            b'data: {"choices":[{"index":0,"delta":{},"error":{"code":429,"message":"busy"},"finish_reason":"error"}]}',
            "rate_limit",
            "429",
            "busy",
        ),
        (
            b'data: {"choices":[{"index":0,"delta":{}},{"index":1,"delta":{},"error":{"message":"second"}}]}',
            "server_error",
            None,
            "second",
        ),
        (
            b'data: {"object":"error","message":"bad","type":"BadRequestError","code":400}',
            "invalid_request",
            "BadRequestError",
            "bad",
        ),
        (b'event: error\ndata: {"message":"odd"}', "server_error", None, "odd"),
        (b'event: error\ndata: {"choices":[]}', "server_error", None, "The provider sent an error without a word."),
        (b'data: {"choices":[],"x_groq":{"id":"r","error":"over capacity"}}', "server_error", None, "over capacity"),
        (b'data: {"error":"model crashed"}', "server_error", None, "model crashed"),
    ],
)
def test_an_error_event_fails_the_answer_by_its_own_code(
    before: bytes, event: bytes, class_: str, code: str | None, message: str
) -> None:
    """As the first event and as a later one; the provider's object is kept for the client (ruling 47)."""
    reading = read([before + event + b"\n\n" + TEXT])

    failure = reading.failure
    assert isinstance(failure, Refused)
    assert (class_, "http_protocol_error", 200, code) == (failure.class_, failure.token, failure.status, failure.code)
    assert failure.message == message
    assert failure.body is not None
    assert failure.body["message"] == message
    assert before == reading.held + reading.sent


def test_a_failure_is_known_behind_the_events_before_it() -> None:
    """Nobody has to wait for another read to learn of it; the next call raises it."""
    using = reader()

    events = using.feed(TEXT + b"data: {\n\n")

    assert len(events) == 1
    assert isinstance(using.failure, Broken)
    with pytest.raises(Broken):
        using.feed(TEXT)
    with pytest.raises(Broken):
        using.end()


def test_an_event_that_is_too_large_breaks_the_answer() -> None:
    """With the status that came, behind the events before it."""
    reading = read([TEXT + b"data: " + b"x" * 500], reader(limit=300))

    assert TEXT == reading.sent
    assert isinstance(reading.failure, Broken)
    assert ("http_response_body_size", 200) == (reading.failure.token, reading.failure.status)


def test_the_first_facts_stay() -> None:
    """An id or model that changes in the middle does not change the record."""
    later = TEXT.replace(b'"id":"1"', b'"id":"2","model":"b"')

    facts = read([TEXT.replace(b'"id":"1"', b'"id":"1","model":"a"') + later + STOP + DONE]).reader.facts

    assert ("1", "a") == (facts.id, facts.model)


def test_finish_reasons_are_known_before_the_end() -> None:
    """By choice, those that arrived, for an answer that is cut or cancelled."""
    using = reader(choices=2)
    using.feed(TEXT + STOP.replace(b'"index":0', b'"index":1').replace(b"stop", b"length"))

    assert using.facts.finish_reasons == ("length",)
