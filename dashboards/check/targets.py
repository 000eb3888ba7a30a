"""Reads dashboards: every query of every panel, those of variables and of annotations too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "json"


@dataclass(frozen=True, slots=True)
class Target:
    """One query.

    Args:
        dashboard: The uid of its dashboard.
        panel: The title of its panel; of a variable or an annotation its name, behind what it is.
        ref: Its letter.
        source: The type of its data source.
        text: What is asked, with variables.
        instant: Asked for one moment; else for a range.
        legend: Of its series.
        exemplars: Whether they are asked for, too.
        more: Everything else that it says.
    """

    dashboard: str
    panel: str
    ref: str
    source: str
    text: str
    instant: bool
    legend: str
    exemplars: bool
    more: Mapping[str, Any]

    @property
    def name(self) -> tuple[str, str]:
        """Panel and letter: what an expectation is found by."""
        return self.panel, self.ref


def dashboards(folder: Path = FOLDER) -> list[Mapping[str, Any]]:
    """The dashboards of a folder."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def targets(dashboard: Mapping[str, Any]) -> Iterator[Target]:
    """Everything that a dashboard asks a data source for."""
    uid = dashboard["uid"]
    for variable in dashboard.get("templating", {}).get("list", ()):
        if variable["type"] == "query":
            query = variable["query"]
            text = query if isinstance(query, str) else query["query"]
            yield _target(uid, f"variable ${variable['name']}", {**variable, "expr": text, "refId": "A"})
    for annotation in dashboard.get("annotations", {}).get("list", ()):
        if annotation.get("datasource", {}).get("type") not in (None, "grafana"):
            yield _target(uid, f"annotation {annotation['name']}", {**annotation, "refId": "A"})
    for panel in _panels(dashboard.get("panels", ())):
        for target in panel.get("targets", ()):
            yield _target(uid, panel["title"], {"datasource": panel.get("datasource"), **target})


def variables(dashboard: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The variables of a dashboard, by name."""
    return {one["name"]: one for one in dashboard.get("templating", {}).get("list", ())}


def _panels(panels: Any) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels", ()))  # of a row that is folded


def _target(uid: str, panel: str, said: Mapping[str, Any]) -> Target:
    return Target(
        uid,
        panel,
        said["refId"],
        (said.get("datasource") or {}).get("type", ""),
        said.get("expr") or said.get("query") or said.get("tags") or "",
        bool(said.get("instant")) and not said.get("range"),
        said.get("legendFormat") or "",
        bool(said.get("exemplar")),
        said,
    )
