"""Every effective value as a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from tests.config.reading import ENV, configured
from tracegate.config.explain_values import gateway_values, provider_values, route_values, target_values

TODAY = date(2026, 6, 1)
TEXT = """
listen: {address: '[::1]:0', tls: {cert: c.pem, key: c.pem}}
gateway: {region: eu-1}
headers: {cors: ['https://a.example', 'https://b.example']}
providers:
  openai: {headers: {X-Key: planted, X-Team: a}, tls: {ca: c.pem}, timeouts: {connect: 1s}}
  own: {dialect: openai, base_url: 'http://h:1/x', key: none, auth: 'header:x-key', region: fra1, proxy: 'http://u:planted@p:1'}
targets:
  t: {provider: openai, model: m, price: free, body: {seed: 1, force: {n: 1}}, timeouts: {idle: 2s}, region: eu-1}
routes:
  r: {target: t, retry: {times: 0, when: [overloaded]}, description: words}
  s: [r, {policy: sticky, with: {by: user}, over: t}]
prices: {overrides: {own/a: free}}
telemetry: {traces: false, resource: {a: b}, content: events, content_otlp: 'http://v:1'}
audit: {mode: available, retention: pci}
"""
FILES = {"c.pem": "x"}


def lines(table: str) -> dict[str, str]:
    """The lines of a table: key, then value and origin with single blanks between; folders and columns left out."""
    found = {}
    for line in table.splitlines()[1:]:
        key, rest = re.split(r" {2,}", line.strip(), maxsplit=1) if "  " in line.strip() else (line, "")
        rest = re.sub(r"/\S*/(?=tracegate\.yaml|c\.pem)", "", re.sub(r" {2,}", " | ", rest))
        found[key] = re.sub(r"(tracegate\.yaml:\d+):\d+", r"\1", rest)
    return found


def gateway(text: str, env: Mapping[str, str] = ENV, files: Mapping[str, str] = FILES) -> dict[str, str]:
    """The lines of the gateway."""
    return lines(gateway_values(configured(text, env, files)))


def test_the_gateways_values_are_all_there() -> None:
    """With where each came from."""
    found = gateway(TEXT, {**ENV, "OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1"})
    assert len(found) == 43
    assert found["listen.address"] == "[::1]:0 | file tracegate.yaml:2"
    assert found["listen.tls"] == "c.pem | file tracegate.yaml:2"
    assert found["gateway.region"] == "eu-1 | file tracegate.yaml:3"
    assert found["gateway.node"] == "host-1 | default"
    assert found["headers.cors"] == "https://a.example, https://b.example | file tracegate.yaml:4"
    assert found["limits.body"] == "32MB | default"
    assert found["prices.overrides"] == "own/a | file tracegate.yaml:13"
    assert found["audit.mode"] == "available | file tracegate.yaml:15"
    assert found["audit.retention"] == "365d (pci) | file tracegate.yaml:15"
    assert found["audit.wait"] == "50ms | default"
    assert found["audit.dir"].endswith("tracegate-audit | default")
    assert found["audit.ship"] == found["audit.auditors"] == found["audit.anchors"] == "none | default"
    assert found["telemetry.traces"] == "off | file tracegate.yaml:14"
    assert found["telemetry.metrics"] == "off | env OTEL_METRICS_EXPORTER"
    assert found["telemetry.logs"] == "http://c:1/v1/logs | env OTEL_EXPORTER_OTLP_ENDPOINT"
    assert found["telemetry.resource"] == "a=b | file tracegate.yaml:14"
    assert found["telemetry.content"] == "events | file tracegate.yaml:14"
    assert found["telemetry.renderer"] == "direct (plain OTLP) | default"


def test_what_is_not_there_is_none() -> None:
    """Never an empty word."""
    found = gateway("telemetry: {otlp: none}\nheaders: {detail: public}")
    assert found["gateway.node"] == "none | file tracegate.yaml:2"
    assert found["headers.cors"] == found["gateway.region"] == found["listen.tls"] == "none | default"
    assert found["telemetry.traces"] == "off | file tracegate.yaml:1"
    assert gateway("{}")["listen.address"] == "127.0.0.1:4000 | default"


def test_a_providers_values_are_all_there() -> None:
    """And no secret."""
    providers = configured(TEXT, files=FILES).providers
    openai, own = lines(provider_values(providers["openai"])), lines(provider_values(providers["own"]))
    assert "planted" not in str(openai) + str(own)
    assert openai["key"] == "[env OPENAI_API_KEY] | env OPENAI_API_KEY"
    assert openai["headers"] == "x-key: [redacted], x-team: a | file tracegate.yaml:6"
    assert openai["name"] == "openai | row openai"
    assert openai["base_url"] == "https://api.openai.com/v1 | row openai"
    assert openai["auth"] == "bearer | row openai"
    assert openai["tls"] == "c.pem | file tracegate.yaml:6"
    assert openai["region"] == "unknown | default"
    assert openai["timeouts.connect"] == "1s | file tracegate.yaml:6 (provider)"
    assert own["base_url"] == "http://h:1/x | file tracegate.yaml:7"
    assert own["auth"] == "header:x-key | file tracegate.yaml:7"
    assert own["key"] == "none | file tracegate.yaml:7"
    assert own["row"] == "none | default"
    assert own["region"] == "fra1 (configured) | file tracegate.yaml:7"
    assert own["proxy"] == "http://p | file tracegate.yaml:7"
    assert own["tls"] == "system trust | default"
    assert len(openai) == len(own) == 27


def test_a_region_that_is_observed_is_said_so() -> None:
    """Whatever is configured."""
    text = "providers: {openai: {base_url: 'https://eu.api.openai.com/v1', region: us, tls: {}}}"
    found = lines(provider_values(configured(text).providers["openai"]))
    assert found["region"].startswith("eu (observed)")
    assert found["tls"].startswith("system trust")


def test_a_targets_values_are_all_there() -> None:
    """Its own, and what it has from its provider."""
    config = configured(TEXT, files=FILES)
    found = lines(target_values(config, config.targets["t"], TODAY))
    assert found["model"] == "m | file tracegate.yaml:9"
    assert found["price"] == "free | file tracegate.yaml:9"
    assert found["context"] == "unknown | default"
    assert found["body"] == "seed, n (always) | file tracegate.yaml:9"
    assert found["headers"] == "x-key: [redacted], x-team: a | file tracegate.yaml:6"
    assert found["region"] == "eu-1 (configured) | file tracegate.yaml:9"
    assert found["timeouts.connect"] == "1s | file tracegate.yaml:6 (provider)"
    assert found["timeouts.idle"] == "2s | file tracegate.yaml:9 (target)"
    assert len(found) == 20


def test_a_routes_values_are_those_of_each_of_its_targets() -> None:
    """By the way that leads there."""
    routes = configured(TEXT, files=FILES).routes
    found = route_values(routes["r"])
    assert re.search(r"t  retry.times +0 +file \S+:11:\d+ \(node\)", found)
    assert re.search(r"t  retry.when +overloaded +file \S+:11:\d+ \(node\)", found)
    assert re.search(r"description +words +file", found)
    assert re.search(r"deadline +10m +default", found)
    nested = route_values(routes["s"])
    assert re.search(r"  r > t  retry.times +0 ", nested)
    assert re.search(r"  t  retry.times +2 +default", nested)
