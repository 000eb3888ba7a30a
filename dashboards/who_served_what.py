"""The dashboard "Who served what": which provider, model and region answered, what failed before, what it cost.

Its rows are made in `answers` and `service`. There are two of it, which differ in where traces are: in Tempo, whose
TraceQL shows attributes as columns, or in Jaeger, which finds traces only.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    VariableModel,
    VariableOption,
    VariableType,
)

from dashboards.answers import fallbacks, glance, money, served
from dashboards.frame import choice, gateways, others, source, starts
from dashboards.panel import laid_out
from dashboards.query import JOB, label, series
from dashboards.service import errors, latency, telemetry
from dashboards.traces import Traces
from tracegate.telemetry import names


def dashboard(traces: Traces = "tempo") -> Dashboard:
    """The whole dashboard, for traces in that store."""
    made = (
        build.Dashboard("Who served what" if traces == "tempo" else "Who served what (traces in Jaeger)")
        .uid("tracegate-who-served-what" if traces == "tempo" else "tracegate-who-served-what-jaeger")
        .description(
            "Which provider, model and region answered; fallbacks, errors, latency, cost; and what is missing."
        )
        .tags(["tracegate", "llm"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .timezone("browser")
        .refresh("1m")
    )
    whole = made.build()
    whole.templating.list_val = list(_variables(traces))
    whole.annotations.list_val = [starts()]
    whole.links = [others()]
    whole.panels = laid_out(
        (
            ("", glance()),
            ("Who served", served(traces)),
            ("Fallbacks", fallbacks(traces)),
            ("Errors", errors(traces)),
            ("Latency", latency()),
            ("Tokens and cost", money()),
            ("Telemetry and the gateway", telemetry()),
        )
    )
    return whole


def _variables(traces: Traces) -> Sequence[VariableModel]:
    """What is chosen at the top: where to look, and of which gateways and providers."""
    served = f"{series(names.METRIC_TRACEGATE_RESPONSES_SERVED)}{{{JOB}}}"
    return [
        source("datasource", "Metrics", "prometheus"),
        source("tempo", "Traces", "tempo") if traces == "tempo" else source("jaeger", "Traces", "jaeger"),
        *([] if traces == "tempo" else [_service()]),
        gateways(),
        choice("provider", "Provider", f"label_values({served}, {label(names.GEN_AI_PROVIDER_NAME)})"),
    ]


def _service() -> VariableModel:
    """Jaeger can't search without the name of a service."""
    name = VariableOption(text="tracegate", value="tracegate")
    return VariableModel(VariableType.TEXTBOX, "service", "Service in Jaeger", query="tracegate", current=name)
