"""The JSON is what Grafana provisions from a file, and each panel says what it is."""

from __future__ import annotations

import json
import re
from itertools import combinations

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.panel import WIDTH
from tests.dashboards.shown import DASHBOARDS, TRACED, Json, links, panels, targets

# Source: "Unit" in Grafana's documentation of standard options; these are the ids of what is used here.
UNITS = {"none", "short", "s", "percentunit"}
MUST_BE_ZERO = {"Telemetry lost", "Region conflicts", "Gaps", "Answers without a record"}

each = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))


@each
def test_it_has_the_classic_form(dashboard: Json) -> None:
    """File provisioning refuses the newer forms, which Grafana 13 exports."""
    assert {"panels", "schemaVersion", "templating"} <= set(dashboard)
    assert not {"elements", "layout", "apiVersion", "kind", "spec"} & set(dashboard)
    assert 39 <= dashboard["schemaVersion"] <= 42
    assert "id" not in dashboard
    assert 8 <= len(dashboard["uid"]) <= 40
    assert dashboard["editable"] is False
    assert dashboard["description"]


def test_no_two_share_an_identity() -> None:
    """Grafana keeps one of two with the same uid, and people can't tell two titles apart."""
    for member in ("uid", "title"):
        assert len({dashboard[member] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


@each
def test_the_sdk_reads_it_whole(dashboard: Json) -> None:
    """It drops what Grafana's schema does not know, so equality is a check of the schema."""
    register_default_plugins()
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(dict(dashboard)))) == dashboard


@each
def test_panels_have_ids_and_places_of_their_own(dashboard: Json) -> None:
    """No two overlap, and none sticks out."""
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    cells = {
        panel["id"]: {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for panel in dashboard["panels"]
        for at in [panel["gridPos"]]
    }
    assert all(0 <= x < WIDTH for taken in cells.values() for x, _ in taken)
    assert [pair for pair in combinations(cells, 2) if cells[pair[0]] & cells[pair[1]]] == []


@each
def test_every_panel_says_what_it_shows_and_in_which_unit(dashboard: Json) -> None:
    """A title of its own, a sentence, a unit."""
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles)
    for panel in panels(dashboard):
        assert panel["description"].endswith("."), panel["title"]
        if panel["type"] != "text":
            assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]


@each
def test_nothing_is_stacked(dashboard: Json) -> None:
    """In a stack only the lowest line can be read."""
    assert '"stacking"' not in json.dumps(dashboard)


@each
def test_every_panel_asks_through_a_variable(dashboard: Json) -> None:
    """Whoever imports it chooses the data sources; each variable is used and named as its kind of source is."""
    sources = {
        f"${{{variable['name']}}}": variable["query"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "datasource"
    }
    used = [panel["datasource"] for panel in panels(dashboard) if panel["type"] != "text"]
    used += [target["datasource"] for _, target in targets(dashboard)]
    used += [variable["datasource"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    used += [annotation["datasource"] for annotation in dashboard["annotations"]["list"]]
    assert {source["uid"]: source["type"] for source in used} == sources
    assert {link["datasource"] for _, link in links(dashboard)} <= set(sources)


@each
def test_targets_have_letters_of_their_own(dashboard: Json) -> None:
    """Without one Grafana runs none of them; every panel but a text asks something."""
    for panel in panels(dashboard):
        letters = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(letters)) == len(letters)
        assert bool(letters) == (panel["type"] != "text"), panel["title"]


@each
def test_it_is_not_refreshed_faster_than_data_comes(dashboard: Json) -> None:
    """Gateways export their metrics every 15 seconds, and a graph's interval is a minute."""
    assert dashboard["refresh"] == "1m"
    assert {panel["interval"] for panel in panels(dashboard) if panel["type"] == "timeseries"} == {"1m"}


@each
def test_what_must_be_0_is_red_at_1_and_without_data(dashboard: Json) -> None:
    """Silence is no zero."""
    for panel in panels(dashboard):
        defaults = panel.get("fieldConfig", {}).get("defaults", {})
        if panel["title"] in MUST_BE_ZERO:
            assert panel["type"] == "stat"
            assert [(step["value"], step["color"]) for step in defaults["thresholds"]["steps"]] == [
                (None, "green"),
                (1, "red"),
            ]
            (mapping,) = defaults["mappings"]
            assert mapping["options"] == {
                "match": "null+nan",
                "result": {"text": "NO SIGNAL", "color": "red", "index": 0},
            }
        else:
            assert not defaults.get("mappings"), panel["title"]


def test_the_two_differ_only_in_where_traces_are() -> None:
    """Same panels, same PromQL, and of either store the same spans are asked."""
    asked = [
        [
            (panel["title"], [_asked(target) for target in panel.get("targets", ())], [_asked(query) for query in led])
            for panel in panels(dashboard)
            for led in [[query for of, pane in links(dashboard) if of is panel for query in pane["queries"]]]
        ]
        for dashboard in TRACED.values()
    ]
    assert asked[0] == asked[1]


def _asked(query: Json) -> object:
    """PromQL as it stands; of a search for traces, which attributes have which values."""
    if "expr" in query:
        return query["expr"]
    said = query.get("tags", query.get("query", "").partition("|")[0])
    return re.findall(r"(tracegate|gen_ai)\.([\w.]+) ?= ?(\S+)", said)
