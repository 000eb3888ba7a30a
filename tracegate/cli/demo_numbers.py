"""The numbers of the demo, counted three times: from what clients were told, from spans in Jaeger, by Prometheus.

Nothing of one count goes into another. Names are those that Prometheus gives to the gateway's metrics.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from tracegate.cli.demo_account import Account
from tracegate.cli.demo_stored import attempts
from tracegate.stack.readers import Prometheus
from tracegate.telemetry import names
from tracegate.testing.otlp.signals import Span

REQUESTS = "tracegate_request_duration_seconds_count"
ATTEMPTS = "tracegate_attempts_total"
FALLBACKS = "tracegate_fallbacks_total"
SERVED = "tracegate_responses_served_total"
INPUT = "gen_ai_client_inference_usage_input_tokens_total"
OUTPUT = "gen_ai_client_inference_usage_output_tokens_total"
COST = "tracegate_cost_micros_total"
LOST = "tracegate_telemetry_errors_total"

_PROVIDER = "gen_ai_provider_name"
LABELS: Mapping[str, Sequence[str]] = {
    REQUESTS: (),
    ATTEMPTS: (_PROVIDER, "tracegate_attempt_kind", "error_type"),
    FALLBACKS: (),
    SERVED: (_PROVIDER, "gen_ai_response_model", "tracegate_target_region"),
    INPUT: (_PROVIDER,),
    OUTPUT: (_PROVIDER,),
    COST: (),
    LOST: (),
}
"""By metric: the labels that are told apart."""

WORDS: Mapping[str, str] = {
    REQUESTS: "requests",
    FALLBACKS: "fallbacks",
    COST: "millionths of a dollar",
    LOST: "spans, events and exports lost",
}
"""What is counted, where no label says it."""

Counts = Mapping[str, Counter[tuple[str, ...]]]
"""By metric and values of its labels."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number; `None` where a witness can't know it.

    Args:
        metric, what: Its name, and the values of its labels.
        told: Counted from what clients were told.
        jaeger: Counted from spans.
        prometheus: As Prometheus has it.
    """

    metric: str
    what: str
    told: int
    jaeger: int | None
    prometheus: int

    @property
    def agrees(self) -> bool:
        """Whether all say the same."""
        return self.told == self.prometheus and self.jaeger in (None, self.told)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the client of one request was told.

    Args:
        account: Attempts and who served it.
        tokens: In and out, where it was told.
        micros: What is known of its cost, in micro-units: that of all attempts whose cost is known.
    """

    account: Account
    tokens: tuple[int, int] | None
    micros: int


def of_clients(requests: Iterable[Heard]) -> Counts:
    """Count what clients were told."""
    counts = _none()
    for heard in requests:
        account = heard.account
        counts[REQUESTS][()] += 1
        for one in account.tries:
            error = one.error or (str(one.status) if one.failed else "")
            counts[ATTEMPTS][one.provider, one.kind, error] += 1
            counts[FALLBACKS][()] += one.kind == "fallback"
        if (served := account.served) is not None:
            counts[SERVED][served.provider, served.model, served.region or "unknown"] += 1
            if heard.tokens is not None:
                counts[INPUT][served.provider,] += heard.tokens[0]
                counts[OUTPUT][served.provider,] += heard.tokens[1]
        counts[COST][()] += heard.micros
    return counts


def of_spans(traces: Iterable[Sequence[Span]]) -> Counts:
    """Count what spans say."""
    counts = _none()
    for spans in traces:
        counts[REQUESTS][()] += sum(span.kind == "server" for span in spans)
        for said in attempts(spans):
            provider, kind = str(said[names.GEN_AI_PROVIDER_NAME]), str(said[names.TRACEGATE_ATTEMPT_KIND])
            counts[ATTEMPTS][provider, kind, str(said.get(names.ERROR_TYPE, ""))] += 1
            counts[FALLBACKS][()] += kind == "fallback"
            if said.get(names.TRACEGATE_ATTEMPT_COMMITTED) is True:
                model = str(said.get(names.GEN_AI_RESPONSE_MODEL, "unknown"))
                counts[SERVED][provider, model, str(said.get(names.TRACEGATE_TARGET_REGION, "unknown"))] += 1
            counts[INPUT][provider,] += cast(int, said.get(names.GEN_AI_USAGE_INPUT_TOKENS, 0))
            counts[OUTPUT][provider,] += cast(int, said.get(names.GEN_AI_USAGE_OUTPUT_TOKENS, 0))
            counts[COST][()] += cast(int, said.get(names.TRACEGATE_COST_MICROS, 0))
    return counts


async def of_prometheus(prometheus: Prometheus, instance: str) -> Counts:
    """Ask Prometheus; `instance` is the gateway's `service.instance.id`."""
    counts = _none()
    for metric, labels in LABELS.items():
        for series in await prometheus.query(query(metric, instance)):
            key = tuple(series["metric"].get(label, "") for label in labels)
            counts[metric][key] += int(float(series["value"][1]))
    return counts


def query(metric: str, instance: str) -> str:
    """What Prometheus is asked for a metric."""
    by = f" by ({', '.join(LABELS[metric])})" if LABELS[metric] else ""
    return f'sum{by} ({metric}{{service_instance_id="{instance}"}})'


def numbers(told: Counts, jaeger: Counts, prometheus: Counts) -> Iterator[Number]:
    """All three beside each other; what is 0 with all, as a series that waits to be counted, is left out."""
    for metric, labels in LABELS.items():
        every = {*told[metric], *jaeger[metric], *prometheus[metric]} if labels else {()}
        for key in sorted(every):
            counts = told[metric][key], None if metric == LOST else jaeger[metric][key], prometheus[metric][key]
            if any(counts) or not labels:
                yield Number(metric, " ".join(filter(None, key)) or WORDS[metric], *counts)


def _none() -> dict[str, Counter[tuple[str, ...]]]:
    return {metric: Counter() for metric in LABELS}
