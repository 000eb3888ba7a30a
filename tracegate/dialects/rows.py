"""The built-in providers, as data: a provider that speaks a known dialect is one row.

It is not configuration: a `providers` entry of the file names a row and overrides what it likes. Names follow
`gen_ai.provider.name` of the GenAI conventions where they list the provider, else the row's id.
Beside each row stands the provider's own document that it was written from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One provider.

    Args:
        id: Its name in the configuration.
        name: `gen_ai.provider.name`.
        base_url: Where its API begins, `None` where every account has its own.
        key: The environment variable of its key, `None` where no key is needed.
        dialect: Its wire format.
        auth: `bearer`, or `header:NAME`.
        usage_in_stream: Whether it is asked for usage in a stream (`ask`), or left alone (`leave`), because it
            rejects the question or reports usage unasked.
        base_url_variable: The environment variable that says where a self-hosted server is.
    """

    id: str
    name: str
    base_url: str | None
    key: str | None
    dialect: str = "openai"
    auth: str = "bearer"
    usage_in_stream: bool = True
    base_url_variable: str | None = None


_ALL = (
    # https://platform.openai.com/docs/api-reference/chat
    Row("openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    # https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle (the v1 API: no api-version, any region)
    # The base URL is the resource's own: https://RESOURCE.openai.azure.com/openai/v1
    Row("azure", "azure.ai.openai", None, "AZURE_OPENAI_API_KEY", auth="header:api-key"),
    # https://docs.mistral.ai/api: unknown members are a 422 (`stream_options.include_usage` is one), usage comes anyway
    Row("mistral", "mistral_ai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", usage_in_stream=False),
    # https://api-docs.deepseek.com/api/create-chat-completion
    Row("deepseek", "deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    # https://console.groq.com/docs/api-reference
    Row("groq", "groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    # https://docs.x.ai/docs/api-reference
    Row("xai", "x_ai", "https://api.x.ai/v1", "XAI_API_KEY"),
    # https://docs.together.ai/reference/chat-completions: usage comes unasked, on the last chunk
    Row("together", "together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", usage_in_stream=False),
    # https://docs.fireworks.ai/api-reference/post-chatcompletions: usage comes unasked, on the last chunk
    Row("fireworks", "fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", usage_in_stream=False),
    # https://openrouter.ai/docs/api/reference/overview
    Row("openrouter", "openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    # https://help.aliyun.com/en/model-studio/base-url: a key belongs to one region; this is Singapore
    Row("dashscope", "dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
    # https://docs.ollama.com/api/openai-compatibility
    Row("ollama", "ollama", "http://127.0.0.1:11434/v1", None, base_url_variable="OLLAMA_BASE_URL"),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    Row("vllm", "vllm", "http://127.0.0.1:8000/v1", None, base_url_variable="VLLM_BASE_URL"),
    # https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
    Row("llamacpp", "llamacpp", "http://127.0.0.1:8080/v1", None, base_url_variable="LLAMACPP_BASE_URL"),
)

ROWS: Mapping[str, Row] = {row.id: row for row in _ALL}
