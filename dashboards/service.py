"""Rows of "Who served what" that say how it went: errors, latency, and whether the telemetry itself arrived."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import Panel

from dashboards.answers import ATTEMPTS, CONFLICTS, FAILED, LOST, NONE, OUTCOME, PROVIDER
from dashboards.panel import Ask, Place, graph, growth, ranking
from dashboards.query import counts, label, legend, level, quantile, select, share, total
from dashboards.traces import Traces, explore
from tracegate.telemetry import names as n

CLASS = n.TRACEGATE_ERROR_CLASS
AGAIN = select(n.METRIC_TRACEGATE_TELEMETRY_REPEATED)
REQUESTS = select(n.METRIC_TRACEGATE_REQUEST_DURATION, suffix="_count")


def errors(traces: Traces) -> Sequence[Panel]:
    """What failed."""
    failed = {
        PROVIDER: "provider",
        n.TRACEGATE_TARGET_ID: "target",
        CLASS: "class",
        n.ERROR_TYPE: "error.type",
        n.TRACEGATE_ATTEMPT_KIND: "attempt",
    }
    return (
        growth(
            Place(
                "Failed attempts by class", "Calls to providers that failed, by the class that decides what is done.", 8
            ),
            FAILED,
            [CLASS],
            link=explore(traces, {}, [CLASS]),
            empty=NONE,
        ),
        graph(
            Place(
                "Share of attempts that fail", "Of the calls to a provider in each interval; none where none was.", 8
            ),
            [Ask(share(FAILED, ATTEMPTS, [PROVIDER]), legend([PROVIDER]))],
            "percentunit",
        ),
        growth(
            Place("Requests by outcome", "Requests of clients by route and by how they ended, refused ones too.", 8),
            REQUESTS,
            [n.TRACEGATE_ROUTE_NAME, OUTCOME],
        ),
        ranking(
            Place(
                "Failed attempts of the range",
                "All failed calls: whose, of which class, with which status or error.",
                24,
            ),
            Ask(f"{total(FAILED, list(failed))} > 0"),
            "short",
            {label(name): heading for name, heading in failed.items()},
            "attempts",
            empty=NONE,
        ),
    )


def latency() -> Sequence[Panel]:
    """How long it took."""

    def percentiles(metric: str, title: str, description: str) -> Panel:
        asks = [Ask(quantile(q, metric), f"p{q * 100:.0f}", exemplars=True) for q in (0.5, 0.95, 0.99)]
        return graph(Place(title, f"{description} Estimated from buckets; a diamond leads to a trace.", 12), asks, "s")

    by = [PROVIDER, n.GEN_AI_REQUEST_MODEL]
    return (
        percentiles(
            n.METRIC_TRACEGATE_REQUEST_DURATION, "Duration of requests", "From a client's request to its last byte."
        ),
        graph(
            Place(
                "Duration of attempts, p95",
                "One call to a provider, by the model that was asked for, failed ones too. Estimated from buckets.",
                12,
            ),
            [Ask(quantile(0.95, n.METRIC_GEN_AI_CLIENT_INFERENCE_DURATION, by), legend(by), exemplars=True)],
            "s",
        ),
        percentiles(
            n.METRIC_GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK,
            "Time to first token",
            "From the start of a streaming attempt to its first event.",
        ),
        percentiles(
            n.METRIC_TRACEGATE_GATEWAY_OVERHEAD,
            "Overhead of the gateway",
            "What a request took that was neither a provider's nor a wait before a retry.",
        ),
    )


ACCEPTED = "otelcol_receiver_accepted_spans_total"
SENT = "otelcol_exporter_sent_spans_total"
REFUSED = "otelcol_receiver_refused_spans_total"
COLLECTOR = frozenset({ACCEPTED, SENT, REFUSED})
"""What the Collector counts of itself, named as its configurations here name it."""


def telemetry() -> Sequence[Panel]:
    """Whether all this arrived."""
    route = [n.TRACEGATE_ROUTE_NAME]
    return (
        growth(
            Place("Telemetry lost, by place", "What a gateway had to drop in each interval, and where. Must be 0.", 8),
            LOST,
            [n.TRACEGATE_TELEMETRY_WHERE],
        ),
        growth(
            Place(
                "Telemetry sent again",
                "What a gateway sent again for want of an answer. It may have arrived before: duplicates at most.",
                8,
            ),
            AGAIN,
            [n.TRACEGATE_TELEMETRY_SIGNAL],
            empty="Nothing was sent again.",
        ),
        growth(
            Place("Region conflicts by target", "Attempts whose region is not the configured one. Must be 0.", 8),
            CONFLICTS,
            [PROVIDER, n.TRACEGATE_TARGET_ID],
        ),
        graph(
            Place(
                "Spans through the Collector",
                "Spans that it took in, sent on and refused, in each interval. What is refused is kept by the gateway "
                "and sent again. Needs the Collector's own metrics.",
                12,
            ),
            [Ask(counts(ACCEPTED), "accepted"), Ask(counts(SENT), "sent"), Ask(counts(REFUSED), "refused")],
            "short",
            counted=True,
        ),
        graph(
            Place("Requests in flight", "Requests that clients wait for, by route; `none` has not got one yet.", 12),
            [Ask(level(select(n.METRIC_TRACEGATE_REQUESTS_ACTIVE), route), legend(route))],
            "short",
        ),
    )
