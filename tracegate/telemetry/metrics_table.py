"""The instruments that Tracegate records: name, kind, unit, description and pinned buckets, as one table.

No measuring happens here; `metrics` makes the measurements, `aggregate` and `sdk_metrics` sum them up.
Names, units and buckets are those of the pinned GenAI convention and of the namespace `tracegate.*`
(ruling 32); the tests hold them to a fixture of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tracegate.telemetry import names

InstrumentKind = Literal["counter", "updown", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument; `bounds` are the upper bounds of a histogram's buckets, inclusive, in the unit given."""

    name: str
    kind: InstrumentKind
    unit: str
    description: str
    bounds: tuple[float, ...] = ()


# Source: the convention's advice for durations of inference, "G" of the GenAI metrics page.
_SECONDS = tuple(0.01 * 2**power for power in range(14))
# Source: the same page, for tokens per operation: powers of four.
_TOKENS = tuple(float(4**power) for power in range(14))
# Ours: answers of language models take minutes, what the gateway adds takes microseconds.
_REQUEST_SECONDS = tuple(0.01 * 2**power for power in range(17))
_OVERHEAD_SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

INSTRUMENTS: Mapping[str, Instrument] = {
    made.name: made
    for made in (
        Instrument(
            names.METRIC_GEN_AI_CLIENT_INFERENCE_DURATION,
            "histogram",
            "s",
            "Duration of one attempt at a model.",
            _SECONDS,
        ),
        Instrument(
            names.METRIC_GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK,
            "histogram",
            "s",
            "Start of a streaming attempt to its first data event.",
            _SECONDS,
        ),
        Instrument(
            names.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_INPUT_TOKENS,
            "counter",
            "{token}",
            "Input tokens reported by providers, cached ones included.",
        ),
        Instrument(
            names.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_OUTPUT_TOKENS,
            "counter",
            "{token}",
            "Output tokens reported by providers, reasoning included.",
        ),
        Instrument(
            names.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_READ_INPUT_TOKENS,
            "counter",
            "{token}",
            "Input tokens that providers read from their cache.",
        ),
        Instrument(
            names.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_WRITE_INPUT_TOKENS,
            "counter",
            "{token}",
            "Input tokens that providers wrote into their cache.",
        ),
        Instrument(
            names.METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_REASONING_OUTPUT_TOKENS,
            "counter",
            "{token}",
            "Output tokens that providers spent on reasoning.",
        ),
        Instrument(
            names.METRIC_GEN_AI_CLIENT_INFERENCE_OPERATION_INPUT_TOKENS,
            "histogram",
            "{token}",
            "Input tokens of one attempt.",
            _TOKENS,
        ),
        Instrument(
            names.METRIC_GEN_AI_CLIENT_INFERENCE_OPERATION_OUTPUT_TOKENS,
            "histogram",
            "{token}",
            "Output tokens of one attempt.",
            _TOKENS,
        ),
        Instrument(
            names.METRIC_TRACEGATE_REQUEST_DURATION,
            "histogram",
            "s",
            "Duration of a client's request, refused ones too.",
            _REQUEST_SECONDS,
        ),
        Instrument(names.METRIC_TRACEGATE_REQUESTS_ACTIVE, "updown", "{request}", "Requests of clients in flight."),
        Instrument(names.METRIC_TRACEGATE_ATTEMPTS, "counter", "{attempt}", "Upstream calls."),
        Instrument(
            names.METRIC_TRACEGATE_FALLBACKS,
            "counter",
            "{fallback}",
            "Attempts at another target because one had failed.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_RESPONSES_SERVED, "counter", "{response}", "Answers that a provider committed to."
        ),
        Instrument(
            names.METRIC_TRACEGATE_USAGE_UNKNOWN,
            "counter",
            "{response}",
            "Complete answers whose provider reported no usage.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_REGION_CONFLICTS,
            "counter",
            "{conflict}",
            "Attempts whose region contradicts the configured one.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_COST_MICROS,
            "counter",
            "{micro}",
            "Known cost of attempts, in millionths of the currency unit.",
        ),
        Instrument(names.METRIC_TRACEGATE_COST_UNKNOWN, "counter", "{attempt}", "Attempts whose cost is not known."),
        Instrument(
            names.METRIC_TRACEGATE_GATEWAY_OVERHEAD,
            "histogram",
            "s",
            "Time of a request that was neither upstream nor back-off.",
            _OVERHEAD_SECONDS,
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_RECORDS,
            "counter",
            "{record}",
            "Audit records whose last leaf became durable.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_FAILURES,
            "counter",
            "{failure}",
            "Answers whose leaf was not durable in time.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_ABORTED,
            "counter",
            "{record}",
            "Audit records that were closed without a final.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_PAUSES, "counter", "{pause}", "Times in which requests left no audit record."
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_ERASURES, "counter", "{erasure}", "Leaves that tell of erased audit records."
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_READS,
            "counter",
            "{read}",
            "Leaves that tell of somebody who read the audit log.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_HEARTBEATS,
            "counter",
            "{heartbeat}",
            "Leaves that tell that the audit log is alive.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_ANCHORS,
            "counter",
            "{head}",
            "Leaves that tell of a head of the audit log that others hold.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_UNANCHORED,
            "counter",
            "{head}",
            "Heads of the audit log that were told to somebody in vain.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_GAPS,
            "gauge",
            "{leaf}",
            "Leaves that a sink acknowledged and does not have as they are.",
        ),
        Instrument(names.METRIC_TRACEGATE_AUDIT_LEAVES, "gauge", "{leaf}", "Durable leaves of an audit log."),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_PUBLISHED,
            "gauge",
            "{leaf}",
            "Leaves under the last checkpoint of an audit log.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_AUDIT_INTENTS_OPEN,
            "gauge",
            "{record}",
            "Audit records that are begun and not closed.",
        ),
        Instrument(names.METRIC_TRACEGATE_AUDIT_UNSHIPPED, "gauge", "{record}", "Leaves not shipped yet."),
        Instrument(names.METRIC_TRACEGATE_AUDIT_SHIP_LAG, "gauge", "s", "Age of the oldest leaf not shipped yet."),
        Instrument(names.METRIC_TRACEGATE_AUDIT_MODE, "gauge", "{mode}", "1 for the mode the audit log runs in."),
        Instrument(
            names.METRIC_TRACEGATE_TELEMETRY_ERRORS,
            "counter",
            "{error}",
            "Spans, log events and exports of metrics that were lost.",
        ),
        Instrument(
            names.METRIC_TRACEGATE_TELEMETRY_REPEATED,
            "counter",
            "{item}",
            "Spans, log events and exports of metrics that were sent again though they may have arrived.",
        ),
    )
}
