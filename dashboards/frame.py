"""What all dashboards have around their panels: variables, marks of starts, the way to the others."""

from __future__ import annotations

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    DashboardLink,
    DashboardLinkType,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
    VariableType,
)

from dashboards.panel import METRICS
from dashboards.query import GAP, select, series
from tracegate.telemetry import names


def source(name: str, title: str, plugin: str) -> VariableModel:
    """A data source of that kind, by default the one whose uid is the plugin's name, as `provisioning/` has it."""
    return VariableModel(
        VariableType.DATASOURCE,
        name,
        title,
        query=plugin,
        current=VariableOption(text=plugin, value=plugin),
        allow_custom_value=False,
    )


def gateways() -> VariableModel:
    """The gateways, by what each of them tells from its start on."""
    return choice("job", "Gateway", f"label_values({series(names.METRIC_TRACEGATE_TELEMETRY_ERRORS)}, job)")


def choice(name: str, title: str, query: str) -> VariableModel:
    """Some of what Prometheus has, by default all."""
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


def starts() -> AnnotationQuery:
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


def others() -> DashboardLink:
    """To the other dashboards of Tracegate, with the same times and choices."""
    return DashboardLink(
        title="Tracegate",
        type_val=DashboardLinkType.DASHBOARDS,
        tags=["tracegate"],
        as_dropdown=True,
        include_vars=True,
        keep_time=True,
    )
