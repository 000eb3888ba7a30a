"""Searches for traces by the attributes of their spans, in Tempo or in Jaeger: as a query, and as a link to Explore.

Both stores are asked for the same: spans that have all of some attributes. Only Tempo can show attributes as columns.
In either Grafana makes the id of a found trace a link to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.tempo import Dataquery as TempoQuery
from grafana_foundation_sdk.models.tempo import SearchTableType

from dashboards.query import label

Traces = Literal["tempo", "jaeger"]
"""Which store the traces are in."""

Attributes = Mapping[str, str | bool]
"""Values of attributes that a span must have, by name."""

SOURCES: Mapping[Traces, DataSourceRef] = {
    "tempo": DataSourceRef("tempo", "${tempo}"),
    "jaeger": DataSourceRef("jaeger", "${jaeger}"),
}

LAST = 50
"""How many are found."""


def traceql(attributes: Attributes, shown: Sequence[str] = ()) -> str:
    """Tempo's query; `shown` become columns.

    >>> traceql({"tracegate.fallback.used": True}, ["tracegate.route.name"])
    '{ span.tracegate.fallback.used = true } | select(span.tracegate.route.name)'
    """
    found = " && ".join(f"span.{name} = {json.dumps(value)}" for name, value in attributes.items())
    return f"{{ {found} }}" + (f" | select({', '.join(f'span.{name}' for name in shown)})" if shown else "")


def tags(attributes: Attributes) -> str:
    """Jaeger's tags, in logfmt.

    >>> tags({"tracegate.fallback.used": True, "tracegate.fallback.from": "gpt"})
    'tracegate.fallback.used=true tracegate.fallback.from="gpt"'
    """
    return " ".join(f"{name}={json.dumps(value)}" for name, value in attributes.items())


def newest(traces: Traces, attributes: Attributes, shown: Sequence[str]) -> Dataquery:
    """The query of a table of what was found last."""
    if traces == "jaeger":  # the SDK has no class for it
        return UnknownDataquery({"refId": "A", "datasource": SOURCES[traces].to_json(), **_jaeger(attributes)})
    return TempoQuery(
        ref_id="A",
        datasource=SOURCES[traces],
        query_type="traceql",
        query=f"{traceql(attributes, shown)} with (most_recent=true)",
        table_type=SearchTableType.SPANS,
        limit=LAST,
        spss=10,
    )


def explore(traces: Traces, attributes: Attributes, labels: Sequence[str]) -> str:
    """The URL of Explore with the traces behind a line of a graph.

    Args:
        traces: Where they are.
        attributes: What the spans have.
        labels: Attributes that have the value of the line's label of the same name.
    """
    wanted: Attributes = {**attributes, **{name: f"${{__field.labels.{label(name)}}}" for name in labels}}
    query: Mapping[str, Any] = _jaeger(wanted)
    if traces == "tempo":
        query = {"queryType": "traceql", "tableType": "spans", "limit": LAST, "query": traceql(wanted)}
    span = {"from": "${__from}", "to": "${__to}"}
    pane = {"datasource": SOURCES[traces].uid, "queries": [{"refId": "A", **query}], "range": span}
    # What Grafana fills in must stand in the URL as it is.
    parts = re.split(r"(\$\{[^}]+\})", json.dumps({"a": pane}, separators=(",", ":")))
    return "/explore?schemaVersion=1&panes=" + "".join(p if p.startswith("${") else quote(p) for p in parts)


def _jaeger(attributes: Attributes) -> Mapping[str, Any]:
    return {"queryType": "search", "service": "${service}", "tags": tags(attributes), "limit": LAST}
