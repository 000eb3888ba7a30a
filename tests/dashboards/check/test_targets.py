"""Every query of a dashboard is found, wherever it stands."""

from __future__ import annotations

import json
from pathlib import Path

from dashboards.check.targets import FOLDER, dashboards, targets, variables

PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
DASHBOARD = {
    "uid": "u",
    "templating": {
        "list": [
            {"type": "datasource", "name": "datasource", "query": "prometheus"},
            {"type": "query", "name": "job", "query": "label_values(x, job)", "datasource": PROMETHEUS},
            {"type": "query", "name": "old", "query": {"query": "label_values(y)"}, "datasource": PROMETHEUS},
        ]
    },
    "annotations": {
        "list": [
            {"name": "Built in", "datasource": {"type": "grafana"}},
            {"name": "Starts", "datasource": PROMETHEUS, "expr": "s"},
        ]
    },
    "panels": [
        {"title": "Words", "type": "text"},
        {
            "title": "Graph",
            "datasource": PROMETHEUS,
            "targets": [
                {"refId": "A", "expr": "a", "range": True, "instant": False, "exemplar": True, "legendFormat": "{{l}}"},
                {"refId": "B", "query": "{ }", "datasource": {"type": "tempo"}},
            ],
        },
        {
            "title": "Folded",
            "type": "row",
            "panels": [{"title": "Inner", "targets": [{"refId": "A", "expr": "i", "instant": True}]}],
        },
    ],
}


def test_every_query_is_found() -> None:
    """Those of variables and annotations, of folded rows, and each with its own data source."""
    found = [(target.panel, target.ref, target.source, target.text, target.instant) for target in targets(DASHBOARD)]
    assert found == [
        ("variable $job", "A", "prometheus", "label_values(x, job)", False),
        ("variable $old", "A", "prometheus", "label_values(y)", False),
        ("annotation Starts", "A", "prometheus", "s", False),
        ("Graph", "A", "prometheus", "a", False),
        ("Graph", "B", "tempo", "{ }", False),
        ("Inner", "A", "", "i", True),
    ]


def test_a_query_keeps_its_legend_and_its_exemplars() -> None:
    """And everything else that it says."""
    graph = next(target for target in targets(DASHBOARD) if target.panel == "Graph")
    assert (graph.dashboard, graph.name, graph.legend, graph.exemplars) == ("u", ("Graph", "A"), "{{l}}", True)
    assert graph.more["range"] is True


def test_variables_are_found_by_name() -> None:
    """Of every type."""
    assert sorted(variables(DASHBOARD)) == ["datasource", "job", "old"]


def test_dashboards_are_those_of_a_folder(tmp_path: Path) -> None:
    """In the order of their files."""
    for name in "ba":
        (tmp_path / f"{name}.json").write_text(json.dumps({"uid": name}))
    assert [one["uid"] for one in dashboards(tmp_path)] == ["a", "b"]
    assert len(dashboards()) == len(list(FOLDER.glob("*.json"))) > 0
