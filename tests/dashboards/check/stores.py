"""Stores that say what they are told to, and keep what they were asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from tracegate.stack.stack import Stack

Json = Mapping[str, Any]


class Told:
    """Stands for a `Stack`, with Prometheus and Jaeger in one.

    Args:
        series: What every query of Prometheus finds: labels, and the values of a range or the one of a moment.
        spans: Tags of the spans of each service's one trace.
        exemplars: Trace ids.
        traces: Those that Jaeger has.
    """

    def __init__(
        self,
        series: Sequence[tuple[Mapping[str, str], Sequence[str]]] = (),
        spans: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        exemplars: Sequence[str] = (),
        traces: Sequence[str] = (),
    ) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.prometheus = self.jaeger = self
        self._series, self._spans, self._exemplars, self._traces = series, spans or {}, exemplars, traces

    @property
    def stack(self) -> Stack:
        """Itself, by the type that it stands for."""
        return cast(Stack, self)

    async def query(self, promql: str, *, at_ns: int) -> Sequence[Json]:
        """An instant vector."""
        self.asked.append((promql, at_ns))
        return [{"metric": labels, "value": [0, values[-1]]} for labels, values in self._series]

    async def query_range(self, promql: str, start_ns: int, end_ns: int, *, step_s: float) -> Sequence[Json]:
        """A range vector."""
        self.asked.append((promql, start_ns, end_ns, step_s))
        return [{"metric": labels, "values": [[0, value] for value in values]} for labels, values in self._series]

    async def exemplars(self, promql: str, start_ns: int, end_ns: int) -> Sequence[Json]:
        """One series of exemplars."""
        return [{"exemplars": [{"labels": {"trace_id": id}} for id in self._exemplars]}]

    async def trace(self, trace_id: str) -> Sequence[Json]:
        """A trace, where there is one."""
        return [{}] if trace_id in self._traces else []

    async def search(self, service: str, attributes: Mapping[str, str], *, limit: int) -> Mapping[str, Sequence[Json]]:
        """The service's trace, whatever is searched."""
        self.asked.append((service, dict(attributes), limit))
        tags = [[{"key": key, "value": value} for key, value in span.items()] for span in self._spans.get(service, ())]
        return {"t": [{"tags": one} for one in tags]}
