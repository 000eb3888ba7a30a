"""A whole gateway: with content off nothing of it is exported anywhere, with content on only in its own pipeline."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.agreement.client import Answer as Seen
from tests.agreement.house import PATH, loaded
from tests.agreement.renderers import export_of, finish
from tests.telemetry.content_form import wrong_in
from tracegate.build.telemetry import telemetry_of
from tracegate.clock import Clock, SystemClock
from tracegate.config.model import Config
from tracegate.server.assemble import assemble
from tracegate.telemetry import names
from tracegate.telemetry.content_values import CUT
from tracegate.telemetry.post import Answer, Headers
from tracegate.testing.clock import FakeClock
from tracegate.testing.driver import drive
from tracegate.testing.ids import SeededIds
from tracegate.testing.loop import run
from tracegate.testing.memory import MemoryExchange
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.otlp.signals import LogRecord, Span
from tracegate.testing.receiver import Hang, Receiver, Refuse
from tracegate.testing.receiving import listen

S = 1_000_000_000
PICTURE = base64.b64encode(b"planted picture " * 8).decode()
ASKED = ("plantedsystem", "plantedquestion", "plantedparis", "plantedtoolresult", "plantedschema", PICTURE)
ANSWERED = ("plantedreply", "plantedthought", "plantedrefusal", "plantedberlin")
MESSAGES = [
    {"role": "system", "content": "Be plantedsystem."},
    {"role": "user", "content": "plantedquestion first"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"plantedparis","days":null}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "plantedtoolresult: rain"},
    {
        "role": "user",
        "name": "ada",
        "content": [
            {"type": "text", "text": "And this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        ],
    },
]
TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "description": "plantedschema", "parameters": {"type": "object"}},
    }
]
TOLD = [
    {"role": "system", "parts": [{"type": "text", "content": "Be plantedsystem."}]},
    {"role": "user", "parts": [{"type": "text", "content": "plantedquestion first"}]},
    {
        "role": "assistant",
        "parts": [
            {
                "type": "tool_call",
                "id": "call_1",
                "name": "weather",
                "arguments": {"city": "plantedparis", "days": None},
            }
        ],
    },
    {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "call_1", "response": "plantedtoolresult: rain"}],
    },
    {
        "role": "user",
        "name": "ada",
        "parts": [
            {"type": "text", "content": "And this?"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PICTURE},
            {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"},
        ],
    },
]
SCRIPTS: Mapping[str, Any] = {
    "plain": {"text": "one plantedreply here", "reasoning": "a plantedthought"},
    "refusing": {"refusal": "no plantedrefusal"},
    "calling": {
        "calls": [{"name": "weather", "arguments": '{"city":"plantedberlin","at":[52.5,13]}'}, {"name": "now"}]
    },
    "cut": {"text": "one plantedreply then nothing more", "cut": "4", "how": "reset"},
    "down": {"status": 503, "message": "busy"},
    "long": {"text": " ".join(f"{number % 10}" * 100_000 for number in range(15))},
    "slow": {"text": "one plantedreply and a very late rest", "pace": "1s"},
}
BASE = """
direct: true
providers:
  sim: {dialect: openai, base_url: "http://127.0.0.1:9/sim/v1", key: none}
targets:
  plain:    {provider: sim, model: plain}
  refusing: {provider: sim, model: refusing}
  calling:  {provider: sim, model: calling}
  cut:      {provider: sim, model: cut}
  down:     {provider: sim, model: down}
  slow:     {provider: sim, model: slow}
routes:
  fallen:   [down, plain]
  outer:    {fallback: [down, fallen]}
  lost:     [down]
  again:    {fallback: [cut, plain], delivery: buffered, on_stream_failure: restart}
  held:     {fallback: [cut], delivery: buffered}
