"""A program as it was before the gateway: the official client, of which only `base_url` is another."""

from __future__ import annotations

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("GATEWAY_URL", "http://127.0.0.1:4000/v1"),
    api_key="unused",  # the gateway has the provider's key, and on loopback it asks for none of its own
)

stream = client.chat.completions.create(
    model="chat",
    messages=[{"role": "user", "content": "Why do apples fall? One sentence."}],
    stream=True,
)
for chunk in stream:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
print()
