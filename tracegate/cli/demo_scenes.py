"""What the demo shows: providers that behave and misbehave, and the requests that meet them. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SCRIPTS: Mapping[str, str] = {
    "gpt-5.5": "ok+served=gpt-5.5-2026-08-07+words=24+pace=8ms",
    "gpt-5.5-busy": "503",
    "gpt-5.5-limited": "429+retry-after-ms=400:ok+served=gpt-5.5-2026-08-07:again",
    "gpt-5.5-silent": "ok+first-token=30s",
    "gpt-5.5-cut": "ok+words=40+pace=10ms+cut=9+reset",
    "gpt-5.5-long": "ok+served=gpt-5.5-2026-08-07+words=400+pace=25ms",
    "gpt-5.5-mini": "context-length",
    "gpt-5.5-stale-key": "401",
    "gpt-5.5-apology": "error-200",
    "gpt-5.5-web-page": "html",
    "gpt-5.5-down": "500",
    "mistral-large": "ok+served=mistral-large-2512+words=24+pace=8ms",
    "mistral-limited": "429+message=Requests rate limit exceeded.",
    "llama-4-70b": "ok+words=24+pace=8ms",
    "llama-4-hiccup": "role-only",
}
"""What each model of the simulated providers does."""

CONFIG = """\
gateway: {{region: eu-central-1}}

providers:                          # all of them simulated, on this machine
  azure:   {{row: azure, base_url: "{origin}/azure/v1", key: demo, proxy: none, region: swedencentral}}
  openai:  {{row: openai, base_url: "{origin}/openai/v1", key: demo, proxy: none, region: us}}
  mistral: {{row: mistral, base_url: "{origin}/mistral/v1", key: demo, proxy: none, region: fr}}
  gpu:     {{row: vllm, base_url: "{origin}/vllm/v1", key: none, proxy: none, region: fra1}}

targets:
  gpt:       {{provider: azure, model: gpt-5.5, price: {{input: 2.20, output: 9}}}}
  busy:      {{provider: azure, model: gpt-5.5-busy, price: {{input: 2.20, output: 9}}}}
  limited:   {{provider: openai, model: gpt-5.5-limited, price: {{input: 2.50, output: 10}}}}
  silent:    {{provider: openai, model: gpt-5.5-silent, price: {{input: 2.50, output: 10}}}}
  cut:       {{provider: openai, model: gpt-5.5-cut, price: {{input: 2.50, output: 10}}}}
  long:      {{provider: openai, model: gpt-5.5-long, price: {{input: 2.50, output: 10}}}}
  mini:      {{provider: openai, model: gpt-5.5-mini, context: 8192, price: {{input: 0.25, output: 2}}}}
  stale-key: {{provider: openai, model: gpt-5.5-stale-key, price: {{input: 2.50, output: 10}}}}
  apology:   {{provider: openai, model: gpt-5.5-apology, price: {{input: 2.50, output: 10}}}}
  web-page:  {{provider: openai, model: gpt-5.5-web-page, price: {{input: 2.50, output: 10}}}}
  down:      {{provider: openai, model: gpt-5.5-down, price: {{input: 2.50, output: 10}}}}
  mistral-l: {{provider: mistral, model: mistral-large, price: {{input: 2, output: 6}}}}
  mistral-x: {{provider: mistral, model: mistral-limited, price: {{input: 2, output: 6}}}}
  llama:     {{provider: gpu, model: llama-4-70b, price: free, context: 131072}}
  hiccup:    {{provider: gpu, model: llama-4-hiccup, price: free}}

retry: {{times: 2, base: 60ms}}

routes:
  chat:     [gpt, mistral-l]
  busy-day: [busy, mistral-l]
  rationed: [limited, mistral-l]
  patience: [{{target: silent, timeouts: {{first_token: 400ms}}}}, llama]
  broken:   [cut, mistral-l]
  novel:    [long, mistral-l]
  context:  [mini, llama]
  keys:     [stale-key, mistral-l]
  excuse:   {{fallback: [apology, mistral-l], retry: 0}}
  portal:   {{fallback: [web-page, mistral-l], retry: 0}}
  stutter:  {{fallback: [hiccup, mistral-l], retry: 0}}
  whole:    {{fallback: [cut, mistral-l], retry: 0, delivery: buffered, on_stream_failure: restart}}
  nested:   {{fallback: [down, chat], retry: 0}}
  nobody:   {{fallback: [down, mistral-x], retry: 0}}
"""

NOWHERE = """
telemetry: {otlp: none}             # the demo shows the spans itself
"""

TO_THE_STACK = """
telemetry: {{otlp: "{otlp}", resource: {{service.instance.id: "{instance}"}}}}
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """One request of the demo.

    Args:
        title: What it shows.
        route: What the client sends as `model`.
        stream: Whether it asks for a stream.
        leave_after: After so many lines the client hangs up.
        headers: Whether every header of ours is shown, and the final comment block, not just who served.
        pictured: Whether its trace is the one that is drawn.
    """

    title: str
    route: str
    stream: bool = False
    leave_after: int | None = None
    headers: bool = False
    pictured: bool = False


SCENES = (
    Scene("A plain answer", "chat"),
    Scene("A stream: what is known only at its end comes as comments", "chat", stream=True, headers=True),
    Scene("The first candidate answers 503 three times, the next one answers", "busy-day", headers=True, pictured=True),
    Scene("A rate limit that says when to come back: the same target, at that time", "rationed"),
    Scene("No first token in time: a silent target is left, not asked again", "patience", stream=True),
    Scene("A 200 that holds an error is no answer", "excuse"),
    Scene("A 200 that is a web page is no answer either", "portal"),
    Scene("A stream that says only a role, and breaks, has not begun", "stutter", stream=True),
    Scene("Too long for the first model: a larger one takes it", "context"),
    Scene("A refused key: the next candidate answers, and the operator sees it", "keys"),
    Scene("A stream that dies half-way ends with an error, never with a clean end", "broken", stream=True),
    Scene("The same where the route restarts: one whole answer, from one provider", "whole", stream=True),
    Scene("A route inside a route", "nested"),
    Scene("The client leaves half-way: the provider is left too, nobody failed", "novel", stream=True, leave_after=12),
    Scene("Nobody can answer: the last error, and every attempt", "nobody", headers=True),
)
