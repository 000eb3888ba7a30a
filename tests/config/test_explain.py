"""The tree of a route as it will run."""

from __future__ import annotations

from datetime import date

import pytest

from tests.config.reading import configured
from tracegate.config.explain import explain, tree
from tracegate.errors import ConfigError

TODAY = date(2026, 6, 1)
EXAMPLE = """
providers:
  gpu:    {row: vllm, base_url: "http://10.0.0.5:8000/v1", key: none, region: fra1, propagate: traceparent}
  openai: {}

targets:
  llama: {provider: gpu, model: meta-llama/Llama-4-70B, price: free, context: 131072}
  cloud: {provider: openai, model: gpt-5.5-mini, price: {input: 0.25, output: 2}}

routes:
  assistant:
    fallback: [llama, cloud]
    retry: 1
    timeouts: {connect: 500ms, first_token: 5s}
    delivery: buffered
    on_stream_failure: restart
"""
TARGETS = """
providers:
  openai: {base_url: "https://eu.api.openai.com/v1"}
  local: {row: vllm, disabled: true}
targets:
  a: {provider: openai, model: m, price: free}
  b: {provider: openai, model: n, price: free, retry: 0}
  c: {provider: local, model: o, price: free, timeouts: {attempt: none}}
routes:
"""
WAITS = " · connect 5s, attempt 2m, first token 60s, idle 60s"


def drawn(routes: str) -> str:
    """The tree of the route `r`, without the usual time-outs of its targets."""
    config = configured(f"{TARGETS}{routes}")
    return tree(config, config.routes["r"], TODAY).replace(WAITS, "")


def test_the_references_example_is_drawn_word_for_word() -> None:
    """Section 17."""
    waits = "connect 500ms, attempt 2m, first token 5s, idle 60s"
    text = explain(configured(EXAMPLE), "assistant", today=TODAY)
    assert text.partition("\n\n")[0] == (
        "assistant   deadline 10m · buffered · restart when a stream dies\n"
        f"├─ llama    gpu · meta-llama/Llama-4-70B · fra1 (configured) · free · 1 retry · {waits}\n"
        f"└─ cloud    openai · gpt-5.5-mini · region unknown · 0.25 in / 2.00 out USD per 1M · 1 retry · {waits}\n"
        "at most 4 upstream calls; next candidate on every error class but content_filter"
    )


def test_a_nested_tree_is_drawn_with_its_branches() -> None:
    """Routes, policies, shares, and what sends a node to the next candidate."""
    routes = """
  r:
    fallback: [a, {weighted: {s: 30, b: 10}, fallback_when: [timeout]}, {policy: sticky, with: {by: user}, over: c}]
    deadline: 90s
    on_malformed_event: skip
    description: the one for chats
  s: {fallback: [a, b], fallback_when: []}
"""
    assert drawn(routes) == (
        "r             deadline 90s · malformed events are skipped\n"
        "│             the one for chats\n"
        "├─ a          openai · m · eu (observed) · free · 2 retries\n"
        "├─ weighted   2 candidates · next candidate on timeout\n"
        "│  ├─ s       75% · route · deadline 10m · next candidate on no error class\n"
        "│  │  ├─ a    openai · m · eu (observed) · free · 2 retries\n"
        "│  │  └─ b    openai · n · eu (observed) · free · no retry\n"
        "│  └─ b       25% · openai · n · eu (observed) · free · no retry\n"
        "└─ sticky     1 candidate\n"
        "   └─ c       disabled · local · o · region unknown · free · 2 retries · "
        "connect 5s, attempt none, first token 60s, idle 60s\n"
        "at most 11 upstream calls; next candidate on every error class but content_filter"
    )


def test_a_route_of_one_target_has_no_next_candidate() -> None:
    """One call is one call."""
    assert drawn("  r: b") == (
        "r      deadline 10m\n└─ b   openai · n · eu (observed) · free · no retry\nat most 1 upstream call"
    )


def test_a_route_is_explained_with_all_that_it_uses() -> None:
    """And nothing else."""
    text = explain(configured(f"{TARGETS}  r: [a, s]\n  s: a\n  t: b"), "r", today=TODAY)
    titles = [part.partition("\n")[0] for part in text.split("\n\n")]
    assert titles[1:] == ["route r", "target a", "provider openai"]


def test_a_target_can_be_explained_alone() -> None:
    """A client may name it."""
    text = explain(configured(f"{TARGETS}  r: a"), "b", today=TODAY)
    assert text.startswith("b   deadline 10m\n└─ b   openai · n · eu (observed) · free · no retry")
    titles = [part.partition("\n")[0] for part in text.split("\n\n")]
    assert titles[1:] == ["target b", "provider openai"]


def test_everything_is_explained_where_no_route_is_named() -> None:
    """Trees first, then the gateway, providers, targets and routes."""
    text = explain(configured(f"{TARGETS}  r: [a]\n  s: b"))
    titles = [part.partition("\n")[0].split("   ")[0] for part in text.split("\n\n")]
    trees, values = titles[:3], titles[3:]
    assert trees == ["r", "s", "gateway"]
    assert values == [
        "provider openai",
        "provider local",
        "target a",
        "target b",
        "target c",
        "route r",
        "route s",
    ]


def test_without_routes_the_targets_are_drawn() -> None:
    """A client can name those."""
    text = explain(configured(TARGETS.replace("routes:", "")), today=TODAY)
    assert [part.split()[0] for part in text.split("\n\n")][:4] == ["a", "b", "c", "gateway"]


def test_an_unknown_route_is_an_error_with_the_nearest() -> None:
    """And the list."""
    with pytest.raises(ConfigError) as caught:
        explain(configured(f"{TARGETS}  chat: a"), "caht")
    assert str(caught.value) == "there is no route `caht`\n    did you mean `chat`? Known: a, b, c, chat."
