"""The registry of names, read from `registry.yaml`: what may be exported, where, and of which type.

Nothing reads it while requests run: it is for the tests, the test kit's receiver, the documentation, and whoever
generates an allow-list for a Collector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tracegate.telemetry import names

LETTERS: Mapping[str, str] = {"string": "s", "int": "i", "double": "d", "boolean": "b", "string[]": "S", "any": "any"}
"""Types as `document` writes them."""

CLOSED = tuple(
    f"{name}."
    for name in ("gen_ai", "http", "server", "error", "client", "url", "network", "user_agent", "openai", "tracegate")
)
"""Namespaces in which nothing may be exported that the registry does not name."""


@dataclass(frozen=True, slots=True)
class SpanType:
    """One kind of span: what it must say, and all it may say."""

    kind: str
    required: frozenset[str]
    allowed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Registry:
    """All names.

    Args:
        attributes: Type by name: `string`, `int`, `double`, `boolean`, `string[]` or `any`.
        members: Allowed values, of those attributes that have a closed set.
        briefs: What each attribute of our own means.
        spans: By type: `tracegate.server`, `tracegate.route`, `tracegate.attempt`, `tracegate.hop`.
        metrics: Kind and unit by name.
        labels: Labels by name of a metric.
        buckets: Upper bounds by name of a histogram.
        events: Severity number by name.
        event_attributes: Attributes by name of an event.
        deprecated: The convention's old names, which must not be used.
    """

    attributes: Mapping[str, str]
    members: Mapping[str, tuple[str, ...]]
    briefs: Mapping[str, str]
    spans: Mapping[str, SpanType]
    metrics: Mapping[str, tuple[str, str]]
    labels: Mapping[str, tuple[str, ...]]
    buckets: Mapping[str, tuple[float, ...]]
    events: Mapping[str, int]
    event_attributes: Mapping[str, tuple[str, ...]]
    deprecated: tuple[str, ...]


@cache
def load() -> Registry:
    """The registry of this version."""
    raw: Any = yaml.load((files("tracegate.telemetry") / "registry.yaml").read_bytes(), yaml.CSafeLoader)
    listed = [*raw["attributes"], *raw["imports"]]
    metrics, events = raw["metrics"], raw["events"]
    spans = {span["type"]: _span(span) for span in raw["spans"]}
    return Registry(
        attributes={a["key"]: a["type"] if isinstance(a["type"], str) else "string" for a in listed},
        members={a["key"]: tuple(a["type"]["members"]) for a in listed if not isinstance(a["type"], str)},
        briefs={a["key"]: a["brief"] for a in raw["attributes"]},
        spans=spans,
        metrics={m["name"]: (m["instrument"], m["unit"]) for m in metrics},
        labels={m["name"]: tuple(m["attributes"]) for m in metrics},
        buckets={m["name"]: tuple(m["annotations"]["buckets"]) for m in metrics if "annotations" in m},
        events={e["name"]: e["annotations"]["severity"] for e in events},
        event_attributes={e["name"]: _event(e, spans) for e in events},
        deprecated=tuple(raw["deprecated"]),
    )


def document() -> dict[str, Any]:
    """The registry in the short form that the test kit's receiver takes."""
    registry = load()
    attempt, server = registry.spans["tracegate.attempt"], registry.spans["tracegate.server"]
    return {
        "scope": {"name": names.SCOPE, "schema_url": names.SCHEMA_URL},
        "attributes": {name: LETTERS[kind] for name, kind in registry.attributes.items()},
        "closed": list(CLOSED),
        "enums": {name: list(values) for name, values in registry.members.items()},
        "metrics": {name: list(what) for name, what in registry.metrics.items()},
        "events": dict(registry.events),
        "attempt_required": sorted(attempt.required),
        "server_required": sorted(server.required),
        "deprecated": list(registry.deprecated),
    }


def _event(raw: Any, spans: Mapping[str, SpanType]) -> tuple[str, ...]:
    """What an event may say: its own attributes, and those of the span that it extends."""
    own = tuple(raw["attributes"])
    return (*own, *sorted(spans[raw["extends"]].allowed)) if "extends" in raw else own


def _span(raw: Any) -> SpanType:
    required = frozenset(a["ref"] for a in raw["attributes"] if a["requirement_level"] == "required")
    return SpanType(raw["kind"], required, frozenset(a["ref"] for a in raw["attributes"]))
