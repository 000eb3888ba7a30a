"""Random requests: a tree of every policy, faults, a client, a deadline; drawn from a seed, so a red one stays red."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace
from pydantic import BaseModel

from tests.agreement.house import loaded
from tracegate.config.model import Child, Config, Node, PolicyNode, RouteNode, RouteSettings, TargetNode
from tracegate.facts import Timeouts
from tracegate.policies.settings import FALLBACK_WHEN, RETRYABLE, Retry

MS = 1_000_000
S = 1_000_000_000
TARGETS = 6

FAULTS = [
    "ok",
    "ok",
    "ok",
    "503",
    "429",
    "429+retry-after=1",
    "503+retry-after=30",
    "500",
    "400",
    "401",
    "404",
    "context-length",
    "content-filter",
    "quota",
    "silence",
    "reset-before-head",
    "reset-after-head",
    "cut=1",
    "cut=3",
    "cut=half",
    "role-only",
    "no-events",
    "error-first",
    "error-200",
    "empty",
    "html",
    "truncated",
    "malformed=2",
    "not-http",
    "gzip",
    "no-done",
    "ok+usage=never",
    "ok+served=other-model+region=westus",
    "ok+first-token=3s",
    "ok+stall=2",
    "ok+words=30+pace=100ms",
    "ok+head-drip=20b@1s",
    "ok+body-drip=8b@200ms",
    "fault=connection_refused",
    "fault=dns_error",
    "ok+connect=2s",
    "ok+unread",
]

BASE = """
gateway: {name: tracegate-test, node: node-1}
providers:
  a: {dialect: openai, name: openai, base_url: "http://127.0.0.1:9/a/v1", key: none, propagate: traceparent}
  b: {dialect: acme, name: acme, base_url: "http://127.0.0.1:9/b/v1", key: none, propagate: traceparent, region: eu}
targets:
  t0: {provider: a, model: m0, price: {input: 2, output: 8}, context: 1000}
  t1: {provider: a, model: m1, price: free}
  t2: {provider: b, model: m2, price: {input: 1, output: 3}, context: 2000}
  t3: {provider: b, model: m3, region: us}
  t4: {provider: a, model: m4, disabled: true}
  t5: {provider: b, model: m5, price: {input: 5, output: 5}}
"""


@dataclass(frozen=True)
class Draw:
    """One request and the world it runs in.

    Args:
        config: Its routes are drawn; `r` is the one that is asked.
        scripts: What each model does.
        leave_ns: When the client hangs up.
        slow_ns: How long the client takes to read each part, `None` for a client that reads at once.
    """

    config: Config
    scripts: Mapping[str, str]
    stream: bool
    leave_ns: int | None
    slow_ns: int | None

    @property
    def deadline_ns(self) -> int:
        """Of the route that is asked."""
        return self.config.routes["r"].deadline_ns


_BASE: list[Config] = []


def draw(seed: int) -> Draw:
    """The request of a seed."""
    if not _BASE:
        _BASE.append(loaded(BASE))
    rng = random.Random(seed)
    routes = {"r": _route(rng, "r", 4)}
    limits = replace(_BASE[0].limits, attempts=rng.choice([1, 2, 3, 12, 12, 12]))
    leave = rng.choice([None, None, rng.randrange(10 * S)])
    return Draw(
        replace(_BASE[0], routes=routes, limits=limits),
        {f"m{n}": ":".join(rng.choice(FAULTS) for _ in range(rng.randint(1, 3))) for n in range(TARGETS)},
        stream=rng.random() < 0.6,
        leave_ns=leave,
        slow_ns=rng.choice([None, None, None, rng.randrange(3 * S)]),
    )


def _route(rng: random.Random, name: str, depth: int) -> RouteSettings:
    delivery: Literal["live", "buffered"] = rng.choice(["live", "live", "buffered"])
    return RouteSettings(
        name=name,
        node=_node(rng, depth),
        deadline_ns=rng.choice([rng.randrange(1 * MS, 20 * S), 600 * S]),
        delivery=delivery,
        on_stream_failure="restart" if delivery == "buffered" and rng.random() < 0.5 else "error",
        on_malformed_event=rng.choice(["break", "skip"]),
        description=None,
        calls=12,
    )


def _node(rng: random.Random, depth: int) -> Node:
    kind = rng.choice(["target", "route", "fallback", "weighted", "last_first"]) if depth > 1 else "target"
    if kind == "target":
        return TargetNode(f"t{rng.randrange(TARGETS)}", _retry(rng), _timeouts(rng))
    if kind == "route":
        name = f"n{rng.randrange(1000)}"
        return RouteNode(name, _route(rng, name, depth - 1))
    children = tuple(Child(f"c{n}", _node(rng, depth - 1), rng.choice([1.0, 5.0])) for n in range(rng.randint(1, 3)))
    if kind == "last_first":
        return PolicyNode(kind, children, settings=_settings())
    return PolicyNode(kind, children, rng.choice([FALLBACK_WHEN, FALLBACK_WHEN, frozenset({"overloaded", "timeout"})]))


def _settings() -> BaseModel:
    from acme_tracegate import LastFirst  # type: ignore[import-not-found]  # on the path while these tests run

    settings: BaseModel = LastFirst.Settings()
    return settings


def _retry(rng: random.Random) -> Retry:
    return Retry(rng.randint(0, 3), RETRYABLE, 100 * MS, rng.choice([200 * MS, 2 * S]), rng.choice([500 * MS, 5 * S]))


def _timeouts(rng: random.Random) -> Timeouts:
    return Timeouts(
        connect=rng.choice([1 * S, 5 * S]),
        write=2 * S,
        attempt=rng.choice([None, 1 * S, 10 * S]),
        first_token=rng.choice([None, 2 * S]),
        idle=rng.choice([None, 1 * S]),
    )
