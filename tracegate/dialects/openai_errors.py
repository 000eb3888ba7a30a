"""Errors of the providers that speak OpenAI's format: the error object out of their many shapes, and its one class.

The shapes: OpenAI's own `{"error": {…}}`; vLLM and Mistral `{"object": "error", …}`; Ollama `{"error": "text"}`; xAI
`{"code": "…", "error": "text"}`; FastAPI `{"detail": …}`; Azure's gateway and DashScope `{"code": …, "message": …}`;
Google `[{"error": {…}}]`; OpenRouter's error inside a choice, and Groq's in `x_groq`.
The classes are those of ruling 6. Documents of the codes:
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
from math import isfinite
from typing import Any

from tracegate.dialects.openai_shape import lenient
from tracegate.dialects.retry_after import retry_after_ns, should_retry
from tracegate.errors import Broken, Failed, Refused
from tracegate.facts import ErrorClass
from tracegate.wire.headers import Headers

_LONGEST = 1_000  # characters of a text that is no error object (ruling 12)
_DEEPEST = 32  # levels of an error object that are kept

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


def refusal(status: int, headers: Headers, body: bytes, wall_s: int) -> Failed:
    """Classify an answer other than 2xx, once.

    Args:
        status: HTTP status.
        headers: Of the answer.
        body: What was read of it.
        wall_s: UTC seconds, to resolve dates in `Retry-After`.
    """
    if status < 400:
        return Broken("http_protocol_error", f"The provider answered {status}, which is no answer.", status=status)
    error = None
    try:
        error = error_object(lenient(body))
    except ValueError:
        message = _plain(body) or f"The provider answered {status} without a word."
    else:
        message = _message(error) if error else f"The provider answered {status}."
    return Refused(
        classify(status, error or {"message": message}),
        None,
        message,
        status=status,
        retry_after_ns=retry_after_ns(status, headers, wall_s),
        code=_code(error) if error else None,
        body=error,
        should_retry=should_retry(headers),
    )


def refused_within(status: int, answer: Any) -> Refused:
    """Classify an error inside a 2xx, in a whole answer or an event (ruling 47).

    Args:
        status: The HTTP status that came.
        answer: The decoded answer, known to be an error.
    """
    error = error_object(answer) or {"message": "The provider sent an error without a word."}
    return Refused(
        classify(None, error), "http_protocol_error", _message(error), status=status, code=_code(error), body=error
    )


def error_object(answer: Any) -> dict[str, Any] | None:
    """The error object of an answer that is one, in OpenAI's shape: with a `message`, and every other member kept.

    Everything in it can be written as JSON again: half surrogate pairs are replaced, `NaN` and infinity are null.
    """
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return {"message": _writable(answer, 0)} if isinstance(answer, str) and answer else None
    error = answer.get("error") or _inner(answer)
    if isinstance(error, dict):
        found = dict(error)
    else:
        found = {name: value for name, value in answer.items() if name not in ("object", "choices", "error")}
        if error:
            found["message"] = error
    if not found:
        return None
    if not isinstance(found.get("message"), str) or not found["message"]:
        found["message"] = _spoken(found)
    return {_writable(name, 0): _writable(value, 1) for name, value in found.items()}


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


def _inner(answer: Mapping[str, Any]) -> Any:
    """The error of the first choice that has one (OpenRouter), or of Groq's part."""
    choices, groq = answer.get("choices"), answer.get("x_groq")
    for part in [*(choices if isinstance(choices, list) else []), groq]:
        if isinstance(part, dict) and part.get("error"):
            return part["error"]
    return None


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


def _code(error: Mapping[str, Any]) -> str | None:
    """The provider's own code: a word where there is one, else a number."""
    values = [error.get("code"), error.get("type")]
    words = [value for value in values if isinstance(value, str) and value and not value.isdigit()]
    if words:
        return words[0]
    code = values[0]
    return str(code) if isinstance(code, int | str) and not isinstance(code, bool) and code != "" else None


def _text(error: Mapping[str, Any]) -> str:
    """The message, and what a provider behind the provider said (OpenRouter's `metadata.raw`)."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f"{_message(error)}\n{_compact(raw) if raw is not None else ''}"


def _message(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    return message if isinstance(message, str) and message else "The provider sent an error without a word."


def _spoken(error: Mapping[str, Any]) -> str:
    """A message for an object that has no text as message: the most telling part of it."""
    for name in ("message", "detail", "details", "msg", "code", "type"):
        if error.get(name):
            return _compact(error[name])
    return _compact(error)


def _writable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if not value.isascii() else value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict | list) and depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {_writable(name, depth): _writable(part, depth + 1) for name, part in value.items()}
    if isinstance(value, list):
        return [_writable(part, depth + 1) for part in value]
    return value


def _compact(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text[:_LONGEST]


def _plain(body: bytes) -> str:
    """The text of a body that is no JSON; of a web page its title."""
    text = body.decode("utf-8", "replace")
    title = re.search(r"<title[^>]{0,200}>([^<]{1,1000})", text, re.IGNORECASE)
    if title is not None:
        text = title[1]
    elif text.lstrip()[:1] == "<":
        text = re.sub(r"<[^>]{0,1000}>", " ", text[: 8 * _LONGEST])
    return " ".join(text[: 8 * _LONGEST].split())[:_LONGEST]
