"""Targets: a model at a provider, with what it takes over from there."""

from __future__ import annotations

import pytest

from tests.config.reading import ENV, PROVIDERS, configured, notes, problems
from tracegate.config.model import DEFAULT, FREE, Origin
from tracegate.facts import Target


def test_the_short_form_is_provider_and_model() -> None:
    """Split at the first slash; everything else is the provider's."""
    targets = configured(PROVIDERS).targets
    assert targets["llama"].target == Target(
        id="llama",
        provider="local",
        provider_name="vllm",
        model="meta-llama/Llama-4-70B",
        scheme="http",
        host="10.0.0.5",
        port=8000,
        path="/v1",
        region="fra1",
    )
    assert targets["llama"].prices == ()
    assert targets["llama"].origins["model"].kind == "file"
    assert targets["llama"].origins["region"].kind == "file"


def test_the_context_window_is_known_from_data() -> None:
    """Unknown stays unknown, and the file wins."""
    config = configured(PROVIDERS + "  big: {provider: openai, model: gpt-5.5, context: 1000}")
    assert config.targets["gpt"].target.context == 128_000
    assert config.targets["gpt"].origins["context"] == Origin("data")
    assert config.targets["large"].target.context is None
    assert config.targets["large"].origins["context"] is DEFAULT
    assert config.targets["big"].target.context == 1000
    assert config.targets["big"].origins["context"].kind == "file"


def test_a_target_says_otherwise_than_its_provider() -> None:
    """Headers and time-outs key by key, the rest as a whole."""
    config = configured(
        """
providers:
  openai: {region: us, headers: {X-Team: a, X-Env: p}, timeouts: {attempt: 1m, idle: 5s}, retry: {times: 5}}
targets:
  same: {provider: openai, model: m}
  other:
    provider: openai
    model: m
    region: eu
    headers: {x-team: b}
    propagate: traceparent
    via: false
    disabled: true
    price: free
    timeouts: {idle: 6s}
    retry: {base: 1s}
"""
    )
    same, other = config.targets["same"], config.targets["other"]
    assert (same.target.region, same.target.headers) == ("us", (("x-team", "a"), ("x-env", "p")))
    assert (same.target.propagate, same.target.via, same.target.disabled) == (False, True, False)
    assert (other.target.region, other.target.headers) == ("eu", (("x-team", "b"), ("x-env", "p")))
    assert (other.target.propagate, other.target.via, other.target.disabled) == (True, False, True)
    assert other.prices == (FREE,)
    assert (other.timeouts.attempt, other.timeouts.idle) == (60 * 10**9, 6 * 10**9)
    assert (other.retry.times, other.retry.base_ns) == (5, 10**9)
    levels = {key: other.origins[key].level for key in ("timeouts.attempt", "timeouts.idle", "timeouts.write")}
    assert levels == {"timeouts.attempt": "provider", "timeouts.idle": "target", "timeouts.write": None}


def test_a_target_of_a_disabled_provider_is_disabled() -> None:
    """It is skipped too."""
    text = "providers: {openai: {disabled: true}}\ntargets: {a: openai/m, b: {provider: openai, model: m}}"
    assert [settings.target.disabled for settings in configured(text).targets.values()] == [True, True]


def test_request_fields_are_kept_as_json() -> None:
    """Numbers as they were written; what `force` has is always set."""
    text = PROVIDERS + (
        "  set: {provider: openai, model: m, body: {temperature: 0.20, stop: ~, seed: 7, user: ü, on: true, "
        'list: [1, {a: "x"}], force: {store: false}}}'
    )
    target = configured(text).targets["set"].target
    assert target.defaults == {
        "temperature": b"0.20",
        "stop": b"null",
        "seed": b"7",
        "user": '"ü"'.encode(),
        "on": b"true",
        "list": b'[1,{"a":"x"}]',
    }
    assert target.forced == {"store": b"false"}


def test_a_region_that_the_host_contradicts_is_warned_of() -> None:
    """Observed wins (ruling 2)."""
    text = (
        "providers: {openai: {base_url: 'https://eu.api.openai.com/v1', region: eu}}\n"
        "targets: {a: {provider: openai, model: m, region: us}}"
    )
    assert notes(text) == [
        "warning targets.a.region: `us` is configured, but the host proves `eu`: observed wins, each attempt says so"
    ]


HEAD = "providers: {openai: {}}\ntargets:\n  "


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 7", "3:6  targets.a: `7` is not a target | write `provider/model` or a map."),
        ("a: gpt", "3:6  targets.a: `gpt` is not `provider/model` | write a provider's id, a slash, and the model."),
        ("a: openai/", "3:6  targets.a: `openai/` is not `provider/model` | write a provider's id, a slash, and the"),
        ('a: ""', "3:6  targets.a: empty, or with characters that can't be printed | write a word"),
        ("a: opnai/m", "3:6  targets.a: unknown provider `opnai` | did you mean `openai`? Providers: openai."),
        ("a: {model: m}", "3:3  targets.a: `provider` is missing | write it."),
        (
            "a: {provider: opnai, model: m}",
            "3:17  targets.a.provider: unknown provider `opnai` | did you mean `openai`? Providers: openai.",
        ),
        ("a: {provider: openai, model: m, context: 128K}", "3:44  targets.a.context: `128K` is not a whole number"),
        ("a: {provider: openai, model: m, body: 7}", "3:41  targets.a.body: not a map | write request fields"),
        ("a: {provider: openai, model: m, body: {force: 7}}", "3:49  targets.a.body.force: not a map | write request"),
        (
            "a: {provider: openai, model: m, body: {model: x}}",
            "3:42  targets.a.body.model: `model` can't be set here | it is the client's, or the target's.",
        ),
        (
            "a: {provider: openai, model: m, body: {force: {stream: true}}}",
            "3:50  targets.a.body.force.stream: `stream` can't be set here | it is the client's, or the target's.",
        ),
        ("a: {provider: openai, model: m, body: {x: .inf}}", "3:45  targets.a.body.x: `Infinity` is no number of JSON"),
        ("a: {provider: openai, model: m, headers: {host: x}}", "3:45  targets.a.headers.host: `host` is not for"),
        (
            "a: {provider: openai, model: m, timeouts: {deadline: 1m}}",
            "3:46  targets.a.timeouts.deadline: `deadline` does not stand here | it bounds a whole request",
        ),
        (
            "a: {provider: openai, model: m, prise: free}",
            "3:35  targets.a.prise: unknown key `prise` | did",
        ),
    ],
)
def test_what_can_not_be_used_is_refused(text: str, why: str) -> None:
    """At its place, with what is allowed."""
    found = problems(HEAD + text)
    assert [line.startswith(why) for line in found] == [True], found


def test_a_provider_with_problems_makes_no_new_ones() -> None:
    """Its name is known, and said once what is wrong with it."""
    text = "providers: {openai: {auth: x}}\ntargets: {a: openai/m, b: {provider: openai, model: m}}\nroutes: {c: [a]}"
    assert [line.partition(":")[0] for line in problems(text, ENV)] == ["1"]
