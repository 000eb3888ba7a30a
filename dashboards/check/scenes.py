"""The scripted load: providers, targets and routes of the gateways that are asked, and what clients ask them for.

Nothing here says what a request does to a metric: `truth` reads that from the providers' log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tracegate.testing.script import Step
from tracegate.testing.script_text import Scripted

# A provider that writes to its cache says so in words of its own, which the simulator does not make up.
_CACHING = {
    "id": "gen-1",
    "object": "chat.completion",
    "created": 1,
    "model": "llama-cached",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 70,
        "completion_tokens": 1,
        "total_tokens": 71,
        "prompt_tokens_details": {"cached_tokens": 13, "cache_write_tokens": 17},
    },
}

SCRIPTS: Mapping[str, Scripted] = {
    "a/gpt-5": "ok+served=gpt-5-2026-08-07+prompt-tokens=100+completion-tokens=20+cached-tokens=40+wait=25ms",
    "a/gpt-5-eu": "ok+region=Sweden%20Central+prompt-tokens=31+completion-tokens=7",
    "a/gpt-5-mini": "ok+prompt-tokens=12+completion-tokens=90+reasoning-tokens=64+first-token=90ms+pace=1ms",
    "a/gpt-5-long": "ok+words=400+pace=20ms",
    "a/gpt-5-sick": "500",
    "a/gpt-5-slow": "silence",
    "b/mistral-small": "ok+prompt-tokens=50+completion-tokens=11",
    "b/mistral-busy": "503",
    "b/mistral-cut": "cut=4",
    "b/mistral-nameless": "ok+served=none+prompt-tokens=5+completion-tokens=2",
    "c/llama-limited": "429",
    "c/llama-unlisted": "ok+prompt-tokens=9+completion-tokens=3",
    "c/llama-unmetered": "ok+usage=never",
    "c/llama-cached": Step(say="body", body=json.dumps(_CACHING), content_type="application/json"),
}
"""What each model does, by the provider's place and its name."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as the configuration has it: its name in telemetry, and the region it claims."""

    name: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A target as the configuration has it; `price` is for a million tokens in and out, `None` for none."""

    id: str
    place: str
    model: str
    price: tuple[Decimal, Decimal] | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What a client asks for.

    Args:
        route: As `model` of the request.
        times: How often, one after another.
        stream: Whether as a stream.
        leave_after: The client hangs up after so many chunks of the body.
    """

    route: str
    times: int = 1
    stream: bool = False
    leave_after: int | None = None


PROVIDERS: Mapping[str, Provider] = {
    "a": Provider("openai", "eu"),
    "b": Provider("mistral_ai"),
    "c": Provider("groq", "us"),
}

_DEAR, _CHEAP = (Decimal(2), Decimal(8)), (Decimal(1), Decimal("0.5"))
TARGETS = (
    Target("gpt", "a", "gpt-5", _DEAR),
    Target("gpt-eu", "a", "gpt-5-eu", _DEAR),
    Target("mini", "a", "gpt-5-mini", _DEAR),
    Target("long", "a", "gpt-5-long", _DEAR),
    Target("sick", "a", "gpt-5-sick", _DEAR),
    Target("slow", "a", "gpt-5-slow", _DEAR),
    Target("small", "b", "mistral-small", _CHEAP),
    Target("busy", "b", "mistral-busy", _CHEAP),
    Target("cut", "b", "mistral-cut", _CHEAP),
    Target("nameless", "b", "mistral-nameless", _CHEAP),
    Target("limited", "c", "llama-limited", _CHEAP),
    Target("unlisted", "c", "llama-unlisted"),
    Target("unmetered", "c", "llama-unmetered", _CHEAP),
    Target("cached", "c", "llama-cached", _CHEAP),
)

ROUTES: Mapping[str, str] = {
    "good": "[gpt]",
    "streamed": "[mini]",
    "cheap": "[small]",
    "elsewhere": "[gpt-eu]",
    "overloaded": "[busy, gpt]",
    "chain": "{fallback: [limited, busy, small], retry: {times: 1, base: 5ms, cap: 5ms}}",
    "patient": "{fallback: [slow, small], timeouts: {attempt: 200ms}}",
    "broken": "[cut]",
    "abandoned": "[long]",
    "hopeless": "[sick, busy]",
    "of-nameless": "[nameless]",
    "of-unlisted": "[unlisted]",
    "of-unmetered": "[unmetered]",
    "of-cached": "[cached]",
    "of-sick": "[sick]",
}
"""The tree of each route, as YAML."""

LOAD = (
    Scene("good", 4),
    Scene("streamed", 3, stream=True),
    Scene("cheap", 2),
    Scene("elsewhere"),
    Scene("overloaded", 2),
    Scene("chain"),
    Scene("patient"),
    Scene("broken", stream=True),
    Scene("abandoned", stream=True, leave_after=3),
    Scene("hopeless"),
    Scene("of-nameless"),
    Scene("of-unlisted", 2),
    Scene("of-unmetered"),
    Scene("of-cached"),
    Scene("of no such name"),
)
"""What the gateway that is looked at is asked for."""

BESIDE = (Scene("good", 2), Scene("overloaded"), Scene("of-unlisted", 2))
"""What another gateway is asked for meanwhile, which a chosen `job` must leave out."""


def configuration(origin: str, job: str, ship: str = "none") -> str:
    """A gateway's configuration, as YAML.

    Args:
        origin: Of the simulated providers.
        job: Its `service.name`, and the replica of its audit log.
        ship: Where leaves of that go.
    """
    lines = ["gateway: {name: tracegate-check}", "listen: 127.0.0.1:0", "retry: 0", "providers:"]
    for place, provider in PROVIDERS.items():
        region = f", region: {provider.region}" if provider.region else ""
        lines.append(
            f'  {place}: {{dialect: openai, name: {provider.name}, base_url: "{origin}/{place}/v1", key: none{region}}}'
        )
    lines.append("targets:")
    for target in TARGETS:
        price = f", price: {{input: {target.price[0]}, output: {target.price[1]}}}" if target.price else ""
        lines.append(f"  {target.id}: {{provider: {target.place}, model: {target.model}{price}}}")
    lines += ["routes:", *(f"  {route}: {tree}" for route, tree in ROUTES.items())]
    lines.append(f'audit: {{replica: {job}, ship: "{ship}"}}')
    # Exported when the check says so, and at no other time: then it knows every sample that Prometheus has.
    lines.append(f"telemetry: {{service: {job}, metrics_every: 1h}}")
    return "\n".join(lines) + "\n"
