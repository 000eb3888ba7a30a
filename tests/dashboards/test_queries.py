"""Every query asks for what the gateway really writes, by rules that keep a panel from being empty or wrong."""

from __future__ import annotations

import re

import pytest
from promql_parser import MatchOp, parse

from dashboards.query import GAP, series_of
from dashboards.service import COLLECTOR
from tests.dashboards.promql import groups, labels, naked, selectors
from tests.dashboards.shown import CUSTODY, DASHBOARDS, TRACED, Json, filled, links, panels, queries, targets
from tracegate.telemetry import registry

REGISTRY = registry.load()
KNOWN = {name: known for metric in REGISTRY.metrics for name, known in series_of(metric).items()}
COUNTERS = {name for metric, (kind, _) in REGISTRY.metrics.items() if kind != "gauge" for name in series_of(metric)} - {
    "tracegate_requests_active"
}

# Metrics of the registry that no panel shows, each with its reason.
UNUSED = {
    "gen_ai.client.inference.time_per_output_chunk": "registered, not recorded in this version",
    "gen_ai.client.inference.operation.input_tokens": "opt-in: a distribution, where the dashboard shows sums",
    "gen_ai.client.inference.operation.output_tokens": "opt-in: a distribution, where the dashboard shows sums",
    "tracegate.cache.requests": "there is no cache in this version",
}

QUERIES = [(name, promql, legend) for dashboard in DASHBOARDS.values() for name, promql, legend in queries(dashboard)]
each = pytest.mark.parametrize(("name", "promql", "legend"), dict.fromkeys(QUERIES))


def test_there_is_something_to_look_at() -> None:
    """The rules below hold for nothing too."""
    assert len(DASHBOARDS) == 3
    assert len(set(QUERIES)) > 50


@each
def test_every_series_and_label_is_one_that_is_written(name: str, promql: str, legend: str) -> None:
    """By the gateway, as its registry has it, or by the Collector."""
    for selector in selectors(parse(filled(promql))):
        assert selector.name in KNOWN or selector.name in COLLECTOR, name
        used = {matcher.name for matcher in selector.matchers.matchers}
        assert used <= KNOWN.get(selector.name or "", frozenset({"job"})), name


@each
def test_the_choices_at_the_top_hold_for_every_series_that_knows_them(name: str, promql: str, legend: str) -> None:
    """Gateways for all of them, providers where a series says one."""
    for selector in selectors(
        parse(promql.replace("$__range", "6h").replace("$__rate_interval", "1m").replace("$__interval", "1m"))
    ):
        matched = {m.name: m.value for m in selector.matchers.matchers if m.op == MatchOp.Re}
        known = KNOWN.get(selector.name or "", frozenset())
        wanted = {"job": "$job", "gen_ai_provider_name": "$provider"}
        assert matched == {label: value for label, value in wanted.items() if label in known}, name


@each
def test_series_are_grouped_by_labels_that_all_of_them_have(name: str, promql: str, legend: str) -> None:
    """A label that a series lacks makes a group without a name."""
    for by, grouped in groups(parse(filled(promql))):
        for selector in grouped:
            assert by <= KNOWN.get(selector.name or "", frozenset()), name


@each
def test_legends_name_labels_that_are_kept(name: str, promql: str, legend: str) -> None:
    """Another one would show as empty; and what is kept is named, or two lines would be called the same."""
    kept = labels(parse(filled(promql)))
    named = set(re.findall(r"{{(\w+)}}", legend))
    assert kept is not None, name
    assert named == (set() if legend == "__auto" else kept), name


@each
def test_nothing_is_shown_by_the_ids_of_single_things(name: str, promql: str, legend: str) -> None:
    """Each start of a gateway and each request would be a line of its own; targets are configured and few."""
    by = {label for found, _ in groups(parse(filled(promql))) for label in found}
    assert [label for label in by - {"tracegate_target_id"} if label.endswith("_id") or label == "instance"] == []


@each
def test_counters_are_never_read_as_they_stand(name: str, promql: str, legend: str) -> None:
    """Only by how much they grew: in a rate, or as the difference to an earlier moment."""
    assert not set(naked(parse(filled(promql)))) & (COUNTERS | COLLECTOR), name


@each
def test_times_are_those_of_the_dashboard(name: str, promql: str, legend: str) -> None:
    """But how long a series may have been away, and the minute after a start; rates take the one made for them."""
    assert set(re.findall(r"\[(\d\w*)", promql)) <= {GAP}, name
    assert set(re.findall(r"offset (\d\w*)", promql)) == ({"1m"} if name == "Starts" else set()), name
    assert set(re.findall(r"(?:rate|increase)\([^\[]*\[([^\]]+)\]", promql)) <= {"$__rate_interval"}, name


@each
def test_no_query_makes_a_number_of_missing_data(name: str, promql: str, legend: str) -> None:
    """A zero that nobody counted is a lie."""
    assert not re.search(r"vector\s*\(|absent", promql), name


def test_every_metric_is_shown_or_has_its_reason() -> None:
    """What nobody shows, nobody sees."""
    used = {selector.name for _, promql, _ in QUERIES for selector in selectors(parse(filled(promql)))}
    shown = {metric for metric in REGISTRY.metrics if used & set(series_of(metric))}
    assert set(REGISTRY.metrics) - shown == set(UNUSED)


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))
def test_columns_are_labels_that_rows_have(dashboard: Json) -> None:
    """Each gets a heading and a place, and the value does."""
    renamed = 0
    for panel in panels(dashboard):
        for change in panel.get("transformations", ()):
            (target,) = panel["targets"]
            columns = {*(labels(parse(filled(target["expr"]))) or ()), "Value"}
            assert set(change["options"]["renameByName"]) == set(change["options"]["indexByName"]) == columns
            renamed += 1
    assert renamed == (2 if dashboard["uid"] == CUSTODY else 3)


@pytest.mark.parametrize("dashboard", TRACED.values(), ids=list(TRACED))
def test_traces_are_found_by_attributes_that_spans_have(dashboard: Json) -> None:
    """All that the table and the links look for and show."""
    attributes = {name for span in REGISTRY.spans.values() for name in span.allowed}
    asked = [target for _, target in targets(dashboard) if "expr" not in target]
    asked += [query for _, pane in links(dashboard) for query in pane["queries"]]
    for query in asked:
        found = (
            re.findall(r"span\.([\w.]+)", query["query"])
            if "query" in query
            else re.findall(r"([\w.]+)=", query["tags"])
        )
        assert found
        assert set(found) <= attributes
    assert len(asked) > 1


@pytest.mark.parametrize("dashboard", TRACED.values(), ids=list(TRACED))
def test_links_are_filled_from_labels_that_lines_have(dashboard: Json) -> None:
    """Of every query of their panel."""
    filled_in = 0
    for panel, pane in links(dashboard):
        for query in pane["queries"]:
            names = set(re.findall(r"\$\{__field\.labels\.(\w+)\}", query.get("query", "") + query.get("tags", "")))
            filled_in += len(names)
            for target in panel["targets"]:
                assert names <= (labels(parse(filled(target["expr"]))) or set())
    assert filled_in
