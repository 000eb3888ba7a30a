"""Both trace stores are asked for the same spans, each in its own words."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import traces

USED: traces.Attributes = {"tracegate.fallback.used": True}


def test_values_are_written_as_their_types() -> None:
    """Texts in quotes, truth values bare."""
    both: traces.Attributes = {**USED, "tracegate.fallback.from": "gpt"}
    assert traces.traceql(both) == '{ span.tracegate.fallback.used = true && span.tracegate.fallback.from = "gpt" }'
    assert traces.tags(both) == 'tracegate.fallback.used=true tracegate.fallback.from="gpt"'


def test_tempo_shows_attributes_and_takes_the_newest() -> None:
    """Without the hint it returns what it finds first."""
    target = json.loads(JSONEncoder().encode(traces.newest("tempo", USED, ["tracegate.route.name"])))
    assert target == {
        "refId": "A",
        "datasource": {"type": "tempo", "uid": "${tempo}"},
        "queryType": "traceql",
        "query": "{ span.tracegate.fallback.used = true } | select(span.tracegate.route.name) with (most_recent=true)",
        "tableType": "spans",
        "limit": 50,
        "spss": 10,
        "filters": [],
    }


def test_jaeger_is_asked_for_a_service_and_tags() -> None:
    """It can't show attributes as columns."""
    target = json.loads(JSONEncoder().encode(traces.newest("jaeger", USED, ["tracegate.route.name"])))
    assert target == {
        "refId": "A",
        "datasource": {"type": "jaeger", "uid": "${jaeger}"},
        "queryType": "search",
        "service": "${service}",
        "tags": "tracegate.fallback.used=true",
        "limit": 50,
    }


def test_a_link_is_a_url_that_grafana_fills_in() -> None:
    """Nothing but Grafana's own variables is left unquoted in it."""
    questions: dict[traces.Traces, str] = {
        "tempo": '{ span.tracegate.fallback.used = true && span.error.type = "${__field.labels.error_type}" }',
        "jaeger": 'tracegate.fallback.used=true error.type="${__field.labels.error_type}"',
    }
    for store, asked in questions.items():
        url = traces.explore(store, USED, ["error.type"])
        assert url.startswith("/explore?schemaVersion=1&panes=%7B")
        assert "${__field.labels.error_type}" in url
        assert not set(url) & set(' "<>|\\^`')
        (panes,) = parse_qs(urlsplit(url).query)["panes"]
        pane = json.loads(panes)["a"]
        assert pane["datasource"] == f"${{{store}}}"
        assert pane["range"] == {"from": "${__from}", "to": "${__to}"}
        (query,) = pane["queries"]
        assert asked == query.get("query", query.get("tags"))
