"""Who answered, who failed, and for how much: read from the headers beside the answer.

The official client, of which only `base_url` is another; `with_raw_response` gives the headers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from openai import APIStatusError, OpenAI

client = OpenAI(
    base_url=os.environ.get("GATEWAY_URL", "http://127.0.0.1:4000/v1"),
    api_key=os.environ["WEB_KEY"],
    max_retries=0,  # the gateway retries, and knows better when
)


def show(headers: Mapping[str, str]) -> None:
    """Print what the gateway says of this request; what it does not know is absent."""
    for name in ("X-Served-By", "Tracegate-Attempts", "Tracegate-Record", "Tracegate-Cost"):
        if name in headers:
            print(f"{name}: {headers[name]}")


try:
    response = client.chat.completions.with_raw_response.create(
        model="chat",
        messages=[{"role": "user", "content": "Why do apples fall? One sentence."}],
    )
except APIStatusError as error:  # nobody could answer; the headers say who was asked
    print(error)
    show(error.response.headers)
    sys.exit(1)
print(response.parse().choices[0].message.content)
show(response.headers)
