"""The dashboards as Grafana would read them: the committed JSON, its panels, targets and links."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.house.repository import ROOT, files

Json = Mapping[str, Any]

DASHBOARDS: Mapping[str, Json] = {
    path.name: json.loads((ROOT / path).read_text("utf-8")) for path in files("dashboards/json/*.json")
}

CUSTODY = "tracegate-chain-of-custody"
TRACED: Mapping[str, Json] = {name: one for name, one in DASHBOARDS.items() if one["uid"] != CUSTODY}
"""Those that lead to traces; the two are one, for two stores."""

SAMPLES = {"$__range": "6h", "$__rate_interval": "1m", "$__interval": "1m", "$job": ".*", "$provider": ".*"}
"""What stands for Grafana's variables where a query is only read."""


def panels(dashboard: Json) -> Iterator[Json]:
    """Every panel that is no row."""
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def targets(dashboard: Json) -> Iterator[tuple[Json, Json]]:
    """Every target with its panel."""
    return ((panel, target) for panel in panels(dashboard) for target in panel.get("targets", ()))


def queries(dashboard: Json) -> Iterator[tuple[str, str, str]]:
    """Name, PromQL as it stands, and legend of everything that asks Prometheus, annotations included."""
    for panel, target in targets(dashboard):
        if "expr" in target:
            yield panel["title"], target["expr"], target["legendFormat"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"], annotation["titleFormat"] + annotation["textFormat"]


def filled(promql: str) -> str:
    """A query without variables."""
    for name, value in SAMPLES.items():
        promql = promql.replace(name, value)
    return promql


def links(dashboard: Json) -> Iterator[tuple[Json, Json]]:
    """What each link of data asks in Explore, with its panel."""
    for panel in panels(dashboard):
        for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", ()):
            (panes,) = parse_qs(urlsplit(link["url"]).query)["panes"]
            yield panel, json.loads(panes)["a"]
