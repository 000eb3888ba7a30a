"""Answers as the providers send them, after their documents and what is publicly known; ids and texts are short.

The bytes lie in `recorded/`; here stands what is to be learnt from each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tracegate.facts import Usage

FOLDER = Path(__file__).with_name("recorded")


@dataclass(frozen=True)
class Recorded:
    """A stream of one provider.

    `silent` counts the events before the first with output; `usage_chunk` says that the last event but `[DONE]` is the
    usage chunk of its own that OpenAI defines.
    """

    name: str
    id: str
    model: str
    silent: int
    usage: Usage | None
    reasons: tuple[str, ...] = ("stop",)
    fingerprint: str | None = None
    tier: str | None = None
    usage_chunk: bool = False

    @property
    def stream(self) -> bytes:
        """The bytes of the body."""
        return (FOLDER / f"{self.name}.sse").read_bytes()

    @property
    def forwarded(self) -> list[bytes]:
        """The events without comments, each as it is sent on."""
        blocks = self.stream.removesuffix(b"data: [DONE]\n\n").split(b"\n\n")[:-1]
        return [block + b"\n\n" for block in blocks if not block.startswith(b":")]


GPT = "gpt-5.5-2026-08-07"

STREAMS = (
    Recorded(
        "openai",
        id="chatcmpl-B9",
        model=GPT,
        silent=1,
        usage=Usage(19, 10, cache_read=4, reasoning=3),
        fingerprint="fp_4c6a",
        tier="default",
        usage_chunk=True,
    ),
    Recorded(
        "openai-tools",
        id="chatcmpl-B9",
        model=GPT,
        silent=1,
        usage=None,
        reasons=("tool_calls",),
        fingerprint="fp_4c6a",
        tier="default",
    ),
    Recorded(
        "openai-audio",
        id="chatcmpl-B9",
        model=GPT,
        silent=1,
        usage=Usage(
            30,
            80,
            cache_read=0,
            reasoning=0,
            modalities=(
                ("text.input_tokens", 18),
                ("audio.input_tokens", 12),
                ("text.output_tokens", 16),
                ("audio.output_tokens", 64),
            ),
        ),
        fingerprint="fp_4c6a",
        tier="default",
        usage_chunk=True,
    ),
    Recorded(  # a refusal, a function call of old, and the second choice done first
        "openai-choices",
        id="chatcmpl-B9",
        model=GPT,
        silent=1,
        usage=None,
        reasons=("length", "function_call"),
        fingerprint="fp_4c6a",
        tier="default",
    ),
    Recorded(  # a verdict on the prompt first, and one of the asynchronous filter behind the finish reason
        "azure",
        id="chatcmpl-Az",
        model=GPT,
        silent=2,
        usage=Usage(9, 1, cache_read=0, reasoning=0),
        fingerprint="fp_az",
        usage_chunk=True,
    ),
    Recorded(  # reasoning as parts of a list
        "mistral",
        id="cmpl-e5cc70bb28c444948073e77776eb30ef",
        model="mistral-large-2411",
        silent=1,
        usage=Usage(5, 23),
    ),
    Recorded(
        "deepseek",
        id="1f633d8b",
        model="deepseek-reasoner",
        silent=1,
        usage=Usage(17, 9, cache_read=0, reasoning=7),
        fingerprint="fp_ds",
    ),
    Recorded(
        "groq",
        id="chatcmpl-gq",
        model="llama-3.3-70b-versatile",
        silent=1,
        usage=Usage(42, 8),
        fingerprint="fp_gq",
    ),
    Recorded(  # running usage, and reasoning counted beside the output
        "xai",
        id="xa1",
        model="grok-4-0709",
        silent=0,
        usage=Usage(12, 319, cache_read=11, reasoning=317, modalities=(("text.input_tokens", 12),), cost_micros=190),
        fingerprint="fp_xa",
    ),
    Recorded(
        "together",
        id="oj3",
        model="meta-llama/Llama-3.3-70B-Instruct-Turbo",
        silent=0,
        usage=Usage(36, 2, cache_read=8),
    ),
    Recorded(  # closes without `[DONE]`
        "fireworks",
        id="fw1",
        model="accounts/fireworks/models/x",
        silent=1,
        usage=Usage(9, 2),
    ),
    Recorded(  # comments while it looks for a provider, reasoning that is encrypted, an image, money
        "openrouter",
        id="gen-17",
        model="openai/gpt-5.5",
        silent=1,
        usage=Usage(
            194,
            2,
            cache_read=0,
            cache_write=9,
            reasoning=0,
            modalities=(("image.output_tokens", 1),),
            cost_micros=141,
        ),
        usage_chunk=True,
    ),
    Recorded(
        "dashscope",
        id="chatcmpl-ds",
        model="qwen-plus",
        silent=1,
        usage=Usage(22, 17, cache_read=0, cache_write=20),
        usage_chunk=True,
    ),
    Recorded(
        "ollama",
        id="chatcmpl-1",
        model="llama3.2",
        silent=0,
        usage=Usage(26, 2),
        fingerprint="fp_ollama",
        usage_chunk=True,
    ),
    Recorded(
        "vllm",
        id="chatcmpl-vl",
        model="Qwen/Qwen3-8B",
        silent=1,
        usage=Usage(10, 2),
        usage_chunk=True,
    ),
    Recorded(
        "llamacpp",
        id="chatcmpl-lc",
        model="gpt-oss-20b",
        silent=1,
        usage=Usage(11, 2),
        fingerprint="b6500",
        usage_chunk=True,
    ),
)

UNARY = (FOLDER / "openai.json").read_bytes()
"""Pretty-printed as OpenAI does, with two choices, half a surrogate pair and a number beyond binary floats."""
