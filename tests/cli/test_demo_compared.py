"""One request and its witnesses: each difference is told by the one that differs."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tracegate.cli.demo import Stage, stage
from tracegate.cli.demo_account import heard, trace_of
from tracegate.cli.demo_client import ask
from tracegate.cli.demo_compared import Asked, Row, rows
from tracegate.cli.demo_scenes import SCENES
from tracegate.facts import Target
from tracegate.telemetry import names
from tracegate.telemetry.spans import spans
from tracegate.testing.otlp.signals import Span

EXCEPTION = {"event_name": names.EVENT_GEN_AI_CLIENT_OPERATION_EXCEPTION}
FALLBACK = {"event_name": names.EVENT_TRACEGATE_ROUTE_FALLBACK}
EVENTS = [EXCEPTION, EXCEPTION, EXCEPTION, FALLBACK]


@pytest.fixture(scope="module")
def played() -> tuple[Asked, dict[str, Target]]:
    """Three attempts fail, the fourth answers; and the targets."""

    async def main() -> tuple[Asked, Stage]:
        async with stage() as on:
            seen = await asyncio.to_thread(ask, on.port, SCENES[2])
            (recorder,) = await on.view.until(1)
            return Asked(SCENES[2], seen, heard(seen), trace_of(seen), recorder, list(on.simulator.log)), on

    one, on = asyncio.run(main())
    return one, {id: settings.target for id, settings in on.config.targets.items()}


@pytest.fixture
def trace(played: tuple[Asked, dict[str, Target]]) -> list[Span]:
    """Its spans, as if they were stored."""
    return [Span(*span[:8], span.status) for span in spans(played[0].recorder)]


def test_witnesses_that_agree_say_the_same(played: tuple[Asked, dict[str, Target]], trace: list[Span]) -> None:
    """Each in its own words."""
    one, targets = played
    assert rows(one, trace, EVENTS, targets) == [
        Row("Jaeger", list(one.told.parts())),
        Row("calls", ["azure 503 503 503 → mistral 200"]),
        Row("logs", ["3 failed attempts", "1 fallback"]),
    ]


def test_a_trace_that_differs_says_where(played: tuple[Asked, dict[str, Target]], trace: list[Span]) -> None:
    """In what the client was told, and in what was recorded; no more than three differences."""
    one, targets = played
    odd = replace(trace[0], attributes={**trace[0].attributes, names.TRACEGATE_SERVED_BY_MODEL: "gpt"})
    (jaeger, *_) = rows(one, [odd, *trace[1:]], EVENTS, targets)
    assert "gpt" in jaeger.parts
    assert jaeger.wrong == (
        "not what the client was told: served by; `POST /v1/chat/completions`: tracegate.served_by.model is 'gpt',"
        " was 'mistral-large-2512'"
    )
    (jaeger, *_) = rows(one, trace[:1], EVENTS, targets)
    assert jaeger.wrong.startswith("not what the client was told: attempts; ")
    assert jaeger.wrong.count(" is missing") == 2


def test_a_trace_that_is_not_there_says_so(played: tuple[Asked, dict[str, Target]], trace: list[Span]) -> None:
    """Whole, or without its beginning."""
    one, targets = played
    assert rows(one, [], EVENTS, targets)[0] == Row("Jaeger", ["no such trace"], "the trace is not there")
    assert rows(one, trace[1:], EVENTS, targets)[0].parts == ["no SERVER span"]


def test_providers_that_saw_something_else_say_so(played: tuple[Asked, dict[str, Target]], trace: list[Span]) -> None:
    """A call more or less, or none at all."""
    one, targets = played
    *_, last = one.calls
    differs = "not the attempts that the client was told"
    assert rows(replace(one, calls=one.calls[1:]), trace, EVENTS, targets)[1] == Row(
        "calls", ["azure 503 503 → mistral 200"], differs
    )
    last.status, before = None, last.status
    try:
        assert rows(one, trace, EVENTS, targets)[1] == Row("calls", ["azure 503 503 503 → mistral no answer"], differs)
    finally:
        last.status = before
    assert rows(replace(one, calls=[]), trace, EVENTS, targets)[1] == Row("calls", ["never asked"], differs)


def test_events_that_are_not_due_or_not_there_say_so(
    played: tuple[Asked, dict[str, Target]], trace: list[Span]
) -> None:
    """What was due stands beside; an event of another name shows by its name."""
    one, targets = played
    logs = rows(one, trace, [FALLBACK, {"event_name": "x"}, {}], targets)[2]
    assert logs == Row("logs", ["1 fallback", "1 without a name", "1 x"], "due: 3 failed attempts · 1 fallback")
    nothing = replace(one, told=replace(one.told, tries=()))
    assert rows(nothing, trace, [FALLBACK], targets)[2].wrong == "due: none"
    assert rows(nothing, trace, [], targets)[2] == Row("logs", ["no event"])
