"""The class of a provider's error object: one of ruling 6, by its code, its status, and where it has neither, its text.

It knows no bodies: what an error object is, and where it stands in an answer, is the affair of `openai_errors`.
Documents of the codes:
https://platform.openai.com/docs/guides/error-codes,
https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter,
https://openrouter.ai/docs/api/reference/errors-and-debugging, https://console.groq.com/docs/errors,
https://docs.x.ai/docs/key-information/debugging, https://api-docs.deepseek.com/quick_start/error_codes,
https://help.aliyun.com/en/model-studio/error-code, https://docs.fireworks.ai/guides/inference-error-codes,
https://docs.together.ai/docs/error-codes, https://docs.mistral.ai/api
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tracegate.facts import ErrorClass

_LONGEST = 8_000  # characters of a text that are searched

# Codes that decide whatever the status is, in lower case.
_DECISIVE: Mapping[str, ErrorClass] = {
    "context_length_exceeded": "context_length",
    "string_above_max_length": "context_length",
    "exceed_context_size_error": "context_length",  # llama.cpp
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "responsibleaipolicyviolation": "content_filter",  # Azure, in `innererror`
    "data_inspection_failed": "content_filter",  # DashScope
    "datainspectionfailed": "content_filter",
    "invalid_prompt": "content_filter",  # OpenAI: flagged before a reasoning model saw it
    "insufficient_quota": "quota",
    "billing_hard_limit_reached": "quota",
    "billing_not_active": "quota",
    "insufficient_balance": "quota",
    "exceeded_current_quota_error": "quota",  # Moonshot
    "arrearage": "quota",  # DashScope
    "allocationquota.freetieronly": "quota",
    "model_not_found": "not_found",
    "model_not_available": "not_found",  # Together
    "invalid_model": "not_found",  # Mistral
    "modelnotfound": "not_found",
    "deploymentnotfound": "not_found",  # Azure
    "capacity_exceeded": "overloaded",  # Groq, with its status 498
}

# Codes and types that decide only where no status does: inside a 200.
_OTHER: Mapping[str, ErrorClass] = {
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "rate_limit_reached": "rate_limit",
    "ratelimitreached": "rate_limit",
    "too_many_requests": "rate_limit",
    "resource_exhausted": "rate_limit",
    "throttling": "rate_limit",
    "overloaded": "overloaded",
    "overloaded_error": "overloaded",
    "service_unavailable": "overloaded",
    "unavailable": "overloaded",
    "unavailable_error": "overloaded",  # llama.cpp while it loads
    "engine_overloaded": "overloaded",
    "authentication_error": "auth",
    "invalid_api_key": "auth",
    "permission_error": "auth",
    "permission_denied": "auth",
    "not_found_error": "not_found",
    "notfounderror": "not_found",
    "not_found": "not_found",
    "invalid_request_error": "invalid_request",
    "badrequesterror": "invalid_request",
    "invalid_argument": "invalid_request",
    "request_too_large": "too_large",
}

# What providers say where they have no code for it.
_CONTEXT = re.compile(
    r"maximum (?:context|prompt|model|sequence) length|context[ _](?:length|window|size) (?:is |was |has been )?exceed"
    r"|exceed\w* (?:the |its |model |max\w* |available |model's )*context"
    r"|longer than the (?:model's )?(?:maximum )?(?:context|model)"
    r"|reduce the length of the (?:messages|prompt|input)|prompt (?:is )?too long|input is too long|too many tokens"
    r"|range of input length should be|exceeded model token limit|`inputs` tokens \+ `max_new_tokens`",
    re.IGNORECASE,
)
_FILTER = re.compile(
    r"content violates usage guidelines|content exists risk|content management policy|content[_ ]filter"
    r"|flagged (?:for|as|by)|violat\w+ (?:our|the) (?:usage|content) polic|inappropriate content|requires moderation",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient (?:balance|credits|quota|funds)|used all available credits|spending limit"
    r"|doesn't have any credits|account is in good standing|out of credits",
    re.IGNORECASE,
)
_KEY = re.compile(r"(?:incorrect|invalid) api[ _-]?key|api key not valid", re.IGNORECASE)  # xAI, Google: under 400
_MODEL = re.compile(
    r"model[ _]not[ _](?:exist|found)|invalid model\b|not a valid model|model .{1,200} (?:does not exist|not found)",
    re.IGNORECASE,
)
# Where such a text may decide: the class that the status alone would give.
_TEXTS: tuple[tuple[re.Pattern[str], ErrorClass, frozenset[ErrorClass]], ...] = (
    (_CONTEXT, "context_length", frozenset({"invalid_request", "too_large", "server_error"})),
    (_FILTER, "content_filter", frozenset({"invalid_request", "auth", "server_error"})),
    (_QUOTA, "quota", frozenset({"invalid_request", "auth", "rate_limit"})),
    (_KEY, "auth", frozenset({"invalid_request"})),
    (_MODEL, "not_found", frozenset({"invalid_request"})),
)


def classify(status: int | None, error: Mapping[str, Any]) -> ErrorClass:
    """The class of an error: by its code, else by its status, refined by its text.

    Args:
        status: HTTP status other than 2xx, or `None` for an error inside a 2xx.
        error: The error object.
    """
    codes = list(_codes(error))
    for code in codes:
        if code in _DECISIVE:
            return _DECISIVE[code]
    if status is None:
        status = next((int(code) for code in codes if re.fullmatch("[45][0-9][0-9]", code)), None)
    if status is not None:
        class_ = by_status(status)
    else:
        class_ = next((_OTHER[code] for code in codes if code in _OTHER), "server_error")
    text = _text(error)
    for pattern, refined, where in _TEXTS:
        if class_ in where and pattern.search(text) is not None:
            return refined
    return class_


def by_status(status: int) -> ErrorClass:
    """The class that a status alone gives (ruling 6)."""
    match status:
        case 401 | 403:
            return "auth"
        case 402:
            return "quota"
        case 404:
            return "not_found"
        case 408 | 409 | 425 | 503 | 529:
            return "overloaded"
        case 413:
            return "too_large"
        case 429:
            return "rate_limit"
        case _:
            return "server_error" if status >= 500 else "invalid_request"


def _codes(error: Mapping[str, Any]) -> Iterator[str]:
    """Every code in an error object, the most telling first, in lower case."""
    inner, metadata = error.get("innererror"), error.get("metadata")
    for part in (inner, error):
        if isinstance(part, dict):
            for name in ("code", "type", "status"):
                value = part.get(name)
                if isinstance(value, str | int) and not isinstance(value, bool):
                    yield str(value).lower()
    if isinstance(metadata, dict) and metadata.get("flagged_input") is not None:
        yield "content_filter"  # OpenRouter's moderation


def _text(error: Mapping[str, Any]) -> str:
    """The message, and what a provider behind the provider said (OpenRouter's `metadata.raw`)."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    said = [part if isinstance(part, str) else json.dumps(part) for part in (error.get("message"), raw) if part]
    return "\n".join(part[:_LONGEST] for part in said)
