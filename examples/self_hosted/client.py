"""A stream, and the comments at its end, which say what its head could not know yet: usage, cost, every attempt.

The official client, of which only `base_url` is another. It skips comments, as every reader of server-sent events
does; `with_streaming_response` gives the lines as they came.
"""

from __future__ import annotations

import json
import os

from openai import OpenAI

client = OpenAI(base_url=os.environ.get("GATEWAY_URL", "http://127.0.0.1:4000/v1"), api_key="unused")

with client.chat.completions.with_streaming_response.create(
    model="assistant",
    messages=[{"role": "user", "content": "Why do apples fall? One sentence."}],
    stream=True,
) as response:
    for line in response.iter_lines():
        if line.startswith(": tracegate-"):
            print(line)
        elif line.startswith("data: {"):
            for choice in json.loads(line.removeprefix("data: ")).get("choices", []):
                print(choice["delta"].get("content") or "", end="\n" if choice.get("finish_reason") else "")
