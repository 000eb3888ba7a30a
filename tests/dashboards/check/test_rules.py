"""The rules that the check loads are those that are shipped, but for how long they wait."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dashboards.check.rules import ROOT, hurried, named
from tracegate.stack.servers import bundled_rules


def _rules(paths: list[Path]) -> list[dict[str, Any]]:
    groups = [group for path in paths for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def test_nothing_but_the_waiting_is_left_out(tmp_path: Path) -> None:
    """Expressions, labels and annotations are the same."""
    shipped, made = _rules(bundled_rules(ROOT)), _rules(hurried(tmp_path))
    assert any("for" in rule for rule in shipped)
    assert made == [{name: value for name, value in rule.items() if name != "for"} for rule in shipped]


def test_every_group_is_looked_at_every_second(tmp_path: Path) -> None:
    """Under the same names."""
    for path in hurried(tmp_path):
        assert {group["interval"] for group in yaml.safe_load(path.read_text("utf-8"))["groups"]} == {"1s"}


def test_alerts_are_named_in_order() -> None:
    """None is said, too."""
    assert (named(["b", "a"]), named([])) == ("a, b", "nothing fires")