"""
ON = BASE + 'telemetry: {otlp: "http://telemetry:4318", content: events, content_otlp: "http://content:4318"}\n'
OFF = BASE + 'telemetry: {otlp: "http://telemetry:4318"}\n'


@dataclass
class Gateway:
    """A gateway in process with both pipelines, each ending in a receiver of its own."""

    config: Config
    clock: Clock
    telemetry: Receiver = field(init=False)
    content: Receiver = field(init=False)

    def __post_init__(self) -> None:
        self.telemetry = Receiver(self.clock, Registry.ours())
        self.content = Receiver(self.clock, Registry.ours())
        ids = SeededIds(3)
        self.ends = telemetry_of(self.config, self.clock, ids, {}, post=self.post)
        exchange = MemoryExchange(self.clock, SCRIPTS)
        self.app = assemble(
            self.config,
            self.ends.view,
            active=self.ends.active,
            keep=self.ends.keep,
            clock=self.clock,
            ids=ids,
            exchanges={"sim": exchange},
        ).app

    async def post(self, url: str, headers: Headers, body: bytes, timeout_ns: int) -> Answer:
        """Hand an export to the receiver that its URL names."""
        parts = urlsplit(url)
        receiver = {"telemetry": self.telemetry, "content": self.content}[str(parts.hostname)]
        async with asyncio.timeout(timeout_ns / S):
            answer = await receiver.post(parts.path, headers, body)
        return Answer(answer.status, tuple(answer.headers), answer.body)

    async def ask(self, model: str, leave_after: int = 0, **body: Any) -> Seen:
        """A chat completion, read to its end or left after so many chunks."""
        sent = json.dumps({"model": model, "messages": MESSAGES, "tools": TOOLS, **body}).encode()
        seen, chunks = Seen(None), list[bytes]()
        async with drive(self.app, "POST", PATH, {}, sent) as exchange:
            seen.status, seen.headers = await exchange.head(), exchange.headers
            while (not leave_after or len(chunks) < leave_after) and (chunk := await exchange.next_chunk()):
                chunks.append(chunk)
            if leave_after:
                exchange.disconnect()
        seen.body = b"".join(chunks)
        return seen

    async def end(self) -> None:
        """Stop."""
        await self.ends.view.close(self.clock.now() + 60 * S)

    @property
    def events(self) -> list[LogRecord]:
        """What came of content."""
        return self.content.logs

    def said(self, event: int = 0) -> Any:
        """The messages of an answer, as lists."""
        return thawed(self.events[event].attributes.get(names.GEN_AI_OUTPUT_MESSAGES))


def thawed(value: Any) -> Any:
    """Tuples as lists, at every depth."""
    if isinstance(value, tuple):
        return [thawed(item) for item in value]
    return {key: thawed(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def asked(text: str, *calls: tuple[str, dict[str, Any]]) -> tuple[Gateway, list[Seen]]:
    """Some requests, one after the other, on virtual time."""

    async def main() -> tuple[Gateway, list[Seen]]:
        gateway = Gateway(loaded(text), FakeClock())
        seen = [await gateway.ask(model, **body) for model, body in calls]
        await gateway.end()
        return gateway, seen

    return run(main, leave_timers=True)


STREAM = {"stream": True}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("plain", {}),
    ("plain", STREAM),
    ("plain", {"n": 2, "instructions": "plantedsystem"}),
    ("plain", {"n": 2, **STREAM}),
    ("refusing", {}),
    ("refusing", STREAM),
    ("calling", {}),
    ("calling", STREAM),
    ("cut", {}),
    ("cut", STREAM),
    ("fallen", STREAM),
    ("outer", {}),
    ("lost", {}),
    ("lost", STREAM),
    ("again", STREAM),
    ("held", STREAM),
    ("sim/plain", {}),
    ("slow", {**STREAM, "leave_after": 2}),
]


def told(seen: list[Seen]) -> bytes:
    """All headers that clients got, and the comments of streams."""
    return b"\n".join(f"{answer.headers}{answer.comments}".encode() for answer in seen)


def test_switched_off_nothing_of_prompt_or_answer_is_exported(caplog: pytest.LogCaptureFixture) -> None:
    """Nor logged, nor in a header; every kind of request, and the records are all there."""
    with caplog.at_level(logging.DEBUG):
        gateway, seen = asked(OFF, *CALLS)
    gateway.telemetry.check()
    servers = [span for span in gateway.telemetry.spans if span.kind == "server"]
    assert len(servers) == len(CALLS)
    assert gateway.telemetry.found(*ASKED, *ANSWERED) == []
    assert gateway.content.requests == []
    assert gateway.ends.keep is None
    assert [text for text in (*ASKED, *ANSWERED) if text in caplog.text or text.encode() in told(seen)] == []


def exported(receiver: Receiver) -> list[Any]:
    """All spans and log events, without the digest of the configuration, which differs."""
    items: list[Span | LogRecord] = [*receiver.spans, *receiver.logs]
    return [
        (item.name, item.trace, item.span, {**item.attributes, names.TRACEGATE_ROUTE_VERSION: None}) for item in items
    ]


def test_switched_on_it_is_in_its_own_pipeline_only(caplog: pytest.LogCaptureFixture) -> None:
    """Everything else is exported as if it were off."""
    with caplog.at_level(logging.DEBUG):
        gateway, seen = asked(ON, *CALLS)
    off, _ = asked(OFF, *CALLS)
    gateway.telemetry.check()
    assert gateway.telemetry.found(*ASKED, *ANSWERED) == []
    assert [text for text in (*ASKED, *ANSWERED) if text in caplog.text or text.encode() in told(seen)] == []
    assert gateway.content.found(*ASKED, *ANSWERED) == [*ASKED, *ANSWERED]
    assert {request.path for request in gateway.content.requests} == {"/v1/logs"}
    assert gateway.content.problems(lost=True) == []  # the spans that it points at went another way
    assert exported(gateway.telemetry) == exported(off.telemetry)


def test_every_attempt_that_committed_has_one_event() -> None:
    """In its context, with what its span says; those that never did have none."""
    gateway, _ = asked(ON, *CALLS)
    committed = {
        (span.trace, span.span): span.attributes
        for span in gateway.telemetry.spans
        if span.attributes.get(names.TRACEGATE_ATTEMPT_COMMITTED) is True
    }
    events = {(event.trace, event.span): event for event in gateway.events}
    assert len(events) == len(gateway.events)
    assert set(events) == set(committed)
    for key, event in events.items():
        assert (event.name, event.severity) == (names.EVENT_GEN_AI_CLIENT_INFERENCE_OPERATION_DETAILS, 5)
        content = {name: value for name, value in event.attributes.items() if name not in committed[key]}
        assert {name: event.attributes[name] for name in committed[key]} == committed[key]
        assert set(content) <= {
            names.GEN_AI_SYSTEM_INSTRUCTIONS,
            names.GEN_AI_INPUT_MESSAGES,
            names.GEN_AI_OUTPUT_MESSAGES,
            names.GEN_AI_TOOL_DEFINITIONS,
        }
        assert thawed(event.attributes[names.GEN_AI_INPUT_MESSAGES]) == TOLD
        assert wrong_in(event.attributes.get(names.GEN_AI_OUTPUT_MESSAGES, ())) == []
    assert wrong_in(TOLD) == []
    assert sum(names.GEN_AI_SYSTEM_INSTRUCTIONS in event.attributes for event in gateway.events) == 1


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    """A message of the model."""
    return {"role": "assistant", "parts": list(parts)}


THOUGHT = {"type": "reasoning", "content": "a plantedthought"}
REPLY = {"type": "text", "content": "one plantedreply here"}


@pytest.mark.parametrize("stream", [False, True])
def test_answers_are_told_alike_streamed_or_not(stream: bool) -> None:
    """Reasoning, several choices, refusals, and tool calls that came in pieces."""
    gateway, _ = asked(
        ON,
        ("plain", {"stream": stream}),
        ("plain", {"stream": stream, "n": 2}),
        ("refusing", {"stream": stream}),
        ("calling", {"stream": stream}),
    )
    assert gateway.said(0) == [message(THOUGHT, REPLY)]
    assert gateway.said(1) == [message(THOUGHT, REPLY)] * 2
    assert gateway.said(2) == [message({"type": "refusal", "content": "no plantedrefusal"})]
    (calls,) = gateway.said(3)
    assert [(part["type"], part["name"], part["arguments"]) for part in calls["parts"]] == [
        ("tool_call", "weather", {"city": "plantedberlin", "at": [52.5, 13]}),
        ("tool_call", "now", {}),
    ]
    assert all(part["id"].startswith("call_") for part in calls["parts"])
    (tool,) = thawed(gateway.events[3].attributes[names.GEN_AI_TOOL_DEFINITIONS])
    assert tool == {
        "type": "function",
        "name": "weather",
        "description": "plantedschema",
        "parameters": {"type": "object"},
    }


def text_of(answer: Seen) -> str:
    """What a client saw of a stream's text."""
    events = (json.loads(event) for event in answer.events if event != "[DONE]")
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event.get("choices"))


