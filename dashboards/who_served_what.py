"""The dashboard "Who served what": which provider, model and region answered, what failed before, what it cost.

Its rows are made in `answers` and `service`. There are two of it, which differ in where traces are: in Tempo, whose
TraceQL shows attributes as columns, or in Jaeger, which finds traces only.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardCursorSync,
    DashboardLink,
    DashboardLinkType,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
    VariableType,
)

from dashboards.answers import fallbacks, glance, money, served
from dashboards.panel import METRICS, laid_out
from dashboards.query import GAP, JOB, label, select, series
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
    whole.annotations.list_val = [_starts()]
    whole.links = [_others()]
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
    lost, served = (
        series(names.METRIC_TRACEGATE_TELEMETRY_ERRORS),
        f"{series(names.METRIC_TRACEGATE_RESPONSES_SERVED)}{{{JOB}}}",
    )
    return [
        _source("datasource", "Metrics", "prometheus"),
        _source("tempo", "Traces", "tempo") if traces == "tempo" else _source("jaeger", "Traces", "jaeger"),
        *([] if traces == "tempo" else [_service()]),
        _choice("job", "Gateway", f"label_values({lost}, job)"),
        _choice("provider", "Provider", f"label_values({served}, {label(names.GEN_AI_PROVIDER_NAME)})"),
    ]


def _source(name: str, title: str, plugin: str) -> VariableModel:
    """A data source of that kind, by default the one whose uid is the plugin's name, as `provisioning/` has it."""
    return VariableModel(
        VariableType.DATASOURCE,
        name,
        title,
        query=plugin,
        current=VariableOption(text=plugin, value=plugin),
        allow_custom_value=False,
    )


def _service() -> VariableModel:
    """Jaeger can't search without the name of a service."""
    name = VariableOption(text="tracegate", value="tracegate")
    return VariableModel(VariableType.TEXTBOX, "service", "Service in Jaeger", query="tracegate", current=name)


def _choice(name: str, title: str, query: str) -> VariableModel:
    return VariableModel(
        VariableType.QUERY,
        name,
        title,
        query=query,
        definition=query,
        datasource=METRICS,
        current=VariableOption(text="All", value="$__all"),
        multi=True,
        include_all=True,
        all_value=".*",
        refresh=VariableRefresh.ON_TIME_RANGE_CHANGED,
        sort=VariableSort.ALPHABETICAL_ASC,
        allow_custom_value=False,
    )


def _starts() -> AnnotationQuery:
    """Marks where a gateway started: a configuration is read at no other time."""
    lost = select(names.METRIC_TRACEGATE_TELEMETRY_ERRORS)
    # The counter of losses is there from the start on, and each start is an instance of its own.
    started = f"group by (job, service_version) ({lost} unless last_over_time({lost}[{GAP}] offset 1m))"
    return AnnotationQuery(
        name="Starts",
        datasource=METRICS,
        icon_color="blue",
        target=prometheus.Dataquery().ref_id("Starts").datasource(METRICS).expr(started).range().build(),
        expr=started,
        step="1m",
        title_format="{{job}} started",
        text_format="version {{service_version}}, with the configuration of that time",
    )


def _others() -> DashboardLink:
    """To the other dashboards of Tracegate, with the same times and choices."""
    return DashboardLink(
        title="Tracegate",
        type_val=DashboardLinkType.DASHBOARDS,
        tags=["tracegate"],
        as_dropdown=True,
        include_vars=True,
        keep_time=True,
    )
