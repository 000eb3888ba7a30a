"""Answers as the providers send them, keys and ids scrubbed, texts shortened.

Each stream is a list of blocks, as they stand between empty lines; `[DONE]` is added where the provider sends it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracegate.facts import Usage


@dataclass(frozen=True)
class Recorded:
    """A stream of one provider, and what is to be learnt from it.

    `silent` counts the events before the first with output; `usage_chunk` says that the last event but `[DONE]` is the
    usage chunk of its own that OpenAI defines.
    """

    blocks: tuple[str, ...]
    id: str
    model: str
    silent: int
    usage: Usage | None
    reasons: tuple[str, ...] = ("stop",)
    fingerprint: str | None = None
    tier: str | None = None
    usage_chunk: bool = False
    done: bool = True

    @property
    def stream(self) -> bytes:
        """The bytes of the body."""
        blocks = [*self.blocks, "data: [DONE]"] if self.done else self.blocks
        return "".join(f"{block}\n\n" for block in blocks).encode()

    @property
    def forwarded(self) -> list[bytes]:
        """The events without comments, each as it is sent on."""
        return [f"{block}\n\n".encode() for block in self.blocks if not block.startswith(":")]


def _chunks(head: str, *rest: str) -> tuple[str, ...]:
    return tuple(f"data: {{{head},{part}}}" for part in rest)


_OPENAI = (
    '"id":"chatcmpl-B9","object":"chat.completion.chunk","created":1761000000,"model":"gpt-5.5-2026-08-07",'
    '"service_tier":"default","system_fingerprint":"fp_4c6a"'
)
_AZURE = (
    '"id":"chatcmpl-Az","object":"chat.completion.chunk","created":1761000000,"model":"gpt-5.5-2026-08-07",'
    '"system_fingerprint":"fp_az"'
)
_MISTRAL = (
    '"id":"cmpl-e5cc70bb28c444948073e77776eb30ef","object":"chat.completion.chunk","created":1761000000,'
    '"model":"mistral-large-2411"'
)
_DEEPSEEK = (
    '"id":"1f633d8b","object":"chat.completion.chunk","created":1761000000,'
    '"model":"deepseek-reasoner","system_fingerprint":"fp_ds"'
)
_GROQ = (
    '"id":"chatcmpl-gq","object":"chat.completion.chunk","created":1761000000,'
    '"model":"llama-3.3-70b-versatile","system_fingerprint":"fp_gq"'
)
_XAI = (
    '"id":"xa1","object":"chat.completion.chunk","created":1761000000,'
    '"model":"grok-4-0709","system_fingerprint":"fp_xa"'
)
_TOGETHER = (
    '"id":"oj3","object":"chat.completion.chunk","created":1761000000,"model":"meta-llama/Llama-3.3-70B-Instruct-Turbo"'
)
_OPENROUTER = (
    '"id":"gen-17","provider":"Azure","model":"openai/gpt-5.5","object":"chat.completion.chunk","created":1761000000'
)
_DASHSCOPE = (
    '"id":"chatcmpl-ds","object":"chat.completion.chunk","created":1761000000,'
    '"model":"qwen-plus","system_fingerprint":null'
)
_OLLAMA = (
    '"id":"chatcmpl-1","object":"chat.completion.chunk","created":1761000000,'
    '"model":"llama3.2","system_fingerprint":"fp_ollama"'
)
_VLLM = '"id":"chatcmpl-vl","object":"chat.completion.chunk","created":1761000000,"model":"Qwen/Qwen3-8B"'
_LLAMACPP = (
    '"created":1761000000,"id":"chatcmpl-lc",'
    '"model":"gpt-oss-20b","system_fingerprint":"b6500","object":"chat.completion.chunk"'
)

STREAMS = {
    "openai": Recorded(
        _chunks(
            _OPENAI,
            '"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,'
            '"finish_reason":null}],"usage":null,"obfuscation":"yM9"',
            '"choices":[{"index":0,"delta":{"content":"Grüße"},"logprobs":null,"finish_reason":null}],"usage":null',
            '"choices":[{"index":0,"delta":{"content":" \\ud83d\\ude00"},"finish_reason":null}],"usage":null',
            '"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null',
            '"choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,'
            '"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"completion_tokens_details":'
            '{"reasoning_tokens":3,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}',
        ),
        id="chatcmpl-B9",
        model="gpt-5.5-2026-08-07",
        silent=1,
        usage=Usage(19, 10, cache_read=4, reasoning=3),
        fingerprint="fp_4c6a",
        tier="default",
        usage_chunk=True,
    ),
    "openai tools": Recorded(
        _chunks(
            _OPENAI,
            '"choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":'
            '{"name":"get_weather","arguments":""}}]},"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"x\\":1}"}}]},'
            '"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]',
        ),
        id="chatcmpl-B9",
        model="gpt-5.5-2026-08-07",
        silent=1,
        usage=None,
        reasons=("tool_calls",),
        fingerprint="fp_4c6a",
        tier="default",
    ),
    "openai audio": Recorded(
        _chunks(
            _OPENAI,
            '"choices":[{"index":0,"delta":{"role":"assistant","refusal":null},"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"audio":{"id":"audio_1","transcript":"Hi"}},"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"audio":{"data":"AAAA"}},"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"audio":{"expires_at":1761003600}},"finish_reason":"stop"}]',
            '"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":80,"total_tokens":110,'
            '"prompt_tokens_details":{"cached_tokens":0,"text_tokens":18,"image_tokens":0,"audio_tokens":12},'
            '"completion_tokens_details":{"reasoning_tokens":0,"text_tokens":16,"audio_tokens":64}}',
        ),
        id="chatcmpl-B9",
        model="gpt-5.5-2026-08-07",
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
    "openai refusal, function, two choices": Recorded(
        _chunks(
            _OPENAI,
            '"choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[],"refusal":""},'
            '"finish_reason":null},{"index":1,"delta":{"role":"assistant"},"finish_reason":null}]',
            '"choices":[{"index":1,"delta":{"function_call":{"name":"f","arguments":""}},"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"refusal":"I"},"finish_reason":null}]',
            '"choices":[{"index":1,"delta":{},"finish_reason":"function_call"}]',
            '"choices":[{"index":0,"delta":{},"finish_reason":"length"}]',
        ),
        id="chatcmpl-B9",
        model="gpt-5.5-2026-08-07",
        silent=1,
        usage=None,
        reasons=("length", "function_call"),
        fingerprint="fp_4c6a",
        tier="default",
    ),
    "azure": Recorded(
        (
            'data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,'
            '"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}',
            *_chunks(
                _AZURE,
                '"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},'
                '"finish_reason":null,"index":0,"logprobs":null}],"usage":null',
                '"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},'
                '"delta":{"content":"Hi"},"finish_reason":null,"index":0,"logprobs":null}],"usage":null',
                '"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":0,"logprobs":null}],'
                '"usage":null',
            ),
            # The verdict of the asynchronous filter comes behind the finish reason.
            'data: {"choices":[{"content_filter_offsets":{"check_offset":44,"start_offset":44,"end_offset":198},'
            '"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"finish_reason":null,"index":0}],'
            '"created":0,"id":"","model":"","object":""}',
            *_chunks(
                _AZURE,
                '"choices":[],"usage":{"completion_tokens":1,"completion_tokens_details":{"reasoning_tokens":0},'
                '"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":0},"total_tokens":10}',
            ),
        ),
        id="chatcmpl-Az",
        model="gpt-5.5-2026-08-07",
        silent=2,
        usage=Usage(9, 1, cache_read=0, reasoning=0),
        fingerprint="fp_az",
        usage_chunk=True,
    ),
    "mistral": Recorded(
        _chunks(
            _MISTRAL,
            '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]}]},'
            '"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"content":"Oui"},"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],'
            '"usage":{"prompt_tokens":5,"total_tokens":28,"completion_tokens":23}',
        ),
        id="cmpl-e5cc70bb28c444948073e77776eb30ef",
        model="mistral-large-2411",
        silent=1,
        usage=Usage(5, 23),
    ),
    "deepseek": Recorded(
        (
            ": keep-alive",
            *_chunks(
                _DEEPSEEK,
                '"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":""},'
                '"logprobs":null,"finish_reason":null}]',
                '"choices":[{"index":0,"delta":{"content":null,"reasoning_content":"First"},"logprobs":null,'
                '"finish_reason":null}]',
                '"choices":[{"index":0,"delta":{"content":"42","reasoning_content":null},"logprobs":null,'
                '"finish_reason":null}]',
                '"choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"logprobs":null,'
                '"finish_reason":"stop"}],"usage":{"prompt_tokens":17,"completion_tokens":9,"total_tokens":26,'
                '"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":7},'
                '"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":17}',
            ),
        ),
        id="1f633d8b",
        model="deepseek-reasoner",
        silent=1,
        usage=Usage(17, 9, cache_read=0, reasoning=7),
        fingerprint="fp_ds",
    ),
    "groq": Recorded(
        _chunks(
            _GROQ,
            '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],'
            '"x_groq":{"id":"req_01"}',
            '"choices":[{"index":0,"delta":{"reasoning":"Well"},"logprobs":null,"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"x_groq":{"id":"req_01",'
            '"usage":{"queue_time":0.01,"prompt_tokens":42,"prompt_time":0.002,"completion_tokens":8,'
            '"completion_time":0.03,"total_tokens":50,"total_time":0.032}}',
        ),
        id="chatcmpl-gq",
        model="llama-3.3-70b-versatile",
        silent=1,
        usage=Usage(42, 8),
        fingerprint="fp_gq",
    ),
    "xai": Recorded(
        _chunks(
            _XAI,
            '"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":"Thinking"}}],'
            '"usage":{"prompt_tokens":12,"completion_tokens":0,"total_tokens":20,"completion_tokens_details":'
            '{"reasoning_tokens":8}}',
            '"choices":[{"index":0,"delta":{"content":"Hi","role":"assistant"}}],"usage":{"prompt_tokens":12,'
            '"completion_tokens":1,"total_tokens":330,"completion_tokens_details":{"reasoning_tokens":317}}',
            '"choices":[{"index":0,"delta":{"content":"","role":"assistant"},"finish_reason":"stop"}],'
            '"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":331,"prompt_tokens_details":'
            '{"text_tokens":12,"audio_tokens":0,"image_tokens":0,"cached_tokens":11},"completion_tokens_details":'
            '{"reasoning_tokens":317,"audio_tokens":0},"num_sources_used":0,"cost_in_usd_ticks":1895000}',
        ),
        id="xa1",
        model="grok-4-0709",
        silent=0,
        usage=Usage(12, 319, cache_read=11, reasoning=317, modalities=(("text.input_tokens", 12),), cost_micros=190),
        fingerprint="fp_xa",
    ),
    "together": Recorded(
        _chunks(
            _TOGETHER,
            '"choices":[{"index":0,"text":"Hi","logprobs":null,"finish_reason":null,"delta":{"token_id":2170,'
            '"role":"assistant","content":"Hi","tool_calls":null}}],"usage":null',
            '"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"stop","delta":{"token_id":128009,'
            '"role":"assistant","content":"","tool_calls":null}}],"usage":{"prompt_tokens":36,"completion_tokens":2,'
            '"total_tokens":38,"cached_tokens":8}',
        ),
        id="oj3",
        model="meta-llama/Llama-3.3-70B-Instruct-Turbo",
        silent=0,
        usage=Usage(36, 2, cache_read=8),
    ),
    "openrouter": Recorded(
        (
            ": OPENROUTER PROCESSING",
            ": OPENROUTER PROCESSING",
            *_chunks(
                _OPENROUTER,
                '"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":null,"reasoning_details":[]'
                '},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]',
                '"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":null,"reasoning_details":'
                '[{"type":"reasoning.encrypted","data":"gAAA","index":0}]},"finish_reason":null}]',
                '"choices":[{"index":0,"delta":{"role":"assistant","content":"","images":[{"type":"image_url"}]},'
                '"finish_reason":"stop","native_finish_reason":"completed","logprobs":null}]',
                '"choices":[],"usage":{"prompt_tokens":194,"completion_tokens":2,"total_tokens":196,"cost":0.00014125,'
                '"is_byok":false,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":100,"audio_tokens":0},'
                '"cost_details":{"upstream_inference_cost":null},"completion_tokens_details":{"reasoning_tokens":0,'
                '"image_tokens":1}}',
            ),
        ),
        id="gen-17",
        model="openai/gpt-5.5",
        silent=1,
        usage=Usage(
            194,
            2,
            cache_read=0,
            cache_write=100,
            reasoning=0,
            modalities=(("image.output_tokens", 1),),
            cost_micros=141,
        ),
        usage_chunk=True,
    ),
    "dashscope": Recorded(
        _chunks(
            _DASHSCOPE,
            '"choices":[{"delta":{"content":"","role":"assistant"},"index":0,"logprobs":null,"finish_reason":null}],'
            '"usage":null',
            '"choices":[{"finish_reason":null,"delta":{"content":"你好"},"index":0,"logprobs":null}],"usage":null',
            '"choices":[{"finish_reason":"stop","delta":{"content":""},"index":0,"logprobs":null}],"usage":null',
            '"choices":[],"usage":{"prompt_tokens":22,"completion_tokens":17,"total_tokens":39,'
            '"prompt_tokens_details":{"cached_tokens":0,"cache_creation_input_tokens":20}}',
        ),
        id="chatcmpl-ds",
        model="qwen-plus",
        silent=1,
        usage=Usage(22, 17, cache_read=0, cache_write=20),
        usage_chunk=True,
    ),
    "ollama": Recorded(
        _chunks(
            _OLLAMA,
            '"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]',
            '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]',
            '"choices":[],"usage":{"prompt_tokens":26,"completion_tokens":2,"total_tokens":28}',
        ),
        id="chatcmpl-1",
        model="llama3.2",
        silent=0,
        usage=Usage(26, 2),
        fingerprint="fp_ollama",
        usage_chunk=True,
    ),
    "vllm": Recorded(
        _chunks(
            _VLLM,
            '"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":null},"logprobs":null,'
            '"finish_reason":null}],"prompt_token_ids":null',
            '"choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null,"token_ids":null}]',
            '"choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"stop","stop_reason":null}]',
            '"choices":[],"usage":{"prompt_tokens":10,"total_tokens":12,"completion_tokens":2}',
        ),
        id="chatcmpl-vl",
        model="Qwen/Qwen3-8B",
        silent=1,
        usage=Usage(10, 2),
        usage_chunk=True,
    ),
    "llamacpp": Recorded(
        _chunks(
            _LLAMACPP,
            '"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}]',
            '"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hi"}}]',
            '"choices":[{"finish_reason":"stop","index":0,"delta":{}}]',
            '"choices":[],"usage":{"completion_tokens":2,"prompt_tokens":11,"total_tokens":13},"timings":{"prompt_n":11,'
            '"prompt_ms":95.1,"predicted_n":2,"predicted_ms":40.25}',
        ),
        id="chatcmpl-lc",
        model="gpt-oss-20b",
        silent=1,
        usage=Usage(11, 2),
        fingerprint="b6500",
        usage_chunk=True,
    ),
}

STREAMS["fireworks without its end"] = Recorded(
    _chunks(
        '"id":"fw1","object":"chat.completion.chunk","created":1761000000,"model":"accounts/fireworks/models/x"',
        '"choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}],"usage":null',
        '"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}],"usage":null',
        '"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"total_tokens":11,'
        '"completion_tokens":2}',
    ),
    id="fw1",
    model="accounts/fireworks/models/x",
    silent=1,
    usage=Usage(9, 2),
    done=False,
)

UNARY = (
    b'{\n  "id": "chatcmpl-B9MBs8Cj",\n  "object": "chat.completion",\n  "created": 1741569952,\n'
    b'  "model": "gpt-5.5-2026-08-07",\n  "choices": [\n    {\n      "index": 0,\n      "message": {\n'
    b'        "role": "assistant",\n        "content": "Hello! \\ud83d",\n        "refusal": null,\n'
    b'        "annotations": []\n      },\n      "logprobs": null,\n      "finish_reason": "stop"\n    },\n'
    b'    {"index": 1, "message": {"role": "assistant", "content": null}, "finish_reason": "length"}\n  ],\n'
    b'  "usage": {\n    "prompt_tokens": 19,\n    "completion_tokens": 10,\n    "total_tokens": 29,\n'
    b'    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},\n'
    b'    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}\n  },\n'
    b'  "service_tier": "default",\n  "system_fingerprint": "fp_4c6a",\n  "x_new": 1E400\n}\n'
)