def test_of_a_broken_stream_is_told_what_was_released() -> None:
    """Exactly what the client saw before the error."""
    gateway, (answer,) = asked(ON, ("cut", STREAM))
    assert "plantedreply" in text_of(answer)
    assert "nothing" not in text_of(answer)
    assert gateway.said() == [message({"type": "text", "content": text_of(answer)})]
    assert gateway.events[0].attributes[names.TRACEGATE_OUTCOME] == "error"


def test_of_a_stream_that_was_left_is_told_what_was_released() -> None:
    """What came up to when the client had gone; the attempt is cancelled."""
    gateway, (answer,) = asked(ON, ("slow", {**STREAM, "leave_after": 2}))
    (event,) = gateway.events
    assert event.attributes[names.TRACEGATE_OUTCOME] == "cancelled"
    (told,) = gateway.said()
    assert told["parts"][0]["content"].startswith(text_of(answer))
    assert "rest" not in told["parts"][0]["content"]


def test_after_a_restart_only_the_answer_that_was_released_is_told() -> None:
    """The one that was buffered and broke committed to nobody; held back whole, none has an event."""
    gateway, seen = asked(ON, ("again", STREAM), ("held", STREAM), ("lost", {}))
    assert [answer.status for answer in seen] == [200, 502, 503]
    (event,) = gateway.events
    assert event.attributes[names.TRACEGATE_TARGET_ID] == "plain"
    assert gateway.said() == [message(THOUGHT, REPLY)]


