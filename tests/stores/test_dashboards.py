"""Every query of every panel finds the right numbers in the real stores, and what is broken moves its panel and alert.

It is `python -m dashboards.check`, whose table it reads; run that to see it.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from rich.console import Console

from dashboards.check.compared import Line, table
from dashboards.check.panels import CHOICES, SPOILT
from dashboards.check.targets import FOLDER
from dashboards.check.violations import LOST, VIOLATIONS
from dashboards.check.whole import checked

pytestmark = pytest.mark.stores


@pytest.fixture(scope="module")
def lines() -> Sequence[Line]:
    """The table, made once."""
    return asyncio.run(checked())


def _asked(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in a dashboard that is a list of targets, wherever it stands."""
    if isinstance(value, dict):
        yield from ({"title": value.get("title"), **target} for target in value.get("targets", ()))
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _asked(one)


def test_everything_is_right(lines: Sequence[Line]) -> None:
    """No number differs from what the providers logged, no violation passes unseen."""
    said = Console(file=io.StringIO(), width=180)
    assert table(lines, said) == 0, said.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO


def test_no_query_is_left_out(lines: Sequence[Line]) -> None:
    """Those of panels, variables and annotations: read here once more, in another way."""
    for path in FOLDER.glob("*.json"):
        dashboard = json.loads(path.read_text("utf-8"))
        asked = {(target["title"], target["refId"]) for target in _asked(dashboard["panels"])}
        asked |= {
            (f"variable ${one['name']}", "A") for one in dashboard["templating"]["list"] if one["type"] == "query"
        }
        asked |= {(f"annotation {one['name']}", "A") for one in dashboard["annotations"]["list"] if "expr" in one}
        found = {(line.panel, line.ref) for line in lines if dashboard["uid"] in line.dashboards}
        assert found == asked
        assert len(asked) > 20


def test_every_choice_was_tried_and_every_violation_made(lines: Sequence[Line]) -> None:
    """And what was spoilt on purpose was found wrong."""
    names = [line.choice for line in lines]
    assert {choice.name for choice in CHOICES} <= set(names)
    assert {violation.name for violation in (*VIOLATIONS, LOST)} <= set(names)
    assert names.count("spoilt on purpose") == len(SPOILT)


def test_hardly_a_query_was_right_by_finding_nothing(lines: Sequence[Line]) -> None:
    """What is not there agrees with everything: only what a sound run never counts may be empty."""
    found = {(line.panel, line.ref) for line in lines if line.rows}
    empty = {(line.panel, line.ref) for line in lines if line.dashboards} - found
    assert empty == set()  # "Telemetry sent again" has rows once a receiver went without an answer
