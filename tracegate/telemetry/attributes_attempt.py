"""From an attempt to attributes: the facts of one HTTP exchange with one target.

Names and when they are absent: the convention's span of an inference, and rulings 2, 5, 7, 8, 14, 15, 18, 19, 22, 33,
49 and 51. Usage and cost stand here only.
"""

from __future__ import annotations

from functools import lru_cache

from tracegate.facts import Attempt, Cost, Usage, conflict_of, region_of
from tracegate.record import Record, Recorder
from tracegate.telemetry import names
from tracegate.telemetry.blocks import KEPT, Attributes, Block
from tracegate.telemetry.cause import error_class, error_type
from tracegate.telemetry.model import Value
from tracegate.telemetry.parameters import OPENAI, parameters
from tracegate.telemetry.text import fit

OPERATION = "chat"
"""`gen_ai.operation.name` of every attempt so far."""

AZURE = "Microsoft.CognitiveServices"
"""`azure.resource_provider.namespace` of Azure AI clients. Source: the convention's page for Azure AI Inference."""

CHOICES = 128
"""Most choices of one answer. Source: OpenAI's API reference, `n`."""

_PROTOCOLS = {"http/1.1": "1.1", "http/1.0": "1.0", "h2": "2", "h3": "3"}  # from ALPN ids


def of_attempt(recorder: Recorder, record: Record, attempt: Attempt) -> Attributes:
    """What the span of an attempt says."""
    body, answer, target, why, cost = recorder.inbound.body, attempt.answer, attempt.target, attempt.why, attempt.cost
    own: dict[str, Value] = {} if body is None else parameters(body, target)
    committed = attempt.committed is not None
    own[names.TRACEGATE_REQUEST_ID] = recorder.request_id
    if why.backoff_ns is not None:
        own[names.TRACEGATE_ATTEMPT_BACKOFF_MS] = round(why.backoff_ns / 1e6)
    if attempt.request_id is not None:
        own[names.TRACEGATE_UPSTREAM_REQUEST_ID] = fit(attempt.request_id)
    if answer.id is not None:
        own[names.GEN_AI_RESPONSE_ID] = fit(answer.id)
    if attempt.streaming:
        _stream(own, attempt)
    if answer.usage is not None and attempt.outcome == "ok":  # anything else is not a report (ruling 22)
        _usage(own, answer.usage)
    if attempt.error is not None and attempt.error.code is not None:
        own[names.TRACEGATE_UPSTREAM_ERROR_CODE] = fit(attempt.error.code)
    connection = attempt.connection
    if connection.connect_ns is not None:
        own[names.TRACEGATE_LATENCY_CONNECT_MS] = connection.connect_ns / 1e6
    if connection.resent:
        own[names.TRACEGATE_CONNECTION_RESENT] = True
    if connection.sent is not None:
        own[names.TRACEGATE_LATENCY_SENT_MS] = (connection.sent - attempt.start) / 1e6
    if cost is None or cost.micros is None:
        priced: tuple[str | None, str | None, str | None] = (None, None, None)
    else:
        _cost(own, cost, cost.micros)
        priced = (cost.currency, cost.source, cost.digest)
    error = record.outcome == "error"
    return Attributes(
        (
            _target(
                target.provider_name,
                target.model,
                target.host,
                target.port,
                target.id,
                target.region_observed,
                answer.region,
                target.region,
                *priced,
            ),
            _tried(
                record.kind,
                record.index,
                record.outcome,
                record.reason,
                error_type(record) if error else None,
                error_class(record) if error else None,
                attempt.index,
                why.kind,
                why.reason,
                attempt.resend,
                attempt.status,
                committed,
                attempt.streaming,
                connection.reused,
                connection.protocol,
            ),
            _answered(
                target.provider_name,
                answer.model,
                committed,
                answer.fingerprint,
                answer.service_tier,
                finish_reasons(attempt, own.get(names.GEN_AI_REQUEST_CHOICE_COUNT, 1)) if committed else (),
            ),
        ),
        own,
    )


def finish_reasons(attempt: Attempt, choices: Value) -> tuple[str, ...]:
    """Those that arrived; a committed answer that broke has `error` for each choice without one (ruling 14)."""
    reasons = attempt.answer.finish_reasons
    if attempt.outcome == "error" and isinstance(choices, int) and len(reasons) < choices:
        reasons += ("error",) * (min(choices, CHOICES) - len(reasons))
    return reasons


