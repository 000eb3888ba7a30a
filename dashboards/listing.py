"""The list of panels in README.md: what each shows, which metrics it is made of, and what it asks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.query import series_of
from tracegate.telemetry import registry

BEGIN, END = "<!-- panels -->", "<!-- /panels -->"

_HEAD = ("", "| panel | shows | made of | asks |", "|---|---|---|---|")


def listed(dashboard: Mapping[str, Any]) -> str:
    """The panels of a dashboard, as its JSON has them, as Markdown: a table for each row of it."""
    title = dashboard["title"]
    lines = [f"### {title}: at a glance", *_HEAD]
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            lines += ["", f"### {title}: {panel['title'][0].lower()}{panel['title'][1:]}", *_HEAD]
        elif "targets" in panel:
            asked = [asks(target) for target in panel["targets"]]
            made_of = ", ".join(f"`{name}`" for name in metrics(" ".join(asked))) or "spans"
            shown = "<br>".join(f"`{text}`" for text in asked).replace("|", "\\|")
            lines.append(f"| {panel['title']} | {panel['description']} | {made_of} | {shown} |")
    return "\n".join(lines)


def inserted(text: str, dashboards: Sequence[Mapping[str, Any]]) -> str:
    """A text with the list of each dashboard between its two marks, in place of what stood there."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    lists = "\n\n".join(map(listed, dashboards))
    return f"{before}{BEGIN}\n{lists}\n{END}{after}"


def asks(target: Mapping[str, Any]) -> str:
    """What a target asks: PromQL, TraceQL, or Jaeger's tags."""
    text: str = target.get("expr") or target.get("query") or target["tags"]
    return text


def metrics(promql: str) -> Sequence[str]:
    """The metrics that a query is made of, by the names that the gateway gives them; those of others by their own."""
    known = {name: metric for metric in registry.load().metrics for name in series_of(metric)}
    found = re.findall(r"\b(?:gen_ai|tracegate|otelcol)_\w+(?=[{\s)\[])", promql)
    return [known.get(name, name) for name in dict.fromkeys(found) if name in known or name.startswith("otelcol_")]
