"""Error objects, in the shape that each provider gives them.

Sources are the rows of `wire_flavour`, and what users reported: the list of Gemini's compatible endpoint, Mistral's
object without `error`, xAI's bare text, vLLM's and llama.cpp's numbers for `code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracegate.testing.script import Problem, Step
from tracegate.testing.wire_flavour import Flavour


@dataclass(frozen=True, slots=True)
class Kind:
    """One problem: its status, and the words that providers use for it.

    Args:
        status: HTTP status.
        type, code, param, message: As OpenAI says them; `{model}` and `{masked}` (of the key) are filled in.
        name: As Python servers name the class of error (vLLM).
        grpc: As Google's servers name the status.
    """

    status: int
    type: str
    code: str | None
    message: str
    name: str
    grpc: str
    param: str | None = None


KINDS: Mapping[Problem, Kind] = {
    "invalid_request": Kind(
        400,
        "invalid_request_error",
        None,
        "Unrecognized request argument supplied.",
        "BadRequestError",
        "INVALID_ARGUMENT",
    ),
    "context_length": Kind(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. "
        "Please reduce the length of the messages.",
        "BadRequestError",
        "INVALID_ARGUMENT",
        param="messages",
    ),
    "content_filter": Kind(
        400,
        "invalid_request_error",
        "content_policy_violation",
        "Your request was rejected as a result of our safety system.",
        "BadRequestError",
        "INVALID_ARGUMENT",
    ),
    "auth": Kind(
        401,
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided: {masked}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        "AuthenticationError",
        "UNAUTHENTICATED",
    ),
    "permission": Kind(
        403,
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
        "PermissionDeniedError",
        "PERMISSION_DENIED",
    ),
    "not_found": Kind(
        404,
        "invalid_request_error",
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
        "NotFoundError",
        "NOT_FOUND",
    ),
    "timeout": Kind(408, "timeout", None, "Request timed out.", "APITimeoutError", "DEADLINE_EXCEEDED"),
    "too_large": Kind(
        413,
        "invalid_request_error",
        "request_too_large",
        "The request body is too large.",
        "RequestTooLargeError",
        "INVALID_ARGUMENT",
    ),
    "rate_limit": Kind(
        429,
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for {model} in organization org-simulated on requests per min (RPM): Limit 500, Used 500, "
        "Requested 1. Please try again in 120ms. Visit https://platform.openai.com/account/rate-limits to learn more.",
        "RateLimitError",
        "RESOURCE_EXHAUSTED",
    ),
    "quota": Kind(
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "RateLimitError",
        "RESOURCE_EXHAUSTED",
    ),
    "server_error": Kind(
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
        "InternalServerError",
        "INTERNAL",
    ),
    "bad_gateway": Kind(502, "server_error", None, "Bad gateway.", "InternalServerError", "UNAVAILABLE"),
    "overloaded": Kind(
        503,
        "server_error",
        None,
        "That model is currently overloaded with other requests. You can retry your request.",
        "ServiceUnavailableError",
        "UNAVAILABLE",
    ),
    "gateway_timeout": Kind(504, "server_error", None, "Gateway timeout.", "InternalServerError", "DEADLINE_EXCEEDED"),
}

_BY_STATUS: Mapping[int, Problem] = {
    401: "auth",
    402: "quota",
    403: "permission",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    429: "rate_limit",
    502: "bad_gateway",
    503: "overloaded",
    504: "gateway_timeout",
    529: "overloaded",
}

_AZURE_FILTER = {
    "code": "ResponsibleAIPolicyViolation",
    "content_filter_result": {
        "hate": {"filtered": False, "severity": "safe"},
        "jailbreak": {"filtered": False, "detected": False},
        "self_harm": {"filtered": False, "severity": "safe"},
        "sexual": {"filtered": False, "severity": "safe"},
        "violence": {"filtered": True, "severity": "medium"},
    },
}

_LLAMACPP = {
    "auth": "authentication_error",
    "context_length": "exceed_context_size_error",
    "not_found": "not_found_error",
    "overloaded": "unavailable_error",
    "permission": "permission_error",
}


def problem_of(step: Step) -> Problem:
    """The problem that a failing step means: its own, else what its status says."""
    if step.problem is not None:
        return step.problem
    status = step.status or 500
    return _BY_STATUS.get(status, "server_error" if status >= 500 else "invalid_request")


def status_of(step: Step) -> int:
    """The status of a step: its own, else its problem's, else 200."""
    if step.status is not None:
        return step.status
    return KINDS[step.problem].status if step.problem is not None else 200


def error_object(step: Step, flavour: Flavour, model: str, key: str, request_id: str) -> Any:
    """The JSON value that tells a step's problem, for a whole body or an event of a stream.

    `model` and `key` are what was received; they are filled into the message.
    """
    problem = problem_of(step)
    kind = KINDS[problem]
    status = step.status if step.status is not None and step.status >= 400 else kind.status
    message = step.message or kind.message
    masked = f"{key[:3]}****{key[-4:]}" if len(key) > 10 else "****"
    message = message.replace("{model}", model).replace("{masked}", masked).replace("{key}", key)
    code = step.code or kind.code
    match flavour.errors:
        case "azure" if problem == "content_filter":
            filtered = {"code": step.code or "content_filter", "status": status, "innererror": _AZURE_FILTER}
            return {"error": {"message": message, "type": None, "param": "prompt", **filtered}}
        case "azure" if problem != "context_length":
            return {"error": {"code": code if problem == "quota" else step.code or str(status), "message": message}}
        case "vllm":
            return {"error": {"message": message, "type": kind.name, "param": kind.param, "code": status}}
        case "ollama":
            of_type = {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")
            return {"error": {"message": message, "type": of_type, "param": None, "code": step.code}}
        case "mistral":
            of_type = "rate_limited" if status == 429 else kind.type
            number = step.code or ("1300" if status == 429 else "1000")
            return {"object": "error", "message": message, "type": of_type, "param": None, "code": number}
        case "openrouter":
            metadata = {"provider_name": "Simulated", "raw": message}
            return {"error": {"message": message, "code": status, "metadata": metadata}, "user_id": "user_simulated"}
        case "xai":
            return {"code": code or kind.grpc, "error": message}
        case "gemini":
            return [{"error": {"code": status, "message": message, "status": kind.grpc}}]
        case "llamacpp":
            sizes = {"n_prompt_tokens": 9001, "n_ctx": 8192} if problem == "context_length" else {}
            named = _LLAMACPP.get(problem, kind.type)
            return {"error": {"code": status, "message": message, "type": named, **sizes}}
    said = f"{message} (Please include the request ID {request_id} in your message.)" if status >= 500 else message
    return {"error": {"message": said, "type": kind.type, "param": kind.param, "code": code}}