def _stream(own: dict[str, Value], attempt: Attempt) -> None:
    if attempt.first_event is not None:
        own[names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = (attempt.first_event - attempt.start) / 1e9
        own[names.TRACEGATE_STREAM_CHUNKS] = attempt.chunks
    if attempt.committed is not None and attempt.outcome != "ok":
        own[names.TRACEGATE_STREAM_ABORTED] = True
    if attempt.skipped:
        own[names.TRACEGATE_STREAM_SKIPPED] = attempt.skipped


def _usage(own: dict[str, Value], usage: Usage) -> None:
    if usage.input is not None:
        own[names.GEN_AI_USAGE_INPUT_TOKENS] = usage.input
    if usage.output is not None:
        own[names.GEN_AI_USAGE_OUTPUT_TOKENS] = usage.output
    if usage.cache_read is not None:
        own[names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] = usage.cache_read
    if usage.cache_write is not None:
        own[names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS] = usage.cache_write
    if usage.reasoning is not None:
        own[names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS] = usage.reasoning
    for suffix, tokens in usage.modalities:
        own[names.USAGE_BY_MODALITY + suffix] = tokens


def _cost(own: dict[str, Value], cost: Cost, micros: int) -> None:
    own[names.TRACEGATE_COST_MICROS] = micros
    if cost.input_micros is not None:
        own[names.TRACEGATE_COST_INPUT_MICROS] = cost.input_micros
    if cost.output_micros is not None:
        own[names.TRACEGATE_COST_OUTPUT_MICROS] = cost.output_micros
    if cost.cache_read_micros is not None:
        own[names.TRACEGATE_COST_CACHE_READ_MICROS] = cost.cache_read_micros
    if cost.cache_write_micros is not None:
        own[names.TRACEGATE_COST_CACHE_WRITE_MICROS] = cost.cache_write_micros


# --- blocks: each a pure function of what stands in its parentheses ---


@lru_cache(KEPT)
def _target(
    provider: str,
    model: str,
    host: str,
    port: int,
    id: str,
    observed: str | None,
    asserted: str | None,
    configured: str | None,
    currency: str | None,
    source: str | None,
    digest: str | None,
) -> Block:
    region = region_of(observed, asserted, configured)
    conflict = conflict_of(region, configured)
    return Block(
        {
            names.GEN_AI_OPERATION_NAME: OPERATION,
            names.GEN_AI_PROVIDER_NAME: provider,
            names.GEN_AI_REQUEST_MODEL: fit(model),
            names.SERVER_ADDRESS: host,
            names.SERVER_PORT: port,
            names.TRACEGATE_TARGET_ID: fit(id),
            names.OPENAI_API_TYPE: "chat_completions" if provider in OPENAI else None,
            names.AZURE_RESOURCE_PROVIDER_NAMESPACE: AZURE if provider.startswith("azure.ai.") else None,
            names.TRACEGATE_TARGET_REGION: None if region is None else fit(region.value),
            names.TRACEGATE_TARGET_REGION_EVIDENCE: None if region is None else region.evidence,
            names.TRACEGATE_TARGET_REGION_CONFLICT: None if conflict is None else True,
            names.TRACEGATE_TARGET_REGION_CONFIGURED: conflict,
            names.TRACEGATE_COST_CURRENCY: currency,
            names.TRACEGATE_COST_SOURCE: source,
            names.TRACEGATE_COST_PRICES_DIGEST: digest,
        }
    )


@lru_cache(KEPT)
def _tried(
    hop: str,
    place: int,
    outcome: str | None,
    outcome_reason: str | None,
    error: str | None,
    class_: str | None,
    index: int,
    kind: str,
    reason: str | None,
    resend: int,
    status: int | None,
    committed: bool,
    streaming: bool,
    reused: bool | None,
    protocol: str | None,
) -> Block:
    return Block(
        {
            names.TRACEGATE_HOP_KIND: hop,
            names.TRACEGATE_HOP_INDEX: place,
            names.TRACEGATE_OUTCOME: outcome,
            names.TRACEGATE_OUTCOME_REASON: outcome_reason,
            names.ERROR_TYPE: error,
            names.TRACEGATE_ERROR_CLASS: class_,
            names.TRACEGATE_ATTEMPT_INDEX: index,
            names.TRACEGATE_ATTEMPT_KIND: kind,
            names.TRACEGATE_ATTEMPT_REASON: reason,
            names.TRACEGATE_ATTEMPT_COMMITTED: committed,
            names.HTTP_REQUEST_RESEND_COUNT: resend or None,
            names.HTTP_RESPONSE_STATUS_CODE: status,
            names.GEN_AI_REQUEST_STREAM: streaming or None,
            names.TRACEGATE_CONNECTION_REUSED: reused,
            names.NETWORK_PROTOCOL_VERSION: None if protocol is None else _PROTOCOLS.get(protocol, protocol),
        }
    )


@lru_cache(KEPT)
def _answered(
    provider: str,
    model: str | None,
    committed: bool,
    fingerprint: str | None,
    tier: str | None,
    reasons: tuple[str, ...],
) -> Block:
    openai = provider in OPENAI
    evidence = "asserted" if model is not None else "configured" if committed else None  # ruling 49
    seal = None if fingerprint is None else fit(fingerprint)
    return Block(
        {
            names.GEN_AI_RESPONSE_MODEL: None if model is None else fit(model),
            names.TRACEGATE_TARGET_MODEL_EVIDENCE: evidence,
            names.TRACEGATE_TARGET_FINGERPRINT: seal,
            names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT: seal if openai else None,
            names.OPENAI_RESPONSE_SERVICE_TIER: fit(tier) if openai and tier is not None else None,
            names.GEN_AI_RESPONSE_FINISH_REASONS: tuple(map(fit, reasons)) or None,
        }
    )
