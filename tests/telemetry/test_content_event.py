"""The event of an attempt says what its span says, and the content."""

from __future__ import annotations

import json
from typing import Any

from tests.telemetry.made import CHAT, Made, of, plain, success
from tracegate.errors import Broken
from tracegate.record import Record, Recorder
from tracegate.telemetry import names, registry
from tracegate.telemetry.content_answer import Said
from tracegate.telemetry.content_event import answered, details
from tracegate.telemetry.spans import span

BODY = json.dumps({"model": "chat", "temperature": 0.5, "messages": [{"role": "user", "content": "hi"}]}).encode()
CONTENT = {
    names.GEN_AI_SYSTEM_INSTRUCTIONS,
    names.GEN_AI_INPUT_MESSAGES,
    names.GEN_AI_OUTPUT_MESSAGES,
    names.GEN_AI_TOOL_DEFINITIONS,
}


def said(text: str) -> Said:
    """A whole answer."""
    answer = Said(stream=False)
    answer.add(json.dumps({"choices": [{"message": {"content": text}}]}).encode())
    return answer


def the_attempt(recorder: Recorder) -> Record:
    """The record of the one attempt."""
    (record,) = [record for record in recorder.records if record.attempt is not None]
    return record


def test_an_event_stands_in_the_context_of_its_attempt() -> None:
    """At the end of it, as the pinned severity says, with everything that the span says."""
    recorder = success(BODY)
    record = the_attempt(recorder)
    event, view = details(recorder, record, of(record), said("hello")), span(recorder, record)
    assert (event.name, event.severity, event.severity_text) == (
        "gen_ai.client.inference.operation.details",
        5,
        "DEBUG",
    )
    assert (event.trace, event.span, event.time) == (view.trace, view.span, view.end)
    attributes: dict[str, Any] = plain(event)
    content = {name: attributes.pop(name) for name in CONTENT if name in attributes}
    assert attributes == plain(view)
    assert content == {
        names.GEN_AI_INPUT_MESSAGES: [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
        names.GEN_AI_OUTPUT_MESSAGES: [{"role": "assistant", "parts": [{"type": "text", "content": "hello"}]}],
    }


def test_every_name_is_registered() -> None:
    """As those of the event, which are the span's and the content's."""
    known = registry.load()
    name = names.EVENT_GEN_AI_CLIENT_INFERENCE_OPERATION_DETAILS
    allowed = set(known.event_attributes[name])
    assert allowed == CONTENT | known.spans["tracegate.attempt"].allowed
    recorder = success(BODY)
    event = details(recorder, the_attempt(recorder), of(the_attempt(recorder)), said("hello"))
    assert set(event.attributes) <= allowed
    assert event.severity == known.events[name]


def test_what_is_not_known_is_absent() -> None:
    """No answer that was released, no body, an attempt that is open."""
    made = Made(BODY, body=None)
    route = made.route(CHAT)
    record = made.attempt(route)
    made.answer(record)
    event = details(made.recorder, record, of(record), None)
    assert not CONTENT & set(event.attributes)
    assert event.time == made.recorder.wall_of(record.start)
    assert not CONTENT & set(details(made.recorder, record, of(record), Said(stream=True)).attributes)


def test_only_attempts_that_answered_have_an_event() -> None:
    """A broken answer is one; a refusal, a route and an open attempt are none."""
    made = Made(BODY)
    route = made.route(CHAT)
    refused = made.attempt(route)
    made.close(refused, Broken("http_response_incomplete", "cut"))
    broken = made.attempt(route)
    made.answer(broken)
    assert answered(broken) is None
    made.close(broken, Broken("http_response_incomplete", "cut"))
    made.close(route)
    assert [answered(record) for record in made.end().records] == [None, None, None, of(broken)]