def test_an_answer_beyond_the_bound_is_cut_and_reaches_the_client_whole() -> None:
    """What is missing is counted on the message."""

    async def main() -> tuple[Gateway, list[Seen]]:
        gateway = Gateway(loaded(ON), FakeClock())
        seen = [await gateway.ask("sim/long", **body) for body in ({}, STREAM)]
        await gateway.end()
        return gateway, seen

    gateway, (whole, streamed) = run(main, leave_timers=True)
    text = json.loads(whole.body)["choices"][0]["message"]["content"]
    assert len(text) > 1_000_000
    assert text_of(streamed) == text
    for event in range(2):
        (message,) = gateway.said(event)
        told = message["parts"][0]["content"]
        assert text.startswith(told)
        assert len(told) + message[CUT] == len(text)
        assert 900_000 < len(told) <= 1_000_000


def test_content_that_is_lost_is_counted_among_the_metrics() -> None:
    """And costs nothing else: the client has its answer, the other signals arrive."""

    async def main() -> Gateway:
        gateway = Gateway(loaded(ON), FakeClock())
        gateway.content.script.append(Refuse(400))
        gateway.content.behaviour = Hang()
        for _ in range(2):
            assert (await gateway.ask("plain")).status == 200
            await gateway.clock.sleep_until(gateway.clock.now() + S)
        await gateway.end()
        return gateway

    gateway = run(main, leave_timers=True)
    gateway.telemetry.check()
    lost = {
        point.labels[names.TRACEGATE_TELEMETRY_WHERE]: point.value
        for point in gateway.telemetry.series(names.METRIC_TRACEGATE_TELEMETRY_ERRORS)
        if point.value
    }
    assert lost == {names.LOST_CONTENT_EXPORT: 2}
    assert len([span for span in gateway.telemetry.spans if span.kind == "server"]) == 2


