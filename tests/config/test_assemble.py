"""From a draft to a configuration."""

from __future__ import annotations

import pickle

import pytest

from tests.config.reading import ENV, PROVIDERS, configured, notes, problems, whats
from tracegate.config.assemble import SECTIONS
from tracegate.config.model import DEFAULT, Gateway
from tracegate.facts import Timeouts
from tracegate.policies.settings import Retry


def test_everything_has_a_default() -> None:
    """Every section is optional."""
    config = configured("{}")
    assert (config.providers, config.targets, config.routes, config.keys, config.tenants) == ({}, {}, {}, {}, {})
    assert (config.timeouts, config.retry, config.deadline_ns) == (Timeouts(), Retry(), 600 * 10**9)
    assert (config.direct, config.audit.mode, config.prices.currency) == (True, "strict", "USD")
    assert notes("{}") == ["warning : there are no `providers`: nothing can be served"]


def test_a_gateway_has_a_name_and_a_node() -> None:
    """Its own, or one by its digest and the machine's name; `public` tells no node."""
    assert configured("{}").gateway.node == "host-1"
    assert configured("gateway: {name: gw, node: n, region: eu-1}").gateway == Gateway("gw", "n", "eu-1")
    assert configured("gateway: {node: n}\nheaders: {detail: public}").gateway.node is None
    assert whats("gateway: {name: 'a b', region: EU}") == [
        "gateway.name: `a b` is not a token",
        "gateway.region: `EU` is not a region id",
    ]


def test_every_section_is_known() -> None:
    """Its name at least; others are errors with the nearest."""
    assert problems("provider: {}") == [
        "1:1  provider: unknown key `provider` | did you mean `providers`? Known: audit, direct, gateway, headers, "
        "include, keys, limits, listen, prices, providers, retry, routes, targets, telemetry, tenants, timeouts."
    ]
    text = "\n".join(f"{name}: {{}}" for name in SECTIONS if name not in ("audit", "direct", "include"))
    assert problems(text) == []


@pytest.mark.parametrize("name", ["store", "chains"])
def test_a_reserved_section_is_refused_as_such(name: str) -> None:
    """It is never ignored."""
    assert problems(f"{name}: {{}}") == [f"1:1  {name}: `{name}` is not in this version | take it out."]


def test_defaults_of_the_file_hold_for_every_target() -> None:
    """With where they stand."""
    config = configured(f"timeouts: {{idle: 9s}}\nretry: 1\n{PROVIDERS}")
    assert {settings.timeouts.idle for settings in config.targets.values()} == {9 * 10**9}
    assert {settings.retry.times for settings in config.targets.values()} == {1}
    assert config.origins["timeouts.idle"].kind == config.origins["retry.times"].kind == "file"
    assert config.origins["timeouts.attempt"] is DEFAULT


def test_no_secret_is_in_any_text_of_the_configuration() -> None:
    """And each is known to the redactor."""
    planted = {
        "OPENAI_API_KEY": "sk-planted-1",
        "KEY": "planted-2-with-16-characters",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=planted-3",
    }
    text = """
providers:
  openai: {headers: {X-Api-Key: planted-4}, proxy: 'http://u:planted-5@p:1'}
  other: {dialect: openai, base_url: 'https://h.example', key: planted-6, tls: {cert: c.pem, key: planted-7}}
keys: {a: {key: '${KEY}'}, b: {key: planted-8-with-16-characters}}
targets: {t: {provider: openai, model: m, headers: {X-Token: planted-9}}}
"""
    config = configured(text, planted, {"c.pem": "x"})
    assert "planted" not in repr(
        {name: getattr(config, name) for name in ("providers", "targets", "keys", "telemetry", "notes")}
    )
    known = {secret.value for secret in config.secrets}
    assert {"sk-planted-1", "planted-3", "planted-4", "planted-5", "planted-6", "planted-7", "planted-9"} <= known


def test_a_configuration_can_be_sent_to_another_process() -> None:
    """Workers may be spawned."""
    config = configured(f"{PROVIDERS}routes: {{chat: {{policy: sticky, with: {{by: user}}, over: [gpt]}}}}", ENV)
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301  # its own bytes
