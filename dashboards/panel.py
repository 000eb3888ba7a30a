"""Panels in the few shapes that the dashboards use: a number, a number that must be 0, a graph, a table, a text.

A panel gets its id, its place and its data source here; what it asks and says stands in the module of its dashboard.
Nothing is stacked, every panel has a unit and a description, and no colour means something that no text says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import common as look
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, table, text, timeseries
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DataTransformerConfig,
    GridPos,
    Panel,
    RowPanel,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from dashboards.query import counts, legend
from dashboards.traces import SOURCES, Attributes, Traces, newest

_P = TypeVar("_P", stat.Panel, timeseries.Panel, table.Panel, text.Panel)

METRICS = DataSourceRef("prometheus", "${datasource}")
LETTERS = "ABCDEFGH"
WIDTH = 24
"""Columns of Grafana's grid."""

FINEST = "1m"
"""The shortest interval of a graph: four exports of a gateway's metrics."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One query of a panel, in PromQL.

    Args:
        expr: The query.
        legend: Of its series; labels stand in double braces.
        exemplars: Whether measurements are shown that lead to their traces.
    """

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What every panel has.

    Args:
        title: Its name.
        description: What it shows, and what it doesn't.
        width, height: In cells of the grid.
    """

    title: str
    description: str
    width: int
    height: int = 8


def number(place: Place, ask: Ask, unit: str, *, decimals: int = 0, zero: bool = False, rare: bool = False) -> Panel:
    """One number per series, over the whole range.

    Args:
        place: Title, description and size.
        ask: The query.
        unit: As Grafana names it.
        decimals: How many are shown.
        zero: It must be 0: green at 0, red from 1 on, and red where there is no data.
        rare: It should be 0: orange from 1 on.
    """
    panel = (
        _placed(stat.Panel(), place)
        .unit(unit)
        .decimals(decimals)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.AUTO)
        .color_mode(BigValueColorMode.BACKGROUND if zero or rare else BigValueColorMode.NONE)
        .reduce_options(look.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .with_target(_target(ask, "A").instant())
    )
    if zero or rare:
        panel.thresholds(_thresholds("red" if zero else "orange"))
    if zero:
        panel.mappings([_NO_SIGNAL])
    return panel.build()


def graph(
    place: Place, asks: Sequence[Ask], unit: str, *, counted: bool = False, link: str | None = None, empty: str = ""
) -> Panel:
    """Lines over time.

    Args:
        place: Title, description and size.
        asks: The queries.
        unit: As Grafana names it.
        counted: It shows counts per interval: as steps, with the sum of each line.
        link: URL from a point to the traces behind it.
        empty: What it says without any series, where that is usual.
    """
    panel = (
        _placed(timeseries.Panel(), place)
        .unit(unit)
        .min(0)
        .interval(FINEST)
        .draw_style(GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(10)
        .show_points(VisibilityMode.AUTO)
        .axis_placement(AxisPlacement.AUTO)
        # A step reaches back to where its interval began.
        .line_interpolation(LineInterpolation.STEP_BEFORE if counted else LineInterpolation.LINEAR)
        .tooltip(look.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .legend(
            look.VizLegendOptions()
            .show_legend(True)
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .calcs(["sum"] if counted else ["lastNotNull", "max"])
            .sort_by("Total" if counted else "Max")
            .sort_desc(True)
        )
    )
    for number, ask in enumerate(asks):
        panel.with_target(_target(ask, LETTERS[number]).range())
    if empty:
        panel.no_value(empty)
    if link is not None:
        panel.data_links([build.DashboardLink("The traces behind it").url(link).target_blank(True)])
    return panel.build()


def growth(
    place: Place, metric: str, by: Sequence[str], *, between: str = " · ", link: str | None = None, empty: str = ""
) -> Panel:
    """A graph of what was counted in each interval, with a line for each value of some attributes.

    Args:
        place, link, empty: As `graph` takes them.
        metric: The series, as `select` gives them.
        by: The attributes.
        between: What stands between their values in the legend.
    """
    ask = Ask(counts(metric, by), legend(by, between))
    return graph(place, [ask], "short", counted=True, link=link, empty=empty)


def ranking(place: Place, ask: Ask, unit: str, columns: Mapping[str, str], value: str, *, empty: str = "") -> Panel:
    """A table of totals, the largest first.

    Args:
        place: Title, description and size.
        ask: The query; each series is a row.
        unit: Of the value.
        columns: Heading by label, in their order.
        value: Heading of the value.
        empty: What it says without any series, where that is usual.
    """
    names = {**columns, "Value": value}
    panel = (
        _placed(table.Panel(), place)
        .unit(unit)
        .decimals(0)
        .filterable(True)
        .with_target(_target(ask, "A").instant().format(PromQueryFormat.TABLE))
        .with_transformation(
            DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {name: index for index, name in enumerate(names)},
                    "renameByName": names,
                },
            )
        )
        .sort_by([look.TableSortByFieldState().display_name(value).desc(True)])
    )
    return (panel.no_value(empty) if empty else panel).build()


def found(place: Place, traces: Traces, attributes: Attributes, shown: Sequence[str]) -> Panel:
    """A table of the newest traces with such a span, each a link to it.

    Args:
        place: Title, description and size.
        traces: Where they are.
        attributes: What the span has.
        shown: Attributes that become columns, where the store can do that.
    """
    by_time = look.TableSortByFieldState().display_name("Start time").desc(True)
    made = _placed(table.Panel(), place).unit("none").filterable(True).sort_by([by_time]).build()
    made.datasource = SOURCES[traces]
    made.targets = [newest(traces, attributes, shown)]
    return made


def words(place: Place, markdown: str) -> Panel:
    """A text."""
    made = _placed(text.Panel(), place).mode(TextMode.MARKDOWN).content(markdown).build()
    made.datasource = None
    return made


def laid_out(parts: Sequence[tuple[str, Sequence[Panel]]]) -> list[Panel | RowPanel]:
    """Panels below the titles of their rows, from left to right, with ids from 1 on; a part without title has no row.

    Raises:
        ValueError: A line of panels is not as wide as the grid, or not of one height.
    """
    placed: list[Panel | RowPanel] = []
    y = 0
    for title, panels in parts:
        if title:
            placed.append(RowPanel(title=title, id_val=len(placed) + 1, grid_pos=GridPos(h=1, w=WIDTH, x=0, y=y)))
            y += 1
        x = height = 0
        for panel in panels:
            grid = panel.grid_pos or GridPos()
            if x and grid.h != height:
                raise ValueError(f"`{panel.title}` is not as high as the panels left of it")
            height = grid.h
            panel.id_val, grid.x, grid.y = len(placed) + 1, x, y
            placed.append(panel)
            x += grid.w
            if x > WIDTH:
                raise ValueError(f"`{panel.title}` does not fit beside the panels left of it")
            if x == WIDTH:
                x, y = 0, y + height
        if x:
            raise ValueError(f"the last line of `{title}` has {WIDTH - x} columns left")
    return placed


def _placed(panel: _P, place: Place) -> _P:
    panel.title(place.title).description(place.description).datasource(METRICS)
    panel.grid_pos(GridPos(h=place.height, w=place.width, x=0, y=0))
    return panel


def _target(ask: Ask, letter: str) -> prometheus.Dataquery:
    query = (
        prometheus.Dataquery().ref_id(letter).datasource(METRICS).expr(ask.expr).legend_format(ask.legend or "__auto")
    )
    return query.exemplar(True) if ask.exemplars else query


def _thresholds(colour: str) -> build.ThresholdsConfig:
    steps = [Threshold(None, "green"), Threshold(1, colour)]
    return build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


_NO_SIGNAL = SpecialValueMap(
    DashboardSpecialValueMapOptions(
        SpecialValueMatch.NULL_AND_NAN, ValueMappingResult(text="NO SIGNAL", color="red", index=0)
    )
)
