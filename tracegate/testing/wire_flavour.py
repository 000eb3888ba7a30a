"""Providers' oddities as rows: what the answers of each look like beside the plain OpenAI shape.

A row says how ids, heads and error objects look and what is added to answers; it is data for `wire_answer` and
`wire_error`. Texts and shapes follow what the providers document or were seen to send; each row links one source.
No row is a promise about a provider: they are what a gateway must be able to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tracegate.wire.headers import Headers

ErrorShape = Literal["openai", "azure", "vllm", "ollama", "mistral", "openrouter", "xai", "gemini", "llamacpp"]

_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}


@dataclass(frozen=True, slots=True)
class Flavour:
    """One provider's way with the OpenAI format.

    Args:
        id_prefix, id_digits: How the `id` of an answer is made, from so many hexadecimal digits.
        request_id: The header that names the request, and the form of its value; `None` for none.
        headers: Sent with each answer.
        errors: The shape of error objects.
        fingerprint: `system_fingerprint`; `None` leaves it out.
        indent: Whole bodies are indented by so many blanks.
        details: Whether `usage` has its details.
        usage_on_last: Whether a stream's usage stands on the chunk with the finish reason instead of behind it.
        top, choice, chunk_choice: Members added to the answer, to each choice of a whole answer, of a chunk.
        first_chunk: A chunk without choices that opens each stream.
    """

    id_prefix: str = "chatcmpl-"
    id_digits: int = 29
    request_id: tuple[str, Literal["req_", "", "uuid"]] | None = None
    headers: Headers = ()
    errors: ErrorShape = "openai"
    fingerprint: str | None = None
    indent: int | None = None
    details: bool = False
    usage_on_last: bool = False
    top: Mapping[str, object] = field(default_factory=dict)
    choice: Mapping[str, object] = field(default_factory=dict)
    chunk_choice: Mapping[str, object] = field(default_factory=dict)
    first_chunk: Mapping[str, object] | None = None


FLAVOURS: Mapping[str, Flavour] = {
    # https://platform.openai.com/docs/api-reference/debugging-requests: the fields of the head.
    "openai": Flavour(
        request_id=("x-request-id", "req_"),
        headers=(
            ("openai-organization", "org-simulated"),
            ("openai-processing-ms", "12"),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-limit-tokens", "2000000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-remaining-tokens", "1999950"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-reset-tokens", "1ms"),
            ("cf-cache-status", "DYNAMIC"),
            ("cf-ray", "8f5a1c2e3d4b5a69-FRA"),
            ("set-cookie", "__cf_bm=simulated; path=/; domain=.api.openai.com; HttpOnly; Secure"),
            ("server", "cloudflare"),
        ),
        fingerprint="fp_44709d6fcb",
        indent=2,
        details=True,
    ),
    # https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter: the members of the filter.
    "azure": Flavour(
        request_id=("apim-request-id", "uuid"),
        headers=(
            ("x-ms-region", "Sweden Central"),
            ("x-ratelimit-limit-requests", "1000"),
            ("x-ratelimit-remaining-requests", "999"),
            ("x-ratelimit-remaining-tokens", "99950"),
            ("x-ms-rai-invoked", "true"),
            ("x-envoy-upstream-service-time", "12"),
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ),
        errors="azure",
        fingerprint="fp_5603ee5e2e",
        details=True,
        top={"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _SAFE}]},
        choice={"content_filter_results": _SAFE},
        chunk_choice={"content_filter_results": {}},
        first_chunk={
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _SAFE}],
        },
    ),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    "vllm": Flavour(
        id_digits=32,
        headers=(("server", "uvicorn"),),
        errors="vllm",
        top={"prompt_logprobs": None, "kv_transfer_params": None},
        choice={"stop_reason": None},
    ),
    # https://github.com/ollama/ollama/blob/main/docs/openai.md
    "ollama": Flavour(id_digits=3, errors="ollama", fingerprint="fp_ollama"),
    # https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
    "llamacpp": Flavour(
        id_digits=32,
        headers=(("server", "llama.cpp"), ("keep-alive", "timeout=5, max=100")),
        errors="llamacpp",
        fingerprint="b6497-cd08fc3ec",
        top={"timings": {"prompt_n": 12, "prompt_ms": 40.5, "predicted_n": 9, "predicted_ms": 120.25}},
    ),
    # https://docs.mistral.ai/api: usage comes with the last chunk, asked or not.
    "mistral": Flavour(
        id_prefix="",
        id_digits=32,
        request_id=("mistral-correlation-id", "uuid"),
        headers=(("ratelimitbysize-remaining", "499950"), ("server", "cloudflare")),
        errors="mistral",
        usage_on_last=True,
    ),
    # https://console.groq.com/docs/api-reference
    "groq": Flavour(
        id_prefix="chatcmpl-",
        request_id=("x-request-id", "req_"),
        headers=(("x-groq-region", "fra"), ("x-ratelimit-remaining-tokens", "5950"), ("server", "cloudflare")),
        fingerprint="fp_3f3b593e33",
        usage_on_last=True,
    ),
    # https://api-docs.deepseek.com: keep-alives are empty lines or comments (`pings`), 402 is a balance used up.
    "deepseek": Flavour(
        id_prefix="",
        id_digits=32,
        headers=(("x-ds-trace-id", "simulated"), ("server", "elb")),
        fingerprint="fp_3a5770e1b4",
        details=True,
        usage_on_last=True,
    ),
    # https://openrouter.ai/docs/api-reference/overview: it names the provider that it asked.
    "openrouter": Flavour(
        id_prefix="gen-",
        request_id=("x-generation-id", ""),
        headers=(("server", "cloudflare"), ("permissions-policy", "payment=()")),
        errors="openrouter",
        top={"provider": "Simulated"},
        choice={"native_finish_reason": "stop"},
        chunk_choice={"native_finish_reason": None},
    ),
    # https://docs.x.ai/docs/api-reference: the error is a text.
    "xai": Flavour(
        id_prefix="", id_digits=32, headers=(("server", "cloudflare"),), errors="xai", fingerprint="fp_156d35dcaa"
    ),
    # https://ai.google.dev/gemini-api/docs/openai: errors are a list.
    "gemini": Flavour(id_prefix="", id_digits=22, headers=(("server", "scaffolding on HTTPServer2"),), errors="gemini"),
}


def row_of(name: str | None, provider: str) -> Flavour:
    """The row of that name, else of the provider's name, else OpenAI's; raises `KeyError` for an unknown name."""
    return FLAVOURS[name] if name is not None else FLAVOURS.get(provider, FLAVOURS["openai"])
