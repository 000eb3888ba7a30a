"""One trace, one metric with an exemplar and one log event, as OTLP JSON: what the stores are asked for again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracegate.stack.fetch import ask
from tracegate.stack.parts import StackError

S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """Ids and times of what is sent.

    Args:
        trace, span: In hex.
        at: UTC nanoseconds.
        response: Value of `gen_ai.response.id`, to search by.
    """

    trace: str
    span: str
    at: int
    response: str

    def traces(self) -> Mapping[str, Any]:
        """A span that takes a second, with attributes of each kind."""
        span = {
            "traceId": self.trace,
            "spanId": self.span,
            "name": "chat gpt-5",
            "kind": 3,
            "startTimeUnixNano": str(self.at),
            "endTimeUnixNano": str(self.at + S),
            "attributes": [
                _text("gen_ai.response.id", self.response),
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(2**53 + 1)}},
                {
                    "key": "gen_ai.response.finish_reasons",
                    "value": {"arrayValue": {"values": [{"stringValue": "stop"}]}},
                },
            ],
            "status": {"code": 2, "message": "broken"},
        }
        return {"resourceSpans": [{**self._resource(), "scopeSpans": [{"scope": _SCOPE, "spans": [span]}]}]}

    def metrics(self) -> Mapping[str, Any]:
        """A histogram with one measurement of 1.5 s, whose exemplar leads to the span; and a counter of 7."""
        point = {
            "startTimeUnixNano": str(self.at),
            "timeUnixNano": str(self.at + S),
            "attributes": [_text("gen_ai.provider.name", "openai")],
        }
        exemplar = {"timeUnixNano": str(self.at + S), "traceId": self.trace, "spanId": self.span, "asDouble": 1.5}
        histogram = {
            "aggregationTemporality": 2,
            "dataPoints": [
                {
                    **point,
                    "count": "1",
                    "sum": 1.5,
                    "bucketCounts": ["0", "1", "0"],
                    "explicitBounds": [1, 2],
                    "exemplars": [exemplar],
                }
            ],
        }
        counter = {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [{**point, "asInt": "7"}]}
        metrics = [
            {"name": "gen_ai.client.operation.duration", "unit": "s", "histogram": histogram},
            {"name": "tracegate.cost.micros", "unit": "{micro-usd}", "sum": counter},
        ]
        return {"resourceMetrics": [{**self._resource(), "scopeMetrics": [{"scope": _SCOPE, "metrics": metrics}]}]}

    def logs(self) -> Mapping[str, Any]:
        """An event with a body, in the span."""
        record = {
            "timeUnixNano": str(self.at),
            "eventName": "tracegate.region.conflict",
            "severityNumber": 13,
            "severityText": "WARN",
            "traceId": self.trace,
            "spanId": self.span,
            "body": {"stringValue": f'{{"response":"{self.response}"}}'},
            "attributes": [
                _text("tracegate.route.name", "chat"),
                {"key": "tracegate.n", "value": {"intValue": "7"}},
            ],
        }
        return {"resourceLogs": [{**self._resource(), "scopeLogs": [{"scope": _SCOPE, "logRecords": [record]}]}]}

    def _resource(self) -> Mapping[str, Any]:
        """A process of its own, so that its series are, too."""
        told = [_text("service.name", "tracegate"), _text("service.instance.id", self.trace)]
        return {"resource": {"attributes": told}}


_SCOPE = {"name": "tracegate.tests", "version": "1"}


def _text(key: str, value: str) -> Mapping[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


async def post(otlp_http: str, signal: str, request: Mapping[str, Any]) -> None:
    """Post a request of one signal; raises `StackError` unless all of it was accepted."""
    url = f"{otlp_http}/v1/{signal}"
    answer = (await ask(url, json.dumps(request).encode(), {"Content-Type": "application/json"})).json()
    if any(answer.get("partialSuccess", {}).values()):
        raise StackError(f"{url} accepted a part: {answer}")
