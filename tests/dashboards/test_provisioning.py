"""What Grafana is given beside the dashboards fits them, and what the gateway writes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from promql_parser import parse

from dashboards.query import label, series_of
from tests.dashboards.promql import selectors
from tests.dashboards.rendered import binds, rendered
from tests.dashboards.shown import DASHBOARDS
from tests.house.repository import ROOT
from tracegate.telemetry import registry
from tracegate.telemetry.setup import TelemetrySettings

HERE = ROOT / "dashboards" / "provisioning"
COMPOSE = ROOT / "collector" / "compose"
SOURCES = {
    source["uid"]: source
    for file in ("datasources.yaml", "datasources-jaeger.yaml")
    for source in yaml.safe_load((HERE / file).read_text("utf-8"))["datasources"]
}
KNOWN = {name: known for metric in registry.load().metrics for name, known in series_of(metric).items()}


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))
def test_a_dashboard_finds_its_data_sources_without_a_choice(dashboard: Any) -> None:
    """What its variables have at first is the uid of a provisioned source of that kind."""
    wanted = {
        variable["current"]["value"]: variable["query"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "datasource"
    }
    assert wanted == {uid: SOURCES[uid]["type"] for uid in wanted}


def test_sources_lead_to_sources_that_exist() -> None:
    """From exemplars and logs to traces, from traces to logs and metrics."""
    led = re.findall(r'"datasourceUid": "(\w+)"', json.dumps(SOURCES))
    assert len(led) == 5
    assert set(led) <= set(SOURCES)


def test_variables_of_grafana_reach_it() -> None:
    """In a provisioning file a single `$` is a variable of the environment, and none of those is used."""
    texts = _texts(list(SOURCES.values()))
    assert [text for text in texts if re.search(r"(?<!\$)\$(?!\$)", text)] == []
    assert any("$$" in text for text in texts)


def test_an_interval_is_that_of_the_exports() -> None:
    """`$__rate_interval` is made of it: with a shorter one a rate has one point, and shows nothing."""
    seconds = TelemetrySettings().metrics_every_ns // 1_000_000_000
    assert SOURCES["prometheus"]["jsonData"]["timeInterval"] == f"{seconds}s"


def test_names_in_the_links_between_sources_are_the_gateways() -> None:
    """Metrics and labels of the queries from a trace to metrics, and the tags they are made of."""
    to_metrics = SOURCES["tempo"]["jsonData"]["tracesToMetrics"]
    for query in to_metrics["queries"]:
        for selector in selectors(parse(query["query"].replace("$$__tags", 'gen_ai_provider_name="x"'))):
            assert {matcher.name for matcher in selector.matchers.matchers} <= KNOWN[selector.name or ""]
    assert {tag["value"] for tag in to_metrics["tags"]} == {label(tag["key"]) for tag in to_metrics["tags"]}
    attempt = registry.load().spans["tracegate.attempt"].required
    assert {tag["key"] for tag in to_metrics["tags"]} <= attempt
    assert {SOURCES[uid]["jsonData"]["spanBar"]["tag"] for uid in ("tempo", "jaeger")} <= attempt


def test_exemplars_are_read_by_the_label_that_prometheus_gives_them() -> None:
    """Prometheus calls the id of an OTLP exemplar's trace `trace_id`."""
    (destination,) = SOURCES["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert (destination["name"], destination["datasourceUid"]) == ("trace_id", "tempo")


def test_dashboards_are_provisioned_as_committed() -> None:
    """No edits that the next restart would lose; from the folder that compose mounts them in."""
    (provider,) = yaml.safe_load((HERE / "dashboards.yaml").read_text("utf-8"))["providers"]
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)
    grafana = rendered([COMPOSE / "compose.yaml", COMPOSE / "compose.jaeger.yaml"], {})["services"]["grafana"]
    targets = [target for source, target in binds(grafana) if source.endswith(".json")]
    assert sorted(targets) == sorted(f"{provider['options']['path']}/{name}" for name in DASHBOARDS)
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] in targets
    for source, target in binds(grafana):
        if target.endswith(".yaml"):
            kind = "dashboards" if source.endswith("dashboards.yaml") else "datasources"
            assert target.startswith(f"/etc/grafana/provisioning/{kind}/")
