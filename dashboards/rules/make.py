"""Writes `tracegate.rules.yml`: what was counted in the last ten minutes, from the first event on.

A counter appears in Prometheus with its first value, and `increase()` of one that appears at 1 is 0: the first loss,
the first fallback between two targets, the first error of a new kind would be missed. That needs four lines of PromQL
for each counter, which stand here once. The alerts are written by hand, in `tracegate.alerts.yml`.

`python -m dashboards.rules.make` writes the file; a test compares.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).parent / "tracegate.rules.yml"

WINDOW, BEFORE = "10m", "1h"
"""What is looked at, and how long before it a series must have been absent to count as new in it."""

HEAD = """\
# Written by `python -m dashboards.rules.make`, from dashboards/rules/make.py.
#
# `increase()` of a counter that appears at 1 is 0, so a series that was absent in the hour before the window counts
# with its whole value, and any other with its increase. Nothing turns a missing metric into 0: without data there is
# no series, and `TracegateTelemetryUnknown` fires. A share may be 0, but only where something was counted.
groups:
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """One recording rule.

    Args:
        record: The name of what it makes.
        expr: Its PromQL.
        labels: Added to each series.
    """

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """As an entry of a group."""
        labels = "".join(f"        {name}: {value}\n" for name, value in self.labels.items())
        return f"      - record: {self.record}\n        expr: |\n{textwrap.indent(self.expr, ' ' * 10)}\n" + (
            f"        labels:\n{textwrap.indent(labels, '  ')}" if labels else ""
        )


def counted(selector: str, by: Sequence[str]) -> str:
    """PromQL: what the counters that a selector finds counted in the window.

    Args:
        selector: Of counters, without a range.
        by: The labels that are kept.
    """
    return f"""\
sum by ({", ".join(by)}) (
    (last_over_time({selector}[{WINDOW}]) unless present_over_time({selector}[{BEFORE}] offset {WINDOW}))
  or
    increase({selector}[{WINDOW}])
)"""


def share(part: str, whole: str) -> str:
    """PromQL: a part of a whole, 0 where only the whole was counted, nothing where nothing was."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def gateway() -> list[Rule]:
    """Of the gateway's own counters; `job` is its `service.name`."""
    provider = ("job", "gen_ai_provider_name")
    attempts, failed = (
        "job_provider:tracegate_attempts:increase10m",
        "job_provider:tracegate_attempts_failed:increase10m",
    )
    # A request that reached a provider has exactly one initial attempt.
    requests, fallbacks = "job:tracegate_requests_sent:increase10m", "job:tracegate_fallbacks:increase10m"
    return [
        Rule(
            "job_where:tracegate_telemetry_errors:increase10m",
            counted("tracegate_telemetry_errors_total", ("job", "tracegate_telemetry_where")),
        ),
        Rule(attempts, counted("tracegate_attempts_total", provider)),
        Rule(failed, counted('tracegate_attempts_total{error_type!=""}', provider)),
        Rule("job_provider:tracegate_attempts_failed:ratio10m", share(failed, attempts)),
        Rule(requests, counted('tracegate_attempts_total{tracegate_attempt_kind="initial"}', ("job",))),
        Rule(fallbacks, counted("tracegate_fallbacks_total", ("job",))),
        Rule("job:tracegate_fallbacks:ratio10m", share(fallbacks, requests)),
        Rule(
            "job_provider_model_reason:tracegate_cost_unknown:increase10m",
            counted(
                "tracegate_cost_unknown_total", (*provider, "gen_ai_request_model", "tracegate_cost_unknown_reason")
            ),
        ),
        Rule("job:tracegate_audit_failures:increase10m", counted("tracegate_audit_failures_total", ("job",))),
        Rule(
            "job_provider_target:tracegate_region_conflicts:increase10m",
            counted("tracegate_region_conflicts_total", (*provider, "tracegate_target_id")),
        ),
    ]


def collector() -> list[Rule]:
    """Of the Collector's counters of losses, which mostly do not exist before the first; named as `dev.yaml` has it."""
    made = []
    for side, what in (
        ("exporter", "send_failed"),
        ("exporter", "enqueue_failed"),
        ("receiver", "refused"),
        ("receiver", "failed"),
    ):
        for items in ("spans", "metric_points", "log_records"):
            expr = counted(f"otelcol_{side}_{what}_{items}_total", ("job", "instance", side))
            made.append(Rule(f"job_instance_{side}_items:otelcol_{side}_{what}:increase10m", expr, {"items": items}))
    return made


def text() -> str:
    """The whole file."""
    groups = {"tracegate.increase": gateway(), "tracegate.collector.increase": collector()}
    parts = [
        f"  - name: {name}\n    interval: 30s\n    rules:\n" + "".join(rule.text() for rule in rules)
        for name, rules in groups.items()
    ]
    return HEAD + "".join(parts)


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
