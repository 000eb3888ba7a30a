"""The digest of a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256

import pytest
from pydantic import BaseModel

from tests.config.reading import ENV, configured
from tracegate.config.digest import digest
from tracegate.config.secret import Secret

TEXT = """
providers:
  openai: {headers: {X-Key: one, X-Team: a}, proxy: 'http://a:b@c:1', timeouts: {attempt: 2m}}
  mistral: {key: '${KEY}', tls: {cert: c.pem, key: {file: k.pem}}}
targets: {large: {provider: mistral, model: m, price: {input: 2.50}}}
routes: {chat: {fallback: [openai/m, large], fallback_when: [timeout, auth]}}
keys: {web: {key: '${KEY}'}}
telemetry: {otlp: {endpoint: 'http://c:4318', headers: {a: '${KEY}'}}}
"""
FILES = {"c.pem": "x", "k.pem": "PRIVATE"}


def of(text: str, env: dict[str, str] | None = None, files: dict[str, str] | None = None) -> str:
    """The digest of a text."""
    return configured(text, {**ENV, **(env or {})}, files or FILES).digest


def test_a_digest_is_sha256_in_hex() -> None:
    """And names the gateway."""
    config = configured(TEXT, files=FILES)
    assert len(bytes.fromhex(config.digest)) == 32
    assert config.gateway.name == f"tracegate-{config.digest[:8]}"
    assert of(TEXT) == config.digest


@pytest.mark.parametrize(
    ("written", "otherwise"),
    [
        ("attempt: 2m", "attempt: 120s"),
        ("input: 2.50", "input: '2.5'"),
        ("[timeout, auth]", "[auth, timeout]"),
        ("keys: {web", "x-a: &a {b: c}\nkeys: {web"),
        ("providers:", "retry: 2\nproviders:"),
        ("fallback: [openai/m, large]", "fallback: ['openai/m', \"large\"]"),
        ("telemetry: {otlp", "gateway: {name: mine}\ntelemetry: {otlp"),
        ("X-Key: one", "X-Key: two"),
        ("key: '${KEY}', tls", "key: {env: KEY}, tls"),
        ("web: {key: '${KEY}'}", f"web: {{hash: 'sha256:{'0' * 64}'}}"),
    ],
)
def test_what_means_the_same_has_the_same_digest(written: str, otherwise: str) -> None:
    """However it is written; secrets and the gateway's name are left out (ruling 45)."""
    assert written in TEXT
    assert of(TEXT.replace(written, otherwise)) == of(TEXT)


@pytest.mark.parametrize(
    ("written", "otherwise"),
    [
        ("attempt: 2m", "attempt: 3m"),
        ("input: 2.50", "input: 2.51"),
        ("[timeout, auth]", "[timeout]"),
        ("[openai/m, large]", "[large, openai/m]"),
        ("X-Team: a", "X-Team: b"),
        ("web: {", "app: {"),
        ("web: {", "web: {tenant: t, "),
        ("http://c:4318", "http://d:4318"),
        ("providers:", "audit: {mode: off}\nproviders:"),
        ("providers:", "gateway: {region: eu}\nproviders:"),
        ("providers:", "limits: {attempts: 5}\nproviders:"),
        ("providers:", "direct: true\nproviders:"),
        ("key: '${KEY}', tls: {cert: c.pem, key: {file: k.pem}}", "key: none"),
    ],
)
def test_what_means_something_else_has_another(written: str, otherwise: str) -> None:
    """Behaviour and evidence alike."""
    assert written in TEXT
    assert of(TEXT.replace(written, otherwise)) != of(TEXT)


def test_replicas_of_one_file_have_one_digest() -> None:
    """Whatever their secrets, variables and folders are."""
    env = {"KEY": "another-key-of-16-characters", "OTEL_RESOURCE_ATTRIBUTES": "pod=7", "OPENAI_API_KEY": "sk-other"}
    assert of(TEXT, env, {"c.pem": "y", "k.pem": "OTHER"}) == of(TEXT)


@dataclass(frozen=True)
class Inner:
    """Something with fields."""

    value: object
    origins: object = None


class Model(BaseModel):
    """A third party's settings."""

    ratio: float = 0.5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Inner(1, origins="a"), Inner(1, origins="b")),
        (Decimal("2.50"), Decimal("2.5")),
        (frozenset({"a", "b"}), {"b", "a"}),
        ((1, 2), [1, 2]),
        (date(2026, 9, 1), "2026-09-01"),
        (b'{"a":1}', '{"a":1}'),
        (Secret("a", "env", "A"), Secret("b", "literal")),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (Model(), {"ratio": 0.5}),
        (Decimal("Infinity"), "Infinity"),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_values_have_one_form(one: object, other: object) -> None:
    """JSON with sorted keys."""
    assert digest({"x": one}) == digest({"x": other})


def test_a_digest_does_not_change_between_runs() -> None:
    """It is SHA-256 over a text that anybody can write down; sets have no order of their own."""
    text = b'{"a":null,"b":["x","y"],"c":true}'
    assert digest({"c": Secret("s", "env", "S"), "b": frozenset({"x", "y"}), "a": None}) == sha256(text).hexdigest()
