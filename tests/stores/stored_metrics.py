"""Series as Prometheus gives them back, in the form in which our own receiver keeps the points that were sent.

What Prometheus does not keep: the types of numbers and of labels, descriptions, the scope, of the resource all but
what is promoted to labels, and when a series began; exemplars are asked for apart. `as_kept` takes the same away from
a point that was sent, so that the rest can be compared whole. Names are turned back by our registry.
Source: the specification "Prometheus and OpenMetrics compatibility" of OpenTelemetry.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from tracegate.testing.otlp.registry import Registry
from tracegate.testing.otlp.signals import Exemplar, Origin, Point, PointKind

Json = Mapping[str, Any]

_OURS = Registry.ours()
_UNITS = {"s": "_seconds"}  # annotations in braces leave nothing
_KINDS: Mapping[str, PointKind] = {
    "counter": "sum",
    "updowncounter": "sum",
    "gauge": "gauge",
    "histogram": "histogram",
}
_LABELS = {name.replace(".", "_"): name for name in _OURS.attributes}
_PROMOTED = {"service_name": "service.name", "service_version": "service.version"}
INSTANCE = "service.instance.id"


@dataclass(frozen=True)
class KeptExemplar:
    """An exemplar, with the metric, the instance and the labels of its series."""

    metric: str
    instance: str
    labels: Mapping[str, str]
    exemplar: Exemplar


def _known() -> dict[str, tuple[str, str]]:
    """Our metric's name and the part of it, by the name of the series."""
    found: dict[str, tuple[str, str]] = {}
    for name, (kind, unit) in _OURS.metrics.items():
        base = name.replace(".", "_") + _UNITS.get(unit, "")
        for part in ("bucket", "sum", "count") if kind == "histogram" else ("value",):
            suffix = "_total" if kind == "counter" else "" if part == "value" else f"_{part}"
            found[base + suffix] = name, part
    return found


SERIES = _known()


def points(vector: Sequence[Json]) -> list[Point]:
    """The points of what `Prometheus.query` returned; a series that is none of ours is a `KeyError`."""
    parts: dict[tuple[str, str, frozenset[tuple[str, str]]], dict[str, Any]] = defaultdict(lambda: {"bucket": {}})
    for series in vector:
        metric = dict(series["metric"])
        if metric["__name__"] == "target_info":  # the rest of the resource
            continue
        (name, part), le = SERIES[metric.pop("__name__")], metric.pop("le", "")
        instance, labels = _labels(metric)
        value = float(series["value"][1])
        held = parts[name, instance, frozenset(labels.items())]
        if part == "bucket":
            held["bucket"][float(le)] = value
        else:
            held[part] = value
    return [_point(name, instance, dict(labels), held) for (name, instance, labels), held in parts.items()]


def exemplars(told: Sequence[Json]) -> list[KeptExemplar]:
    """The exemplars of what `Prometheus.exemplars` returned; times are whole milliseconds."""
    found = []
    for series in told:
        metric = dict(series["seriesLabels"])
        (name, _), le = SERIES[metric.pop("__name__")], metric.pop("le", "+Inf")
        instance, labels = _labels(metric)
        for one in series["exemplars"]:
            ids, value = one["labels"], float(one["value"])
            assert value <= float(le), "an exemplar above its bucket"
            time = round(one["timestamp"] * 1000) * 1_000_000
            trace, span = bytes.fromhex(ids["trace_id"]), bytes.fromhex(ids["span_id"])
            found.append(KeptExemplar(name, instance, labels, Exemplar(trace, span, time, value)))
    return found


def exemplars_of(some: Iterable[Point]) -> list[KeptExemplar]:
    """The exemplars of points that were sent."""
    return [
        KeptExemplar(point.metric, str(point.origin.resource[INSTANCE]), texts(point.labels), one)
        for point in some
        for one in point.exemplars
    ]


def as_kept(point: Point) -> Point:
    """A point that was sent, without what Prometheus does not keep."""
    return replace(
        point,
        labels=texts(point.labels),
        time=0,
        start=0,
        cumulative=None,
        monotonic=None,
        value=None if point.value is None else float(point.value),
        buckets=tuple(point.buckets),
        bounds=tuple(point.bounds),
        exemplars=(),
        origin=Origin({INSTANCE: point.origin.resource[INSTANCE]}),
    )


def texts(attributes: Mapping[str, object]) -> dict[str, str]:
    """Attributes as stores keep them that know only text."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in attributes.items()
    }


def ordered(some: Iterable[Point]) -> list[Point]:
    """Points in an order of their own, to be compared."""
    return sorted(some, key=lambda point: (point.metric, sorted(point.labels.items())))


def _labels(metric: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The instance that a series came from, and its labels by our names."""
    instance = metric.pop("service_instance_id")
    assert (metric.pop("instance"), metric.pop("job")) == (instance, metric["service_name"])
    return instance, {_LABELS[name]: value for name, value in metric.items() if name not in _PROMOTED}


def _point(name: str, instance: str, labels: dict[str, str], held: Mapping[str, Any]) -> Point:
    kind, unit = _OURS.metrics[name]
    made = Point(name, unit, _KINDS[kind], labels, 0, origin=Origin({INSTANCE: instance}))
    if kind != "histogram":
        return replace(made, value=held["value"])
    bounds = sorted(held["bucket"])
    below = [0, *(int(held["bucket"][bound]) for bound in bounds)]  # cumulative there
    buckets = tuple(now - before for before, now in pairwise(below))
    return replace(made, count=int(held["count"]), sum=held["sum"], buckets=buckets, bounds=tuple(bounds[:-1]))