def test_a_disabled_sdk_exports_no_content_either() -> None:
    """`OTEL_SDK_DISABLED` means all of it."""

    async def main() -> Gateway:
        gateway = Gateway(loaded(ON, {"OTEL_SDK_DISABLED": "true"}), FakeClock())
        await gateway.ask("plain")
        await gateway.end()
        return gateway

    gateway = run(main)
    assert gateway.telemetry.requests + gateway.content.requests == []


def test_content_needs_no_other_telemetry() -> None:
    """With everything else off it is exported all the same."""
    text = BASE + 'telemetry: {otlp: none, content: events, content_otlp: "http://content:4318"}\n'
    gateway, _ = asked(text, ("plain", {}))
    assert gateway.telemetry.requests == []
    assert gateway.said() == [message(THOUGHT, REPLY)]


@pytest.mark.parametrize("content", [False, True])
def test_beside_the_sdk_renderer_it_is_the_same(content: bool) -> None:
    """Over sockets: the SDK exports spans, metrics and log events, and content is written directly."""
    telemetry, received = Receiver(), Receiver(registry=Registry.ours())

    async def main() -> None:
        async with asyncio.timeout(20), listen(telemetry) as ordinary, listen(received) as own:
            more = f', content: events, content_otlp: "{own.url}"' if content else ""
            config = loaded(f'{BASE}telemetry: {{otlp: "{ordinary.url}", renderer: sdk{more}}}\n')
            clock, ids = SystemClock(), SeededIds(3)
            ends = telemetry_of(config, clock, ids, {})
            exchange = MemoryExchange(clock, SCRIPTS)
            app = assemble(config, ends.view, keep=ends.keep, clock=clock, ids=ids, exchanges={"sim": exchange}).app
            for model, body in (("plain", {}), ("calling", STREAM), ("cut", STREAM), ("lost", {})):
                sent = json.dumps({"model": model, "messages": MESSAGES, "tools": TOOLS, **body}).encode()
                async with drive(app, "POST", PATH, {}, sent) as exchange_:
                    await exchange_.head()
                    while await exchange_.next_chunk():
                        pass
            await ends.view.close(clock.now() + 10 * S)

    asyncio.run(main())
    assert len([span for span in telemetry.spans if span.kind == "server"]) == 4
    assert telemetry.found(*ASKED, *ANSWERED) == []
    if not content:
        assert received.requests == []
        return
    assert received.problems(lost=True) == []
    assert len(received.logs) == 3
    assert {log.origin.resource["service.instance.id"] for log in received.logs} == {
        span.origin.resource["service.instance.id"] for span in telemetry.spans
    }
    assert thawed(received.logs[0].attributes[names.GEN_AI_INPUT_MESSAGES]) == TOLD
    assert thawed(received.logs[0].attributes[names.GEN_AI_OUTPUT_MESSAGES]) == [message(THOUGHT, REPLY)]


def test_the_replay_in_memory_exports_nothing_of_it() -> None:
    """The SDK's own encoders are given the same records, and never the content."""

    async def main() -> Receiver:
        clock, config = FakeClock(), loaded(OFF)
        export = export_of("sdk", config, clock, SeededIds(5))
        app = assemble(config, export.view, clock=clock, exchanges={"sim": MemoryExchange(clock, SCRIPTS)}).app
        for model, body in CALLS[:-1]:
            sent = json.dumps({"model": model, "messages": MESSAGES, "tools": TOOLS, **body}).encode()
            async with drive(app, "POST", PATH, {}, sent) as exchange:
                await exchange.head()
                while await exchange.next_chunk():
                    pass
        return await finish(export, clock)

    receiver = run(main, leave_timers=True)
    assert receiver.requests
    assert receiver.found(*ASKED, *ANSWERED) == []
