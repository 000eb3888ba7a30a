"""Recording rules count from the first event, keep the labels that their names promise, and are written as YAML."""

from __future__ import annotations

import re

import pytest
import yaml

from dashboards.rules.make import Rule, collector, counted, gateway, share, text

LABELS = {
    "provider": "gen_ai_provider_name",
    "where": "tracegate_telemetry_where",
    "model": "gen_ai_request_model",
    "reason": "tracegate_cost_unknown_reason",
    "target": "tracegate_target_id",
}
"""How a name of a rule shortens a label."""


def test_what_is_new_in_the_window_counts_whole() -> None:
    """And what was there counts by its increase."""
    assert counted("x_total", ("a", "b")) == (
        "sum by (a, b) (\n"
        "    (last_over_time(x_total[10m]) unless present_over_time(x_total[1h] offset 10m))\n"
        "  or\n"
        "    increase(x_total[10m])\n"
        ")"
    )


def test_a_share_of_nothing_is_nothing() -> None:
    """And of something without its part it is 0."""
    assert share("p", "w") == "(p or 0 * w) / (w > 0)"


def test_a_rule_is_an_entry_of_a_group() -> None:
    """With the labels it adds."""
    written = yaml.safe_load("rules:\n" + Rule("a:b", "x\n+ y", {"items": "spans"}).text())
    assert written == {"rules": [{"record": "a:b", "expr": "x\n+ y\n", "labels": {"items": "spans"}}]}


@pytest.mark.parametrize("rule", [*gateway(), *collector()], ids=lambda rule: rule.record)
def test_a_name_begins_with_the_labels_that_are_kept(rule: Rule) -> None:
    """As Prometheus' naming has it: level, metric, operation."""
    level, _, _ = rule.record.split(":")
    kept = re.search(r"sum by \(([^)]*)\)", rule.expr)
    if kept is not None:
        named = [LABELS.get(name, name) for name in level.split("_") if name not in rule.labels]
        assert kept[1].split(", ") == named


def test_the_file_has_every_rule_once() -> None:
    """In two groups; the parts of one metric of the Collector differ by a label."""
    groups = yaml.safe_load(text())["groups"]
    assert [len(group["rules"]) for group in groups] == [len(gateway()), len(collector())]
    rules = [(rule["record"], str(rule.get("labels"))) for group in groups for rule in group["rules"]]
    assert len(set(rules)) == len(rules)
