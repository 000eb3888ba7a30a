"""What Jaeger gives back, read; and every way in which it may differ from what was recorded."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.cli.pretended_stores import jaeger_span
from tracegate.cli.demo import stage
from tracegate.cli.demo_account import Account, Served, Try
from tracegate.cli.demo_client import ask
from tracegate.cli.demo_scenes import SCENES
from tracegate.cli.demo_stored import account, attempts, differences
from tracegate.telemetry.model import SpanView
from tracegate.telemetry.spans import spans
from tracegate.testing.otlp.jaeger import spans_of
from tracegate.testing.otlp.signals import Span


@pytest.fixture(scope="module")
def sent() -> list[SpanView]:
    """The spans of one request: three attempts fail, the fourth answers."""

    async def main() -> list[SpanView]:
        async with stage() as on:
            await asyncio.to_thread(ask, on.port, SCENES[2])
            (recorder,) = await on.view.until(1)
            return spans(recorder)

    return asyncio.run(main())


@pytest.fixture
def kept(sent: list[SpanView]) -> list[Span]:
    """The same, out of Jaeger."""
    decoded = [
        Span(
            view.name,
            view.kind,
            view.trace,
            view.span,
            view.parent,
            view.start,
            view.end,
            {k: v if isinstance(v, str | bool | int | float) else tuple(v) for k, v in view.attributes.items()},
            view.status,
        )
        for view in sent
    ]
    return spans_of([{"scopeSpans": [{"spans": [jaeger_span(span) for span in decoded]}]}])


def test_what_jaeger_keeps_is_what_was_sent(kept: list[Span], sent: list[SpanView]) -> None:
    """Lists too, which it keeps as text."""
    assert len(kept) == 6
    assert list(differences(kept, sent)) == []
    assert any(isinstance(value, tuple | list) for span in sent for value in span.attributes.values())


def test_every_difference_is_told(kept: list[Span], sent: list[SpanView]) -> None:
    """Missing, never sent, twice; another name, time or attribute."""
    server, route, *_ = kept
    assert list(differences(kept[1:], sent)) == [f"`{server.name}` is missing"]
    assert list(differences(kept, sent[1:])) == [f"`{server.name}` was never sent"]
    assert list(differences([*kept, route], sent)) == ["a span is there twice"]
    later = replace(server, end=server.end + 1, attributes={**server.attributes, "x": 1})
    assert list(differences([later, *kept[1:]], sent)) == [
        f"`{server.name}`: end is {server.end + 1}, was {server.end}",
        f"`{server.name}`: x is 1, was None",
    ]


def test_a_trace_tells_what_its_client_was_told(kept: list[Span]) -> None:
    """Attempts in their order, whatever the order of the spans."""
    told = account(kept[::-1])
    assert [one.result for one in told.tries] == ["503", "503", "503", "200"]
    assert told == Account(told.tries, Served("mistral_ai", "mistral-large-2512", "fr", "mistral-l", 3), told.cost)
    assert told.tries[0] == Try("azure.ai.openai", "busy", "initial", 503, None)
    assert told.cost
    assert [said["tracegate.attempt.index"] for said in attempts(kept[::-1])] == [0, 1, 2, 3]


def test_a_trace_of_nobody_names_nobody(kept: list[Span]) -> None:
    """An error that no status tells is told, and what is unknown is unknown."""
    server, _, first, *_ = kept
    bare = replace(server, attributes={})
    broken = replace(first, attributes={**first.attributes, "error.type": "connection_reset"})
    told = account([bare, broken])
    assert (told.served, told.cost, told.tries[0].error) == (None, None, "connection_reset")
