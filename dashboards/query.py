"""PromQL in the few forms that the dashboards use, so that each is thought through once.

Names and labels are given as the gateway writes them (`tracegate.telemetry.names`) and become those of Prometheus
here, by its rules for OTLP: dots become underscores, a unit that is a word is appended, a counter ends in `_total`.
Source: the OpenTelemetry specification "Prometheus and OpenMetrics Compatibility".

Counts are exact and counted from the first event on. `increase()` is neither: it extrapolates to the ends of its
range, and of a series that appears at 1 it makes 0, so the first fallback between two targets would never be seen.
Both forms below use that a series never starts again from 0, because every start of a gateway is a new
`service.instance.id`, and that a series which was absent for the `GAP` before is new and had counted nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tracegate.telemetry import registry

JOB = 'job=~"$job"'
"""Prometheus makes `job` of `service.namespace` and `service.name`; each series of a gateway has it."""

PROVIDER = 'gen_ai_provider_name=~"$provider"'

GAP = "1h"
"""How long metrics may stay away. After a longer gap a series is taken for new, and counts whole once more."""

_UNITS = {"s": "seconds"}  # what stands in braces, as `{token}`, is no unit and is left out


def label(attribute: str) -> str:
    """An attribute's name as a label.

    >>> label("gen_ai.provider.name")
    'gen_ai_provider_name'
    """
    return attribute.replace(".", "_")


def series(metric: str) -> str:
    """A metric's name in Prometheus; of a histogram the one that `_bucket`, `_sum` and `_count` follow.

    >>> series("tracegate.cost.micros"), series("tracegate.request.duration")
    ('tracegate_cost_micros_total', 'tracegate_request_duration_seconds')
    """
    kind, unit = registry.load().metrics[metric]
    parts = [label(metric), *([_UNITS[unit]] if unit in _UNITS else []), *(["total"] if kind == "counter" else [])]
    return "_".join(parts)


def select(metric: str, *matchers: str, suffix: str = "") -> str:
    """The series of a metric: those of the chosen gateways, and of the chosen providers where they say one.

    Args:
        metric: As the gateway names it.
        matchers: More of them.
        suffix: `_bucket` or `_count`, of a histogram.
    """
    own = [PROVIDER] if "gen_ai.provider.name" in registry.load().labels[metric] else []
    return f"{series(metric)}{suffix}{{{', '.join([JOB, *own, *matchers])}}}"


def total(selector: str, by: Sequence[str] = ()) -> str:
    """What was counted in the range that the dashboard shows, exactly; an instant query."""
    last = f"last_over_time({selector}[$__range])"
    return f"sum{_by(by)} ({last} - (last_over_time({selector}[{GAP}] offset $__range) or {last} * 0))"


def part_of(part: str, whole: str) -> str:
    """A total that is 0 where only the whole was counted: then a part that has no series yet is known to be none."""
    return f"{total(part)} or {total(whole)} * 0"


def counts(selector: str, by: Sequence[str] = ()) -> str:
    """What was counted in each interval of a graph; its points add up to `total`."""
    before = f"last_over_time({selector}[{GAP}] offset $__interval)"
    return f"sum{_by(by)} ({selector} - ({before} or {selector} * 0))"


def share(part: str, whole: str, by: Sequence[str]) -> str:
    """What share of the whole a part of it was, in each interval; nothing where nothing was counted."""
    every = counts(whole, by)
    return f"({counts(part, by)} or {every} * 0) / ({every} > 0)"


def quantile(share: float, metric: str, by: Sequence[str] = ()) -> str:
    """A quantile of a histogram, estimated from its buckets."""
    buckets = f"rate({select(metric, suffix='_bucket')}[$__rate_interval])"
    return f"histogram_quantile({share}, sum{_by(['le', *by])} ({buckets}))"


def level(selector: str, by: Sequence[str] = ()) -> str:
    """The value of a gauge."""
    return f"sum{_by(by)} ({selector})"


def highest(selector: str, by: Sequence[str]) -> str:
    """The value of a gauge that only grows: of what several processes say of one thing the newest."""
    return f"max{_by(by)} ({selector})"


def last_told(selector: str, by: Sequence[str]) -> str:
    """The value of a gauge that is told from time to time, at least once an hour."""
    return f"sum{_by(by)} (last_over_time({selector}[{GAP}]))"


def legend(by: Sequence[str], joined: str = " · ") -> str:
    """The names of a graph's lines: the values of their labels.

    >>> legend(["gen_ai.provider.name", "gen_ai.response.model"])
    '{{gen_ai_provider_name}} · {{gen_ai_response_model}}'
    """
    return joined.join(f"{{{{{label(name)}}}}}" for name in by)


def series_of(metric: str) -> Mapping[str, frozenset[str]]:
    """Every series name that a metric makes in Prometheus, with the labels that it may have."""
    kind, _ = registry.load().metrics[metric]
    own = {label(name) for name in registry.load().labels[metric]} | RESOURCE
    name = series(metric)
    if kind != "histogram":
        return {name: frozenset(own)}
    return {f"{name}_bucket": frozenset({*own, "le"}), f"{name}_sum": frozenset(own), f"{name}_count": frozenset(own)}


RESOURCE = frozenset({"job", "instance", "service_name", "service_instance_id", "service_version"})
"""Labels that come from the resource: two that Prometheus makes, and those that its configuration promotes."""


def _by(labels: Sequence[str]) -> str:
    return f" by ({', '.join(label(name) for name in labels)})" if labels else ""
