"""A query that nobody expects, one that is missing, and one that is spoilt are all told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dashboards.check import panels
from dashboards.check.compared import Line
from dashboards.check.custody import Custody
from dashboards.check.kept import Kept
from dashboards.check.panels import CHOICES, SPOILT, lines
from dashboards.check.played import BESIDES, LOOKED_AT, Played
from dashboards.check.targets import FOLDER, dashboards
from dashboards.check.variables import Window
from tests.dashboards.check.stores import Told

LOGS = {job: Kept(f"gate.example/tracegate/c/{job}/2026-11", {"log.open": 1}, 1) for job in (LOOKED_AT, BESIDES)}
NOTHING = Played((), Window(1_000, 5_000, 1_000, 2_000), 6_000, Custody((), LOGS, LOGS))
"""A load of nothing: every expectation is of zeros."""


def _changed(tmp_path: Path, change: Any) -> Sequence[Any]:
    for path in FOLDER.glob("*.json"):
        dashboard = json.loads(path.read_text("utf-8"))
        change(dashboard["panels"])
        (tmp_path / path.name).write_text(json.dumps(dashboard), "utf-8")
    return dashboards(tmp_path)


def _lines(monkeypatch: pytest.MonkeyPatch, told: Told, shown: Sequence[Any] | None = None) -> list[Line]:
    if shown is not None:
        monkeypatch.setattr(panels, "dashboards", lambda: shown)
    return asyncio.run(lines(told.stack, NOTHING))


def test_a_query_without_an_expectation_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever adds a panel adds what is right."""

    def add(of: list[Any]) -> None:
        of.append({"title": "New", "targets": [{"refId": "A", "expr": "x", "datasource": {"type": "prometheus"}}]})

    (line,) = [line for line in _lines(monkeypatch, Told(), _changed(tmp_path, add)) if line.panel == "New"]
    assert line.wrong == ["nothing is expected of it: the check must be told what is right"]
    assert len(line.dashboards) == len(dashboards())


def test_an_expectation_without_a_query_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A panel that was lost is told of."""

    def remove(of: list[Any]) -> None:
        of[:] = [panel for panel in of if panel.get("title") != "Answers"]
        for panel in of:
            if panel.get("title") == "Cost":
                panel["targets"] = []

    monkeypatch.setattr(panels, "SPOILT", ())
    told = [
        line
        for line in _lines(monkeypatch, Told(), _changed(tmp_path, remove))
        if "does not ask it" in "".join(line.wrong)
    ]
    assert {line.panel for line in told} == {"Answers", "Cost"}


def test_a_variable_that_is_not_defined_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Grafana would send its name."""

    def spoil(of: list[Any]) -> None:
        for panel in of:
            if panel.get("title") == "Answers":
                panel["targets"][0]["expr"] = 'x{job="$jobs"}'

    told = [line for line in _lines(monkeypatch, Told(), _changed(tmp_path, spoil)) if line.panel == "Answers"]
    assert "is no variable of the dashboard" in told[0].wrong[0]


def test_stores_without_data_are_wrong_nearly_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even of a load of nothing there must be zeros; only what needs a first event may be empty."""
    made = _lines(monkeypatch, Told())
    of_zeros = {line.panel for line in made if line.wrong and line.dashboards}
    assert {"Answers", "Telemetry lost", "Region conflicts", "Unpriced answers", "Telemetry lost, by place"} <= of_zeros
    assert {"Fallbacks", "Failed attempts"} <= of_zeros  # none, of what could have failed
    assert "Known cost" not in of_zeros


def test_legends_that_say_nothing_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the same of two series."""
    made = _lines(monkeypatch, Told([({}, ["0"]), ({"x": "y"}, ["0"])]))
    said = "".join(text for line in made for text in line.wrong)
    assert "is empty for a series" in said
    assert "names two series alike" in said


def test_exemplars_that_lead_nowhere_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so is a graph that promises some and has none."""
    for told, says in (
        (Told([({}, ["0"])], exemplars=["1"]), "1 exemplars, of which"),
        (Told([({}, ["0"])]), "0 exemplars"),
    ):
        made = _lines(monkeypatch, told)
        assert any(says in text for line in made if line.panel == "Duration of requests" for text in line.wrong)


def test_a_spoilt_query_that_is_found_right_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """With this store, whatever is asked, there is no cost: the check says that it saw nothing."""
    made = [line for line in _lines(monkeypatch, Told()) if line.choice == "spoilt on purpose"]
    assert len(made) == len(SPOILT)
    assert [(line.panel, line.wrong) for line in made if line.wrong] == [
        (panel, ["a spoilt query was found right: the check can't be trusted"])
        for panel in ("Known cost", "Duration of requests")
    ]


def test_only_what_depends_on_a_choice_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Collector knows no gateways."""
    made = _lines(monkeypatch, Told())
    assert {line.choice for line in made if line.panel == "Spans through the Collector"} == {CHOICES[0].name}
    assert {line.choice for line in made if line.panel == "Answers by provider"} == {choice.name for choice in CHOICES}
