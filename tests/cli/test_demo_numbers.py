"""Numbers, counted three times and held beside each other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tests.stack.answering import answering
from tracegate.cli import demo_numbers as n
from tracegate.cli.demo_account import Account, Served, Try
from tracegate.stack.readers import Prometheus
from tracegate.telemetry import names
from tracegate.telemetry.model import SpanKind
from tracegate.testing.otlp.signals import Span

ATTEMPT = {
    names.GEN_AI_PROVIDER_NAME: "openai",
    names.TRACEGATE_ATTEMPT_KIND: "fallback",
    names.TRACEGATE_ATTEMPT_INDEX: 1,
}
FAILED = Try("azure", "b", "initial", 503, None)
BROKEN = Try("azure", "b", "retry", 200, "http_response_incomplete")
ANSWERED = Try("openai", "t", "fallback", 200, None)


def _span(kind: SpanKind, attributes: Mapping[str, object]) -> Span:
    return Span("a", kind, b"t", b"s", b"", 1, 2, attributes, "unset")


def test_clients_are_counted() -> None:
    """Requests, attempts with their error, fallbacks, who served, tokens, cost."""
    told = n.Heard(Account((FAILED, BROKEN, ANSWERED), Served("openai", "gpt", None, "t", 2), 168), (12, 24), 168)
    silent = n.Heard(Account((FAILED,), None, None), None, 5)
    left = n.Heard(Account((ANSWERED,), Served("openai", "gpt", "us", "t", 0), None), None, 0)
    counts = n.of_clients([told, silent, left])
    assert counts[n.REQUESTS] == {(): 3}
    assert counts[n.ATTEMPTS] == {
        ("azure", "initial", "503"): 2,
        ("azure", "retry", "http_response_incomplete"): 1,
        ("openai", "fallback", ""): 2,
    }
    assert counts[n.FALLBACKS] == {(): 2}
    assert counts[n.SERVED] == {("openai", "gpt", "unknown"): 1, ("openai", "gpt", "us"): 1}
    assert (counts[n.INPUT], counts[n.OUTPUT], counts[n.COST]) == ({("openai",): 12}, {("openai",): 24}, {(): 173})


def test_spans_are_counted() -> None:
    """By what they say; routes say nothing."""
    committed = {
        **ATTEMPT,
        names.TRACEGATE_ATTEMPT_COMMITTED: True,
        names.GEN_AI_RESPONSE_MODEL: "gpt",
        names.GEN_AI_USAGE_INPUT_TOKENS: 12,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: 24,
        names.TRACEGATE_COST_MICROS: 168,
    }
    failed = {**ATTEMPT, names.TRACEGATE_ATTEMPT_KIND: "initial", names.ERROR_TYPE: "503"}
    spans = [_span("server", {}), _span("internal", {}), _span("client", failed), _span("client", committed)]
    counts = n.of_spans([spans, []])
    assert (counts[n.REQUESTS], counts[n.FALLBACKS], counts[n.COST]) == ({(): 1}, {(): 1}, {(): 168})
    assert counts[n.ATTEMPTS] == {("openai", "initial", "503"): 1, ("openai", "fallback", ""): 1}
    assert counts[n.SERVED] == {("openai", "gpt", "unknown"): 1}
    assert (counts[n.INPUT], counts[n.OUTPUT]) == ({("openai",): 12}, {("openai",): 24})


def test_prometheus_is_asked_for_this_gateway_alone() -> None:
    """One query for each metric, summed up to the labels that are told apart."""
    body = (
        '{"data": {"result": [{"metric": {"gen_ai_provider_name": "openai", "error_type": "503"}, "value": [1, "2"]}]}}'
    )
    with answering({"/api/v1/query": (200, body)}) as asked:
        counts = asyncio.run(n.of_prometheus(Prometheus(asked.url), "me"))
    assert [query["query"] for query in asked.queries] == [n.query(metric, "me") for metric in n.LABELS]
    assert n.query(n.COST, "me") == 'sum (tracegate_cost_micros_total{service_instance_id="me"})'
    assert n.query(n.INPUT, "me").startswith("sum by (gen_ai_provider_name) (gen_ai_client_inference_usage_input_tok")
    assert (counts[n.ATTEMPTS], counts[n.COST]) == ({("openai", "", "503"): 2}, {(): 2})


def _counts(**given: Any) -> n.Counts:
    return {metric: Counter(given.get(metric, {})) for metric in n.LABELS}


def test_all_three_stand_beside_each_other() -> None:
    """What nobody counted is left out, but for what has no labels; Jaeger can't know what was lost."""
    told = _counts(**{n.ATTEMPTS: {("a", "initial", ""): 1, ("idle", "initial", ""): 0}, n.REQUESTS: {(): 2}})
    jaeger = _counts(**{n.ATTEMPTS: {("a", "initial", ""): 1}, n.REQUESTS: {(): 1}})
    prometheus = _counts(**{n.ATTEMPTS: {("a", "initial", ""): 1, ("b", "retry", "503"): 1}, n.REQUESTS: {(): 2}})
    every = list(n.numbers(told, jaeger, prometheus))
    assert every[:3] == [
        n.Number(n.REQUESTS, "requests", 2, 1, 2),
        n.Number(n.ATTEMPTS, "a initial", 1, 1, 1),
        n.Number(n.ATTEMPTS, "b retry 503", 0, 0, 1),
    ]
    assert [number.agrees for number in every[:3]] == [False, True, False]
    assert every[-1] == n.Number(n.LOST, "spans, events and exports lost", 0, None, 0)
    assert every[-1].agrees


@pytest.mark.parametrize("metric", [metric for metric, labels in n.LABELS.items() if not labels])
def test_what_has_no_labels_has_a_word(metric: str) -> None:
    """So that every line says what it counts."""
    assert metric in n.WORDS
