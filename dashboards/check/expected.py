"""What each query must find, made from the truth: one entry for each, by panel and letter.

A query without an entry is a failure of the check, and so is an entry without a query.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dashboards.check.counted import Labels, fell_back, in_flight, labels_of, outcomes, shares, sums, tokens
from dashboards.check.histogram import between
from dashboards.check.scenes import PROVIDERS, TARGETS
from dashboards.check.truth import Call, Request, Span
from tracegate import __version__
from tracegate.telemetry.metrics_table import INSTRUMENTS

Found = Literal["last", "sum", "levels", "rows"]
"""What is compared of what comes back: the last point of each series, the sum of its points, its highest and its last
point, or the rows of a table of traces."""

REASONS = ("no_price", "no_usage", "broken", "cancelled")
WHERE = (
    *("render_failed", "metrics_labels_overflow", "metrics_export_failed", "metrics_rejected"),
    *(f"{what}_{how}" for what in ("traces", "logs", "content") for how in ("queue_full", "export_failed", "rejected")),
)
"""Where telemetry can be lost: each place is a series that exists at 0."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a query must find.

    Args:
        rows: A number for each label set, or between which two it must lie; for `rows` how often each row comes.
        found: What of the answer is compared.
        later: Whether it is counted by the Collector, which is scraped: asked for when it was.
    """

    rows: Mapping[Labels, float | Span]
    found: Found
    later: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """What happened, as far as a choice of variables shows it.

    Args:
        jobs: The gateways that are chosen.
        providers: The providers that are.
        requests: Of those gateways.
        everything: Of all gateways.
    """

    jobs: Sequence[str]
    providers: Sequence[str]
    requests: Sequence[Request]
    everything: Sequence[Request]

    def calls(self, *, late: bool = False, all_providers: bool = False) -> list[Call]:
        """The calls to the chosen providers."""
        every = [call for request in self.requests if request.late or not late for call in request.calls]
        return [call for call in every if all_providers or call.provider in self.providers]

    def zeros(self) -> list[Call]:
        """What each configured target would say first: series that exist at 0 (ruling 42)."""
        made = []
        for target in TARGETS:
            provider = PROVIDERS[target.place]
            if provider.name in self.providers:
                region = (provider.region, "configured") if provider.region else ("unknown", "unknown")
                made.append(
                    Call(
                        target,
                        "initial",
                        None,
                        "ok",
                        None,
                        None,
                        True,
                        target.model,
                        *region,
                        conflict=False,
                        tokens=None,
                        micros=None,
                        unknown=None,
                        duration=Span(0, 0),
                        first=None,
                    )
                )
        return made


def expectations(truth: Truth) -> dict[tuple[str, str], Expected]:
    """What every query of the dashboards must find, by panel and letter."""
    calls, zeros = truth.calls(), truth.zeros()
    served = [(call, 1) for call in calls if call.committed] + [(call, 0) for call in zeros]
    led = [(call, 1) for call in truth.calls(all_providers=True) if call.led is not None]
    failed = [(call, 1) for call in calls if call.error_class is not None]
    tried = [(call, 0) for call in zeros]  # of what could have failed, none is 0
    cost = [(call, call.micros / 1e6) for call in calls if call.micros]
    no_cost = [(replace(call, unknown=reason), 0) for call in zeros for reason in REASONS]
    no_cost += [(call, 1) for call in calls if call.unknown is not None]
    unpriced = [(call, count) for call, count in no_cost if call.unknown not in ("broken", "cancelled")]
    silent = [(call, 0) for call in zeros]
    silent += [(call, 1) for call in calls if call.outcome == "ok" and call.tokens is None]
    conflicts = [(call, 0) for call in zeros] + [(call, 1) for call in calls if call.conflict]
    by_job = {frozenset({("job", job)}): 0.0 for job in truth.jobs}
    conflicts_by_job = dict(by_job)
    for request in truth.requests:
        here = [call for call in request.calls if call.conflict and call.provider in truth.providers]
        conflicts_by_job[frozenset({("job", request.job)})] += len(here)

    def total(items: Iterable[tuple[Call, float]], *by: str) -> Expected:
        return Expected(sums(items, by), "last")

    def counts(items: Iterable[tuple[Call, float]], *by: str) -> Expected:
        return Expected(sums(items, by), "sum")

    return {
        ("variable $job", "A"): _options("job", sorted({request.job for request in truth.everything})),
        ("variable $provider", "A"): _options("gen_ai_provider_name", sorted(one.name for one in PROVIDERS.values())),
        ("annotation Starts", "A"): Expected(
            {frozenset({("job", job), ("service_version", __version__)}): 1 for job in truth.jobs}, "last"
        ),
        ("Answers", "A"): total(served),
        ("Fallbacks", "A"): total([*led, *tried]),
        ("Failed attempts", "A"): total([*failed, *tried]),
        ("Known cost", "A"): total(cost, "tracegate_cost_currency"),
        ("Unpriced answers", "A"): total(unpriced),
        ("Telemetry lost", "A"): Expected(by_job, "last"),
        ("Region conflicts", "A"): Expected(conflicts_by_job, "last"),
        ("Answers by provider", "A"): counts(served, "gen_ai_provider_name"),
        ("Answers by model served", "A"): counts(served, "gen_ai_response_model"),
        ("Answers by region", "A"): counts(served, "tracegate_target_region", "tracegate_target_region_evidence"),
        ("Who served what", "A"): total(
            [(call, 1) for call in calls if call.committed],
            *("gen_ai_provider_name", "gen_ai_response_model", "tracegate_outcome"),
            *("tracegate_target_region", "tracegate_target_region_evidence"),
        ),
        ("Fallbacks by reason", "A"): counts(led, "tracegate_fallback_reason"),
        ("Fallbacks from → to", "A"): counts(led, "tracegate_fallback_from", "tracegate_fallback_to"),
        ("Fallbacks of the range", "A"): total(
            led, "tracegate_fallback_from", "tracegate_fallback_to", "tracegate_fallback_reason"
        ),
        ("Failed attempts by class", "A"): counts(failed, "tracegate_error_class"),
        ("Share of attempts that fail", "A"): Expected(shares(truth.calls(late=True)), "last"),
        ("Requests by outcome", "A"): Expected(outcomes(truth.requests), "sum"),
        ("Failed attempts of the range", "A"): total(
            failed,
            *("gen_ai_provider_name", "tracegate_target_id", "tracegate_attempt_kind"),
            *("tracegate_error_class", "error_type"),
        ),
        **_percentiles(truth),
        ("Tokens", "A"): counts(tokens(calls, 0), "gen_ai_provider_name", "gen_ai_response_model"),
        ("Tokens", "B"): counts(tokens(calls, 1), "gen_ai_provider_name", "gen_ai_response_model"),
        ("Cached and reasoning tokens", "A"): counts(tokens(calls, 2), "gen_ai_provider_name", "gen_ai_response_model"),
        ("Cached and reasoning tokens", "B"): counts(tokens(calls, 3), "gen_ai_provider_name", "gen_ai_response_model"),
        ("Cached and reasoning tokens", "C"): counts(tokens(calls, 4), "gen_ai_provider_name", "gen_ai_response_model"),
        ("Cost", "A"): counts(cost, "gen_ai_provider_name", "gen_ai_request_model", "tracegate_cost_currency"),
        ("Calls of unknown cost", "A"): counts(no_cost, "gen_ai_provider_name", "tracegate_cost_unknown_reason"),
        ("Calls of unknown cost", "B"): counts(silent, "gen_ai_provider_name"),
        ("Telemetry lost, by place", "A"): Expected(
            {frozenset({("tracegate_telemetry_where", where)}): 0 for where in WHERE}, "sum"
        ),
        # No series before the first time; `violations` makes one.
        ("Telemetry sent again", "A"): Expected({}, "sum"),
        ("Region conflicts by target", "A"): counts(conflicts, "gen_ai_provider_name", "tracegate_target_id"),
        ("Spans through the Collector", "A"): _spans(truth),
        ("Spans through the Collector", "B"): _spans(truth),
        ("Spans through the Collector", "C"): Expected({frozenset(): 0}, "sum", later=True),
        ("Requests in flight", "A"): Expected(in_flight(truth.requests), "levels"),
        ("The last fallbacks", "A"): Expected(fell_back(truth.requests), "rows"),
    }


def _options(label: str, values: Sequence[str]) -> Expected:
    """What a variable offers; an option counts as 1."""
    return Expected({frozenset({(label, value)}): 1 for value in values}, "last")


def _spans(truth: Truth) -> Expected:
    """The Collector knows no gateways: it counts the spans of all."""
    return Expected({frozenset(): sum(request.spans for request in truth.everything)}, "sum", later=True)


def _percentiles(truth: Truth) -> dict[tuple[str, str], Expected]:
    """Those of what came between the last two exports, for `rate()` needs two samples."""
    requests = [request for request in truth.requests if request.late]
    calls = truth.calls(late=True)
    whole = {
        "Duration of requests": ("tracegate.request.duration", [request.duration for request in requests]),
        "Time to first token": (
            "gen_ai.client.inference.time_to_first_chunk",
            [call.first for call in calls if call.first is not None],
        ),
        "Overhead of the gateway": ("tracegate.gateway.overhead", [request.overhead for request in requests]),
    }
    made = {
        (panel, ref): Expected(
            {frozenset(): between(share, INSTRUMENTS[metric].bounds, spans)} if spans else {}, "last"
        )
        for panel, (metric, spans) in whole.items()
        for ref, share in (("A", 0.5), ("B", 0.95), ("C", 0.99))
    }
    by_model: dict[Labels, list[Span]] = defaultdict(list)
    for call in calls:
        by_model[labels_of(call, ("gen_ai_provider_name", "gen_ai_request_model"))].append(call.duration)
    bounds = INSTRUMENTS["gen_ai.client.inference.duration"].bounds
    rows = {labels: between(0.95, bounds, spans) for labels, spans in by_model.items()}
    return {**made, ("Duration of attempts, p95", "A"): Expected(rows, "last")}
