"""Each provider's errors have its own shape."""

from __future__ import annotations

import typing

import pytest

from tracegate.testing.script import Problem, Step
from tracegate.testing.wire_error import KINDS, error_object, problem_of, status_of
from tracegate.testing.wire_flavour import FLAVOURS, row_of

KEY = "sk-proj-0123456789"


def told(flavour: str, step: Step) -> typing.Any:
    """An error as a provider says it."""
    return error_object(step, FLAVOURS[flavour], "gpt", KEY, "77")


@pytest.mark.parametrize("problem", typing.get_args(Problem))
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_provider_tells_every_problem(flavour: str, problem: Problem) -> None:
    """With a message and no word left to fill in."""
    error = told(flavour, Step(problem=problem))
    found = error[0] if isinstance(error, list) else error
    inner = found.get("error", found)
    message = inner if isinstance(inner, str) else inner["message"]
    assert message
    assert "{" not in message


@pytest.mark.parametrize(
    ("flavour", "step", "error"),
    [
        (
            "openai",
            Step(problem="context_length"),
            {
                "error": {
                    "message": KINDS["context_length"].message,
                    "type": "invalid_request_error",
                    "param": "messages",
                    "code": "context_length_exceeded",
                }
            },
        ),
        ("azure", Step(status=429, message="m"), {"error": {"code": "429", "message": "m"}}),
        ("azure", Step(problem="quota", message="m"), {"error": {"code": "insufficient_quota", "message": "m"}}),
        (
            "vllm",
            Step(status=404, message="m"),
            {"error": {"message": "m", "type": "NotFoundError", "param": None, "code": 404}},
        ),
        (
            "ollama",
            Step(status=404, message="m"),
            {"error": {"message": "m", "type": "not_found_error", "param": None, "code": None}},
        ),
        (
            "ollama",
            Step(status=503, message="m"),
            {"error": {"message": "m", "type": "api_error", "param": None, "code": None}},
        ),
        (
            "mistral",
            Step(status=429, message="m"),
            {"object": "error", "message": "m", "type": "rate_limited", "param": None, "code": "1300"},
        ),
        (
            "mistral",
            Step(status=500, message="m"),
            {"object": "error", "message": "m", "type": "server_error", "param": None, "code": "1000"},
        ),
        (
            "openrouter",
            Step(status=502, message="m"),
            {
                "error": {"message": "m", "code": 502, "metadata": {"provider_name": "Simulated", "raw": "m"}},
                "user_id": "user_simulated",
            },
        ),
        ("xai", Step(status=401, message="m"), {"code": "invalid_api_key", "error": "m"}),
        ("xai", Step(status=500, message="m"), {"code": "INTERNAL", "error": "m"}),
        (
            "gemini",
            Step(status=429, message="m"),
            [{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}],
        ),
        (
            "llamacpp",
            Step(problem="context_length", message="m"),
            {
                "error": {
                    "code": 400,
                    "message": "m",
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": 9001,
                    "n_ctx": 8192,
                }
            },
        ),
        ("llamacpp", Step(status=500, message="m"), {"error": {"code": 500, "message": "m", "type": "server_error"}}),
        (
            "groq",
            Step(status=429, message="m", code="own"),
            {"error": {"message": "m", "type": "requests", "param": None, "code": "own"}},
        ),
        (
            "openai",
            Step(status=500, message="m"),
            {
                "error": {
                    "message": "m (Please include the request ID 77 in your message.)",
                    "type": "server_error",
                    "param": None,
                    "code": None,
                }
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_has_its_providers_shape(flavour: str, step: Step, error: object) -> None:
    """Member for member."""
    assert told(flavour, step) == error


def test_azure_tells_its_filter_in_an_inner_error() -> None:
    """And context length as OpenAI does."""
    error = told("azure", Step(problem="content_filter"))["error"]
    assert (error["code"], error["param"], error["status"]) == ("content_filter", "prompt", 400)
    assert error["innererror"]["content_filter_result"]["violence"]["filtered"] is True
    assert told("azure", Step(problem="context_length"))["error"]["code"] == "context_length_exceeded"


def test_messages_repeat_what_came() -> None:
    """The model, and the key, whole only where the script says so."""
    assert "`gpt`" in told("openai", Step(status=404))["error"]["message"]
    masked = told("openai", Step(status=401))["error"]["message"]
    assert "sk-****6789" in masked
    assert KEY not in masked
    assert told("openai", Step(status=401, message="wrong: {key}"))["error"]["message"] == f"wrong: {KEY}"
    short = error_object(Step(status=401), FLAVOURS["openai"], "gpt", "short", "77")
    assert "provided: ****." in short["error"]["message"]


@pytest.mark.parametrize(
    ("step", "problem", "status"),
    [
        (Step(status=401), "auth", 401),
        (Step(status=402), "quota", 402),
        (Step(status=418), "invalid_request", 418),
        (Step(status=529), "overloaded", 529),
        (Step(status=599), "server_error", 599),
        (Step(problem="rate_limit"), "rate_limit", 429),
        (Step(status=200, problem="overloaded"), "overloaded", 200),
        (Step(), "server_error", 200),
    ],
)
def test_statuses_and_problems_mean_each_other(step: Step, problem: str, status: int) -> None:
    """Either may be left out."""
    assert (problem_of(step), status_of(step)) == (problem, status)


def test_an_error_in_a_200_is_numbered_by_its_problem() -> None:
    """Where a provider's code is the status, it is not 200."""
    assert told("vllm", Step(status=200, problem="overloaded"))["error"]["code"] == 503


def test_a_row_is_found_by_name_or_provider() -> None:
    """What is not known speaks as OpenAI does."""
    assert row_of("vllm", "azure") is FLAVOURS["vllm"]
    assert row_of(None, "azure") is FLAVOURS["azure"]
    assert row_of(None, "other") is FLAVOURS["openai"]
