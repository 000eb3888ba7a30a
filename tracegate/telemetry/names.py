"""Every attribute, metric and event name that Tracegate writes, and the pinned convention they come from.

Foreign names are those of the OpenTelemetry GenAI conventions, which are in development and change: nothing else in
the package spells one, so adopting a newer convention is a change of this module and of `registry.yaml` beside it.
Names of our own begin with `tracegate.`; `registry.yaml` says what they mean.
A constant is its name in capitals, with `_` for `.`; those of metrics and events have a prefix.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracegate import __version__

SCOPE = "tracegate"
SCOPE_VERSION = __version__
SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"

COMMITS: Mapping[str, str] = {
    "spans": "024a4f94",
    "token-metrics": "066d4a7f",
    "events": "03870916",
    "messages": "2b902ce1",
    "migration": "32c328e8",
}
"""Commits of open-telemetry/semantic-conventions-genai at which the pages were read."""

# --- attributes: GenAI ---

GEN_AI_OPERATION_NAME = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME = "gen_ai.provider.name"
GEN_AI_OUTPUT_TYPE = "gen_ai.output.type"
GEN_AI_TOKEN_MODALITY = "gen_ai.token.modality"
GEN_AI_REQUEST_MODEL = "gen_ai.request.model"
GEN_AI_REQUEST_CHOICE_COUNT = "gen_ai.request.choice.count"
GEN_AI_REQUEST_SEED = "gen_ai.request.seed"
GEN_AI_REQUEST_STREAM = "gen_ai.request.stream"
GEN_AI_REQUEST_TEMPERATURE = "gen_ai.request.temperature"
GEN_AI_REQUEST_TOP_P = "gen_ai.request.top_p"
GEN_AI_REQUEST_TOP_K = "gen_ai.request.top_k"
GEN_AI_REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty"
GEN_AI_REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty"
GEN_AI_REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
GEN_AI_REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences"
GEN_AI_REQUEST_REASONING_LEVEL = "gen_ai.request.reasoning.level"
GEN_AI_RESPONSE_ID = "gen_ai.response.id"
GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"
GEN_AI_RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
GEN_AI_SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
GEN_AI_INPUT_MESSAGES = "gen_ai.input.messages"
GEN_AI_OUTPUT_MESSAGES = "gen_ai.output.messages"
GEN_AI_TOOL_DEFINITIONS = "gen_ai.tool.definitions"
GEN_AI_USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS = "gen_ai.usage.cache_write.input_tokens"
GEN_AI_USAGE_REASONING_OUTPUT_TOKENS = "gen_ai.usage.reasoning.output_tokens"

# --- attributes: providers ---

OPENAI_REQUEST_SERVICE_TIER = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER = "openai.response.service_tier"
OPENAI_RESPONSE_SYSTEM_FINGERPRINT = "openai.response.system_fingerprint"
OPENAI_API_TYPE = "openai.api.type"
AZURE_RESOURCE_PROVIDER_NAMESPACE = "azure.resource_provider.namespace"

# --- attributes: HTTP and general ---

HTTP_REQUEST_METHOD = "http.request.method"
HTTP_REQUEST_METHOD_ORIGINAL = "http.request.method_original"
HTTP_REQUEST_RESEND_COUNT = "http.request.resend_count"
HTTP_RESPONSE_STATUS_CODE = "http.response.status_code"
HTTP_ROUTE = "http.route"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
URL_PATH = "url.path"
URL_SCHEME = "url.scheme"
NETWORK_PROTOCOL_VERSION = "network.protocol.version"
USER_AGENT_ORIGINAL = "user_agent.original"
ERROR_TYPE = "error.type"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"

# --- attributes: Tracegate ---

TRACEGATE_REQUEST_ID = "tracegate.request.id"
TRACEGATE_REQUEST_ALIAS = "tracegate.request.alias"
TRACEGATE_REQUEST_API = "tracegate.request.api"
TRACEGATE_TENANT_ID = "tracegate.tenant.id"
TRACEGATE_API_KEY_ID = "tracegate.api_key.id"
TRACEGATE_TRUST_MODE = "tracegate.trust.mode"
TRACEGATE_HOP_KIND = "tracegate.hop.kind"
TRACEGATE_HOP_INDEX = "tracegate.hop.index"
TRACEGATE_ROUTE_NAME = "tracegate.route.name"
TRACEGATE_ROUTE_STRATEGY = "tracegate.route.strategy"
TRACEGATE_ROUTE_VERSION = "tracegate.route.version"
TRACEGATE_POLICY_ID = "tracegate.policy.id"
TRACEGATE_POLICY_VERSION = "tracegate.policy.version"
TRACEGATE_ROUTE_CANDIDATES = "tracegate.route.candidates"
TRACEGATE_ROUTE_SKIPPED = "tracegate.route.skipped"
TRACEGATE_ATTEMPTS_COUNT = "tracegate.attempts.count"
TRACEGATE_FALLBACK_USED = "tracegate.fallback.used"
TRACEGATE_FALLBACK_FROM = "tracegate.fallback.from"
TRACEGATE_FALLBACK_TO = "tracegate.fallback.to"
TRACEGATE_FALLBACK_REASON = "tracegate.fallback.reason"
TRACEGATE_OUTCOME = "tracegate.outcome"
TRACEGATE_OUTCOME_REASON = "tracegate.outcome_reason"
TRACEGATE_TOTAL_COST_MICROS = "tracegate.total.cost_micros"
TRACEGATE_TOTAL_INPUT_TOKENS = "tracegate.total.input_tokens"
TRACEGATE_TOTAL_OUTPUT_TOKENS = "tracegate.total.output_tokens"
TRACEGATE_SERVED_BY_PROVIDER = "tracegate.served_by.provider"
TRACEGATE_SERVED_BY_MODEL = "tracegate.served_by.model"
TRACEGATE_SERVED_BY_REGION = "tracegate.served_by.region"
TRACEGATE_SERVED_BY_TARGET = "tracegate.served_by.target"
TRACEGATE_SERVED_BY_ATTEMPT = "tracegate.served_by.attempt"
TRACEGATE_ATTEMPT_INDEX = "tracegate.attempt.index"
TRACEGATE_ATTEMPT_KIND = "tracegate.attempt.kind"
TRACEGATE_ATTEMPT_REASON = "tracegate.attempt.reason"
TRACEGATE_ATTEMPT_BACKOFF_MS = "tracegate.attempt.backoff_ms"
TRACEGATE_ATTEMPT_COMMITTED = "tracegate.attempt.committed"
TRACEGATE_TARGET_ID = "tracegate.target.id"
TRACEGATE_TARGET_REGION = "tracegate.target.region"
TRACEGATE_TARGET_REGION_EVIDENCE = "tracegate.target.region_evidence"
TRACEGATE_TARGET_MODEL_EVIDENCE = "tracegate.target.model_evidence"
TRACEGATE_UPSTREAM_REQUEST_ID = "tracegate.upstream.request_id"
TRACEGATE_COST_MICROS = "tracegate.cost.micros"
TRACEGATE_COST_INPUT_MICROS = "tracegate.cost.input_micros"
TRACEGATE_COST_OUTPUT_MICROS = "tracegate.cost.output_micros"
TRACEGATE_COST_CACHE_READ_MICROS = "tracegate.cost.cache_read_micros"
TRACEGATE_COST_CACHE_WRITE_MICROS = "tracegate.cost.cache_write_micros"
TRACEGATE_COST_CURRENCY = "tracegate.cost.currency"
TRACEGATE_COST_SOURCE = "tracegate.cost.source"
TRACEGATE_COST_PRICES_DIGEST = "tracegate.cost.prices_digest"
TRACEGATE_LATENCY_QUEUE_MS = "tracegate.latency.queue_ms"
TRACEGATE_LATENCY_TTFB_MS = "tracegate.latency.ttfb_ms"
TRACEGATE_LATENCY_GATEWAY_OVERHEAD_MS = "tracegate.latency.gateway_overhead_ms"
TRACEGATE_CACHE_KIND = "tracegate.cache.kind"
TRACEGATE_CACHE_RESULT = "tracegate.cache.result"
TRACEGATE_CACHE_AGE_S = "tracegate.cache.age_s"
TRACEGATE_CACHE_KEY_HASH = "tracegate.cache.key_hash"
TRACEGATE_CACHE_ORIGIN_RECORD = "tracegate.cache.origin_record"
TRACEGATE_CACHE_SAVED_COST_MICROS = "tracegate.cache.saved.cost_micros"
TRACEGATE_CACHE_SAVED_INPUT_TOKENS = "tracegate.cache.saved.input_tokens"
TRACEGATE_CACHE_SAVED_OUTPUT_TOKENS = "tracegate.cache.saved.output_tokens"
TRACEGATE_STREAM_CHUNKS = "tracegate.stream.chunks"
TRACEGATE_STREAM_ABORTED = "tracegate.stream.aborted"
TRACEGATE_STREAM_SKIPPED = "tracegate.stream.skipped"
TRACEGATE_AUDIT_RECORD_ID = "tracegate.audit.record.id"
TRACEGATE_AUDIT_RECORD_SEQ = "tracegate.audit.record.seq"
TRACEGATE_AUDIT_DEGRADED = "tracegate.audit.degraded"
TRACEGATE_AUDIT_LOG = "tracegate.audit.log"
TRACEGATE_AUDIT_LEAF_HASH = "tracegate.audit.leaf.hash"
TRACEGATE_ERROR_CLASS = "tracegate.error.class"
TRACEGATE_UPSTREAM_ERROR_CODE = "tracegate.upstream.error_code"
TRACEGATE_LATENCY_CONNECT_MS = "tracegate.latency.connect_ms"
TRACEGATE_LATENCY_SENT_MS = "tracegate.latency.sent_ms"
TRACEGATE_CONNECTION_REUSED = "tracegate.connection.reused"
TRACEGATE_CONNECTION_RESENT = "tracegate.connection.resent"
TRACEGATE_TARGET_FINGERPRINT = "tracegate.target.fingerprint"
TRACEGATE_TARGET_REGION_CONFLICT = "tracegate.target.region_conflict"
TRACEGATE_TARGET_REGION_CONFIGURED = "tracegate.target.region_configured"
TRACEGATE_CLIENT_REQUEST_ID = "tracegate.client.request_id"
TRACEGATE_COST_UNKNOWN_REASON = "tracegate.cost.unknown_reason"
TRACEGATE_TELEMETRY_WHERE = "tracegate.telemetry.where"
TRACEGATE_TELEMETRY_SIGNAL = "tracegate.telemetry.signal"
TRACEGATE_AUDIT_MODE = "tracegate.audit.mode"

USAGE_BY_MODALITY = "gen_ai.usage."
"""What stands before a suffix of `Usage.modalities`, e.g. `audio.input_tokens`."""

# --- metrics ---

METRIC_GEN_AI_CLIENT_INFERENCE_DURATION = "gen_ai.client.inference.duration"
METRIC_GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk"
METRIC_GEN_AI_CLIENT_INFERENCE_TIME_PER_OUTPUT_CHUNK = "gen_ai.client.inference.time_per_output_chunk"
METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_INPUT_TOKENS = "gen_ai.client.inference.usage.input_tokens"
METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_OUTPUT_TOKENS = "gen_ai.client.inference.usage.output_tokens"
METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_READ_INPUT_TOKENS = "gen_ai.client.inference.usage.cache_read.input_tokens"
METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_CACHE_WRITE_INPUT_TOKENS = "gen_ai.client.inference.usage.cache_write.input_tokens"
METRIC_GEN_AI_CLIENT_INFERENCE_USAGE_REASONING_OUTPUT_TOKENS = "gen_ai.client.inference.usage.reasoning.output_tokens"
METRIC_GEN_AI_CLIENT_INFERENCE_OPERATION_INPUT_TOKENS = "gen_ai.client.inference.operation.input_tokens"
METRIC_GEN_AI_CLIENT_INFERENCE_OPERATION_OUTPUT_TOKENS = "gen_ai.client.inference.operation.output_tokens"
METRIC_TRACEGATE_REQUEST_DURATION = "tracegate.request.duration"
METRIC_TRACEGATE_REQUESTS_ACTIVE = "tracegate.requests.active"
METRIC_TRACEGATE_ATTEMPTS = "tracegate.attempts"
METRIC_TRACEGATE_FALLBACKS = "tracegate.fallbacks"
METRIC_TRACEGATE_RESPONSES_SERVED = "tracegate.responses.served"
METRIC_TRACEGATE_USAGE_UNKNOWN = "tracegate.usage.unknown"
METRIC_TRACEGATE_REGION_CONFLICTS = "tracegate.region.conflicts"
METRIC_TRACEGATE_COST_MICROS = "tracegate.cost.micros"
METRIC_TRACEGATE_COST_UNKNOWN = "tracegate.cost.unknown"
METRIC_TRACEGATE_CACHE_REQUESTS = "tracegate.cache.requests"
METRIC_TRACEGATE_GATEWAY_OVERHEAD = "tracegate.gateway.overhead"
METRIC_TRACEGATE_AUDIT_RECORDS = "tracegate.audit.records"
METRIC_TRACEGATE_AUDIT_FAILURES = "tracegate.audit.failures"
METRIC_TRACEGATE_AUDIT_UNSHIPPED = "tracegate.audit.unshipped"
METRIC_TRACEGATE_AUDIT_SHIP_LAG = "tracegate.audit.ship_lag"
METRIC_TRACEGATE_AUDIT_MODE = "tracegate.audit.mode"
METRIC_TRACEGATE_AUDIT_LEAVES = "tracegate.audit.leaves"
METRIC_TRACEGATE_AUDIT_PUBLISHED = "tracegate.audit.published"
METRIC_TRACEGATE_AUDIT_INTENTS_OPEN = "tracegate.audit.intents.open"
METRIC_TRACEGATE_AUDIT_ABORTED = "tracegate.audit.aborted"
METRIC_TRACEGATE_AUDIT_PAUSES = "tracegate.audit.pauses"
METRIC_TRACEGATE_AUDIT_ERASURES = "tracegate.audit.erasures"
METRIC_TRACEGATE_AUDIT_READS = "tracegate.audit.reads"
METRIC_TRACEGATE_AUDIT_HEARTBEATS = "tracegate.audit.heartbeats"
METRIC_TRACEGATE_AUDIT_ANCHORS = "tracegate.audit.anchors"
METRIC_TRACEGATE_AUDIT_UNANCHORED = "tracegate.audit.unanchored"
METRIC_TRACEGATE_AUDIT_GAPS = "tracegate.audit.gaps"
METRIC_TRACEGATE_TELEMETRY_ERRORS = "tracegate.telemetry.errors"
METRIC_TRACEGATE_TELEMETRY_REPEATED = "tracegate.telemetry.repeated"

# --- log events ---

EVENT_GEN_AI_CLIENT_OPERATION_EXCEPTION = "gen_ai.client.operation.exception"
EVENT_GEN_AI_CLIENT_INFERENCE_OPERATION_DETAILS = "gen_ai.client.inference.operation.details"
EVENT_TRACEGATE_ROUTE_FALLBACK = "tracegate.route.fallback"
EVENT_TRACEGATE_REGION_CONFLICT = "tracegate.region.conflict"
EVENT_TRACEGATE_AUDIT_V1 = "tracegate.audit.v1"

# --- values of `tracegate.telemetry.where` ---

LOST_RENDER = "render_failed"
LOST_TRACES_QUEUE = "traces_queue_full"
LOST_TRACES_EXPORT = "traces_export_failed"
LOST_TRACES_REJECTED = "traces_rejected"
LOST_LOGS_QUEUE = "logs_queue_full"
LOST_LOGS_EXPORT = "logs_export_failed"
LOST_LOGS_REJECTED = "logs_rejected"
LOST_CONTENT_QUEUE = "content_queue_full"
LOST_CONTENT_EXPORT = "content_export_failed"
LOST_CONTENT_REJECTED = "content_rejected"
LOST_METRICS_EXPORT = "metrics_export_failed"
LOST_METRICS_REJECTED = "metrics_rejected"
LOST_METRICS_LABELS = "metrics_labels_overflow"

LOST = (
    LOST_RENDER,
    LOST_TRACES_QUEUE,
    LOST_TRACES_EXPORT,
    LOST_TRACES_REJECTED,
    LOST_LOGS_QUEUE,
    LOST_LOGS_EXPORT,
    LOST_LOGS_REJECTED,
    LOST_CONTENT_QUEUE,
    LOST_CONTENT_EXPORT,
    LOST_CONTENT_REJECTED,
    LOST_METRICS_EXPORT,
    LOST_METRICS_REJECTED,
    LOST_METRICS_LABELS,
)
"""Where telemetry is lost: requests that could not be rendered, spans, log events, prompts with answers, exports of
metrics, and the labels of measurements beyond the bound of series."""
