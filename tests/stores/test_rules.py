"""The rules by promtool: they are well-formed, each alert was seen to fire and to be silent, and says what to do."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.rules import make
from tracegate.stack import building
from tracegate.stack.servers import bundled_rules

pytestmark = pytest.mark.stores

ROOT = Path(__file__).parents[2]
RULES = bundled_rules(ROOT)
TESTS = sorted((ROOT / "dashboards" / "rules" / "tests").glob("*.yml"))


def _promtool(*arguments: str | Path) -> tuple[int, str]:
    command = [str(building.programs(["promtool"])["promtool"]), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def _alerts() -> dict[str, Any]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def _cases() -> Iterator[tuple[str, bool]]:
    """Each alert that a test looks at while there is data, and whether it is to fire then."""
    for path in TESTS:
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            for case in test["alert_rule_test"]:
                yield case["alertname"], bool(case["exp_alerts"])


def test_the_rules_are_well_formed() -> None:
    """`promtool check rules`, with what it only warns of; duplicates are one thing."""
    code, said = _promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert code == 0, said
    assert said.count("SUCCESS") == len(RULES), said


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_rules_do_what_their_tests_say(path: Path) -> None:
    """`promtool test rules`."""
    code, said = _promtool("test", "rules", path)
    assert code == 0, said


def test_promtool_notices_a_rule_that_is_wrong(tmp_path: Path) -> None:
    """With `increase()` alone the first loss is missed: the tests would say so."""
    for path in RULES:
        text = path.read_text("utf-8")
        if path == make.FILE:
            text = re.sub(r" +\(last_over_time.*\)\n +or\n", "", text)
        (tmp_path / path.name).write_text(text, "utf-8")
    (tmp_path / "tests").mkdir()
    wrong = tmp_path / "tests" / "gateway.test.yml"
    wrong.write_text((TESTS[0].parent / wrong.name).read_text("utf-8"), "utf-8")
    code, said = _promtool("test", "rules", "--run", "the first loss ever", wrong)
    assert code == 1
    assert "name: the first loss ever, in a series that appears with it" in said


def test_every_alert_fires_once_and_is_silent_once() -> None:
    """In the tests of promtool; an alert that nobody saw fire is none."""
    seen = set(_cases())
    assert {(name, fires) for name in _alerts() for fires in (True, False)} == seen


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    """A severity, three annotations, and a paragraph of the runbook, which has no other."""
    runbook = (ROOT / "dashboards" / "RUNBOOK.md").read_text("utf-8")
    assert re.findall(r"^## (.*)$", runbook, re.MULTILINE) == list(_alerts())
    for name, rule in _alerts().items():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"dashboards/RUNBOOK.md#{name.lower()}"


def test_the_recording_rules_are_those_that_are_made() -> None:
    """`python -m dashboards.rules.make` changes nothing."""
    assert make.FILE.read_text("utf-8") == make.text()
