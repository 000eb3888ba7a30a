"""The log events of a request, each in the context of its span."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.telemetry.made import AZURE, MISTRAL, Made, fallback, of, plain, refused, success
from tracegate.errors import Failed
from tracegate.facts import Why
from tracegate.record import Recorder
from tracegate.telemetry import names, registry
from tracegate.telemetry.events import events, events_of
from tracegate.telemetry.model import LogView


def named(recorder: Recorder, name: str) -> list[LogView]:
    """The events of one name."""
    return [event for event in events(recorder) if event.name == name]


def test_a_plain_success_has_no_events() -> None:
    """There is nothing to tell beside the spans."""
    assert events(success()) == []


def test_every_failed_attempt_is_told_once_in_its_own_context() -> None:
    """With the class as type, and not again for the route."""
    recorder = fallback().end()
    first, second = named(recorder, names.EVENT_GEN_AI_CLIENT_OPERATION_EXCEPTION)
    record = recorder.records[2]
    assert record.end is not None
    assert first == LogView(
        name="gen_ai.client.operation.exception",
        severity=13,
        severity_text="WARN",
        time=recorder.wall_of(record.end),
        trace=recorder.trace,
        span=record.span,
        attributes={
            names.TRACEGATE_REQUEST_ID: recorder.request_id,
            names.EXCEPTION_TYPE: "rate_limit",
            names.EXCEPTION_MESSAGE: "slow down",
            names.ERROR_TYPE: "429",
            names.GEN_AI_PROVIDER_NAME: "azure.ai.openai",
            names.GEN_AI_REQUEST_MODEL: "gpt-5.5",
            names.TRACEGATE_TARGET_ID: "gpt-azure",
            names.TRACEGATE_ATTEMPT_INDEX: 0,
        },
    )
    assert second.span == recorder.records[3].span


def test_a_cancelled_attempt_is_no_exception() -> None:
    """Neither ok nor an error."""
    made = Made()
    made.close(made.attempt(made.route()), asyncio.CancelledError("superseded"))
    assert events(made.end()) == []


def test_an_error_without_a_text_has_no_message() -> None:
    """A fault of our own keeps its text; it has a type all the same."""
    made = Made()
    made.close(made.attempt(made.route()), ValueError("a secret"))
    (event,) = events(made.end())
    assert event.attributes[names.EXCEPTION_TYPE] == "server_error"
    assert names.EXCEPTION_MESSAGE not in event.attributes


def test_a_message_is_bounded_and_valid() -> None:
    """Whatever the provider wrote."""
    made = Made()
    made.close(made.attempt(made.route()), Failed("server_error", None, "\ud83d" * 2000))
    (event,) = events(made.end())
    assert event.attributes[names.EXCEPTION_MESSAGE] == "\ufffd" * 1024


def test_a_conflict_of_regions_is_a_warning() -> None:
    """In the attempt's context: what is known, why, and what the configuration says."""
    made = Made()
    attempt = made.attempt(made.route(), replace(AZURE, region="westeurope"))
    made.answer(attempt)
    made.close(attempt)
    (event,) = events(made.end())
    assert (event.name, event.severity, event.severity_text) == ("tracegate.region.conflict", 13, "WARN")
    assert event.span == attempt.span
    assert event.attributes[names.TRACEGATE_TARGET_REGION] == "swedencentral"
    assert event.attributes[names.TRACEGATE_TARGET_REGION_EVIDENCE] == "observed"
    assert event.attributes[names.TRACEGATE_TARGET_REGION_CONFIGURED] == "westeurope"


def test_a_fallback_is_told_on_its_route_when_the_next_candidate_begins() -> None:
    """From which target to which, and why."""
    recorder = fallback().end()
    (event,) = named(recorder, names.EVENT_TRACEGATE_ROUTE_FALLBACK)
    route, last = recorder.records[1], recorder.records[4]
    assert (event.severity, event.severity_text) == (9, "INFO")
    assert (event.span, event.time) == (route.span, recorder.wall_of(last.start))
    assert plain(event) == {
        names.TRACEGATE_REQUEST_ID: recorder.request_id,
        names.TRACEGATE_ROUTE_NAME: "chat",
        names.TRACEGATE_FALLBACK_FROM: "gpt-azure",
        names.TRACEGATE_FALLBACK_TO: "large",
        names.TRACEGATE_FALLBACK_REASON: "rate_limit",
    }


def test_a_fallback_between_routes_is_told_on_the_route_above_both() -> None:
    """The inner routes decided nothing."""
    made = Made()
    outer = made.route()
    first = made.route(None, outer, "first")
    made.close(made.attempt(first), refused())
    second = made.route(None, outer, "second")
    made.close(made.attempt(second, MISTRAL, Why("fallback", "rate_limit")), refused())
    (event,) = named(made.end(), names.EVENT_TRACEGATE_ROUTE_FALLBACK)
    assert event.span == outer.span


def test_a_fallback_without_a_route_is_told_on_the_server_span() -> None:
    """It is the only hop above both; it has no route's name."""
    made = Made()
    server = made.recorder.server
    made.close(made.attempt(server), refused())
    made.close(made.attempt(server, MISTRAL, Why("fallback", "rate_limit")), refused())
    (event,) = named(made.end(), names.EVENT_TRACEGATE_ROUTE_FALLBACK)
    assert event.span == server.span
    assert names.TRACEGATE_ROUTE_NAME not in event.attributes


def test_an_attempt_in_a_tree_of_its_own_is_told_on_the_server_span() -> None:
    """A root beside the SERVER record has no hop above both."""
    made = Made()
    made.close(made.attempt(made.route()), refused())
    other = made.attempt(made.recorder.server, MISTRAL, Why("fallback", "rate_limit"))
    other.parent = None
    made.close(other, refused())
    (event,) = named(made.end(), names.EVENT_TRACEGATE_ROUTE_FALLBACK)
    assert event.span == made.recorder.server.span


def test_a_fallback_that_nothing_led_to_is_not_told() -> None:
    """From where would be a guess."""
    made = Made()
    made.close(made.attempt(made.route(), MISTRAL, Why("fallback", "timeout")), refused())
    assert named(made.end(), names.EVENT_TRACEGATE_ROUTE_FALLBACK) == []


def test_what_was_open_comes_later_and_once() -> None:
    """As with spans."""
    made = Made()
    attempt = made.attempt(made.route())
    recorder = made.end()
    assert events(recorder) == []
    made.close(attempt, refused())
    assert events(recorder, [attempt]) == []
    assert events_of(recorder, attempt) == events(recorder)
    assert events_of(recorder, recorder.server) == []


def test_every_event_keeps_the_registry() -> None:
    """Registered names, severities and attributes."""
    known = registry.load()
    made = fallback()
    last = made.attempt(made.recorder.records[1], replace(AZURE, region="x"))
    of(last).status = 500
    made.close(last, refused(500))
    found = events(made.end())
    assert {event.name for event in found} == {
        names.EVENT_GEN_AI_CLIENT_OPERATION_EXCEPTION,
        names.EVENT_TRACEGATE_REGION_CONFLICT,
        names.EVENT_TRACEGATE_ROUTE_FALLBACK,
    }
    for event in found:
        assert event.severity == known.events[event.name]
        assert set(event.attributes) <= set(known.event_attributes[event.name])
