"""Clients' keys and their tenants."""

from __future__ import annotations

import hashlib

import pytest

from tests.config.reading import ENV, PROVIDERS, configured, notes, problems, whats
from tracegate.config.model import ClientKey, Tenant

HASH = "sha256:" + "0a" * 32
HEAD = f"{PROVIDERS}routes: {{chat: gpt}}\n"


def test_a_key_is_known_by_its_digest_only() -> None:
    """However it was written; its text is nowhere in the configuration."""
    config = configured(
        f"{HEAD}keys:\n  a: {{key: '${{KEY}}'}}\n  b: {{key: {{env: OTHER}}, tenant: t, routes: [chat]}}\n"
        f"  c: {{hash: '{HASH}', expires: 2026-12-31, disabled: true, routes: [gpt, 'openai/*', '*']}}",
        {**ENV, "OTHER": "another-key-of-16-characters"},
    )
    assert config.keys == {
        "a": ClientKey("a", hashlib.sha256(ENV["KEY"].encode()).digest(), "default", ("*",), None, False),
        "b": ClientKey("b", hashlib.sha256(b"another-key-of-16-characters").digest(), "t", ("chat",), None, False),
        "c": ClientKey("c", bytes.fromhex("0a" * 32), "default", ("gpt", "openai/*", "*"), 1798761600 * 10**9, True),
    }
    assert ENV["KEY"] not in repr(config)
    assert ENV["KEY"] not in {secret.value for secret in config.secrets}


def test_a_tenant_may_stand_for_its_keys() -> None:
    """It need not."""
    config = configured(f"{HEAD}tenants: {{acme: {{inbound: link, routes: [chat]}}, other: {{}}}}")
    assert config.tenants == {"acme": Tenant("acme", "link", ("chat",)), "other": Tenant("other", None, ("*",))}


def test_a_short_key_is_for_loopback_only() -> None:
    """Warned of there, refused everywhere else."""
    text = f"{HEAD}keys: {{a: {{key: '${{KEY}}'}}}}"
    short = {**ENV, "KEY": "fifteen-letters"}
    assert notes(text, short) == ["warning keys.a.key: the key has less than 16 characters: allowed on loopback only"]
    assert configured(text, short).keys["a"].short
    assert problems(f"listen: 10.0.0.1:4000\n{text}", short) == [
        "12:17  keys.a.key: the key has less than 16 characters | make a random one with `tracegate key`."
    ]
    assert problems(f"listen: 10.0.0.1:4000\n{text}", {**ENV, "KEY": "sixteen-letters!"}) == []


def test_a_literal_key_is_warned_of() -> None:
    """A hash is no secret."""
    assert notes(f"{HEAD}keys: {{a: {{key: 'a-key-of-more-than-16-characters'}}, b: {{hash: '{HASH}'}}}}") == [
        "warning keys.a.key: the key is written out here; use `hash`, `${VAR}`, `{env: VAR}` or `{file: PATH}`"
    ]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("{}", "keys.a: neither `key` nor `hash`"),
        (f"{{key: '${{KEY}}', hash: '{HASH}'}}", "keys.a: both `key` and `hash`"),
        ("{hash: 'a-key-that-is-no-hash'}", "keys.a.hash: not a hash"),
        ("{hash: 'sha256:abc'}", "keys.a.hash: not a hash"),
        ("{key: 'a key with ünicode letters'}", "keys.a.key: the key has characters that can't be sent"),
        ("{key: 'a-key-with-a-blank-at-its-end '}", "keys.a.key: the key has characters that can't be sent"),
        (f"{{hash: '{HASH}', tenant: a/b}}", "keys.a.tenant: `a/b` is no id"),
        (f"{{hash: '{HASH}', expires: soon}}", "keys.a.expires: `soon` is not a date"),
        (f"{{hash: '{HASH}', routes: [caht]}}", "keys.a.routes[0]: unknown name `caht`"),
        (f"{{hash: '{HASH}', routes: ['opnai/*']}}", "keys.a.routes[0]: unknown name `opnai/*`"),
        (f"{{hash: '{HASH}', rate: {{}}}}", "keys.a.rate: `rate` is not in this version"),
    ],
)
def test_what_is_no_key_is_refused(key: str, why: str) -> None:
    """Without showing it: what was written may be the key itself."""
    assert whats(f"{HEAD}keys: {{a: {key}}}") == [why]
    assert not any("a-key-that-is-no-hash" in line for line in problems(f"{HEAD}keys: {{a: {key}}}"))


def test_an_unknown_name_lists_what_there_is() -> None:
    """With the nearest; each list of names is looked at once."""
    (line,) = problems(f"{HEAD}keys: {{a: {{hash: '{HASH}', routes: [gpt, caht]}}}}")
    assert line.partition(" | ")[2] == (
        "did you mean `chat`? Routes and targets: chat, gpt, large, llama. Or `provider/*`, `*`."
    )
    assert whats(f"{HEAD}tenants: {{a: {{routes: [x]}}, b: {{inbound: parnt}}}}") == [
        "tenants.a.routes[0]: unknown name `x`",
        "tenants.b.inbound: `parnt` is not allowed here",
    ]


def test_two_keys_are_never_the_same() -> None:
    """A key says who calls."""
    assert problems(f"{HEAD}keys: {{a: {{hash: '{HASH}'}}, b: {{hash: '{HASH}'}}}}") == [
        "11:94  keys.b: the same key as `a` | give each its own: a key says who calls."
    ]


def test_names_of_routes_with_problems_are_known() -> None:
    """A key that names one has none of its own."""
    text = f"{PROVIDERS}routes: {{chat: [gpt, 7]}}\nkeys: {{a: {{hash: '{HASH}', routes: [chat]}}}}"
    assert whats(text) == ["routes.chat[1]: `7` is not a node"]
