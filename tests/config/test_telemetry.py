"""Telemetry: the file wins over `OTEL_*`, which wins over the default."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.config.reading import ENV, configured, notes, problems, whats
from tracegate.config.model import DEFAULT, Origin, Otlp, Telemetry
from tracegate.config.secret import Secret

HEAD = "providers: {openai: {}}\n"


def telemetry(text: str = "{}", env: Mapping[str, str] | None = None) -> Telemetry:
    """The section of a text, over an environment."""
    return configured(f"{HEAD}telemetry: {text}", {**ENV, **(env or {})}).telemetry


def test_the_default_is_a_collector_on_this_machine() -> None:
    """With every other value of the table."""
    found = telemetry()
    assert found.traces == Otlp("http://localhost:4318/v1/traces")
    assert found.metrics == Otlp("http://localhost:4318/v1/metrics")
    assert found.logs == Otlp("http://localhost:4318/v1/logs")
    assert (found.metrics_every_ns, found.queue, found.shutdown_ns) == (15 * 10**9, 16_000_000, 3 * 10**9)
    assert (found.renderer, found.renderer_why, found.inbound) == ("direct", "plain OTLP", "parent")
    assert (found.service, found.resource) == ("tracegate", ())
    assert (found.content, found.content_otlp, found.disabled) == (False, None, False)
    assert (found.value_limit, found.unread) == (None, ())
    assert found.origins["otlp.traces"] is found.origins["service"] is DEFAULT


def test_the_file_says_where_it_goes() -> None:
    """A base for every signal, or with all that belongs to it."""
    assert telemetry("{otlp: 'https://c.example/base/'}").logs == Otlp("https://c.example/base/v1/logs")
    text = (
        "{otlp: {endpoint: 'https://c:4317', protocol: grpc, headers: {X-Key: '${KEY}'}, compression: gzip, "
        "timeout: 2s}}"
    )
    found = telemetry(text)
    header = (("x-key", Secret(ENV["KEY"], "env", "KEY")),)
    assert found.traces == Otlp("https://c:4317", "grpc", header, "gzip", 2 * 10**9)
    assert found.traces == found.logs
    assert found.origins["otlp.traces"].kind == "file"
    config = configured(f"{HEAD}telemetry: {text}")
    assert ENV["KEY"] in {secret.value for secret in config.secrets}


def test_certificates_stand_relative_to_the_file() -> None:
    """Those of the environment as they are."""
    text = f"{HEAD}telemetry: {{otlp: {{ca: ca.pem, cert: c.pem, key: k.pem}}}}"
    otlp = configured(text, files={"ca.pem": "x", "c.pem": "x", "k.pem": "x"}).telemetry.traces
    assert otlp is not None
    assert [(path or "").rpartition("/")[2] for path in (otlp.ca, otlp.cert, otlp.key)] == ["ca.pem", "c.pem", "k.pem"]
    env = {
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "certs/ca.pem",
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": "certs/c.pem",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": "certs/k.pem",
    }
    otlp = telemetry("{}", env).traces
    assert otlp is not None
    assert (otlp.ca, otlp.cert, otlp.key) == ("certs/ca.pem", "certs/c.pem", "certs/k.pem")


def test_the_environment_says_where_it_goes() -> None:
    """A common endpoint is a base, a signal's own is used as it is."""
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://d:2/logs",
        "OTEL_EXPORTER_OTLP_HEADERS": "X-Key=sk%201",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2000",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
    }
    found = telemetry("{}", env)
    headers = (("x-key", Secret("sk 1", "env", "OTEL_EXPORTER_OTLP_HEADERS")),)
    assert found.traces == Otlp("http://c:1/v1/traces", "http/protobuf", headers, "gzip", 2 * 10**9)
    assert found.logs == Otlp("http://d:2/logs", "http/protobuf", headers, "gzip", 2 * 10**9)
    assert found.origins["otlp.logs"] == Origin("env", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT")


def test_the_file_wins_key_by_key() -> None:
    """The rest is the environment's."""
    env = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://env:1",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=b",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    otlp = telemetry("{otlp: {endpoint: 'http://file:1', protocol: http/protobuf, headers: {}}}", env).traces
    assert otlp == Otlp("http://file:1/v1/traces", compression="gzip")


def test_grpc_has_another_port() -> None:
    """And no path."""
    found = telemetry("{}", {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert found.traces == Otlp("http://localhost:4317", "grpc")
    assert telemetry(
        "{}", {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:9"}
    ).logs == (Otlp("http://c:9", "grpc"))


def test_signals_can_be_switched_off() -> None:
    """By the file, or by `OTEL_*_EXPORTER=none`, which the file wins over."""
    off = telemetry("{traces: false, metrics: true}", {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"})
    assert (off.traces, off.logs) == (None, None)
    assert off.metrics is not None
    assert off.origins["logs"] == Origin("env", "OTEL_LOGS_EXPORTER")
    none = telemetry("{otlp: none}")
    assert (none.traces, none.metrics, none.logs) == (None, None, None)
    assert telemetry("{}", {"OTEL_SDK_DISABLED": "true"}).disabled


def test_content_has_an_end_of_its_own() -> None:
    """The environment does not choose it."""
    env = {"OTEL_EXPORTER_OTLP_HEADERS": "a=b", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    found = telemetry("{content: events, content_otlp: 'http://vault:4318'}", env)
    assert found.content
    assert found.content_otlp == Otlp("http://vault:4318/v1/logs")


@pytest.mark.parametrize(
    ("text", "env", "renderer", "why"),
    [
        ("{}", {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "sdk", "protocol grpc"),
        ("{}", {"OTEL_CONFIG_FILE": "otel.yaml"}, "sdk", "OTEL_CONFIG_FILE is set"),
        ("{}", {"OTEL_TRACES_EXPORTER": "console"}, "sdk", "OTEL_TRACES_EXPORTER is `console`"),
        ("{}", {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "none"}, "direct", "plain OTLP"),
        ("{renderer: direct}", {"OTEL_CONFIG_FILE": "otel.yaml"}, "direct", "file"),
        ("{renderer: sdk}", {}, "sdk", "file"),
    ],
)
def test_the_renderer_is_chosen_and_says_why(text: str, env: dict[str, str], renderer: str, why: str) -> None:
    """`direct` where telemetry is plain OTLP over HTTP."""
    found = telemetry(text, env)
    assert found.renderer == renderer
    assert found.renderer_why.startswith(why)


def test_an_instrumented_provider_needs_the_sdk() -> None:
    """Its spans come from there."""
    text = "providers: {openai: {transport: httpx, instrument: true}}\n"
    found = configured(text).telemetry
    assert (found.renderer, found.renderer_why) == ("sdk", "`instrument` of `openai`")
    assert problems(f"{text}telemetry: {{renderer: direct}}") == [
        "2:23  telemetry.renderer: `direct` can't do what this asks for: `instrument` of `openai` | "
        "write `renderer: auto`, or take that out; `direct` speaks http/protobuf and sees no foreign spans."
    ]


def test_variables_that_are_not_read_are_warned_of() -> None:
    """Once, and only where `direct` runs."""
    env = {**ENV, "OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_PROPAGATORS": "b3"}
    assert notes(HEAD, env) == [
        "warning telemetry: not read: OTEL_BSP_SCHEDULE_DELAY, OTEL_PROPAGATORS; that needs `renderer: sdk`"
    ]
    assert notes(f"{HEAD}telemetry: {{renderer: sdk}}", env) == []


def test_the_service_has_a_name() -> None:
    """File, variable, resource, default, in this order; it stands in no resource attribute."""
    resource = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=r,a=b"}
    assert telemetry("{service: f}", {**resource, "OTEL_SERVICE_NAME": "e"}).service == "f"
    named = telemetry("{}", {**resource, "OTEL_SERVICE_NAME": "e"})
    assert (named.service, named.origins["service"]) == ("e", Origin("env", "OTEL_SERVICE_NAME"))
    of_resource = telemetry("{}", resource)
    assert (of_resource.service, of_resource.resource) == ("r", (("a", "b"),))
    assert of_resource.origins["service"] == Origin("env", "OTEL_RESOURCE_ATTRIBUTES")


def test_resource_attributes_of_the_file_win() -> None:
    """One by one."""
    found = telemetry("{resource: {a: file}}", {"OTEL_RESOURCE_ATTRIBUTES": "a=env,b=env"})
    assert found.resource == (("a", "file"), ("b", "env"))
    assert found.origins["resource"].kind == "file"


def test_metrics_have_an_interval() -> None:
    """File, variable, default."""
    env = {"OTEL_METRIC_EXPORT_INTERVAL": "5000"}
    assert telemetry("{}", env).metrics_every_ns == 5 * 10**9
    assert telemetry("{}", env).origins["metrics_every"] == Origin("env", "OTEL_METRIC_EXPORT_INTERVAL")
    assert telemetry("{metrics_every: 6s}", env).metrics_every_ns == 6 * 10**9
    assert telemetry("{}", {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "99"}).value_limit == 99


def test_an_export_that_is_given_no_time_is_warned_of() -> None:
    """The SDK for Python reads seconds where the specification says milliseconds."""
    assert notes(HEAD, {**ENV, "OTEL_EXPORTER_OTLP_TIMEOUT": "10"}) == [
        "warning telemetry: OTEL_EXPORTER_OTLP_TIMEOUT is in milliseconds: 10 ms is short for an export"
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{otlp: 7}", "telemetry.otlp: `7` is not text"),
        ("{otlp: 'c:4318'}", "telemetry.otlp: `c:4318` is not an http or https URL"),
        ("{otlp: {endpoint: 'http://c/v1/traces'}}", "telemetry.otlp.endpoint: the path of one signal"),
        ("{otlp: {protocol: http/json}}", "telemetry.otlp.protocol: `http/json` is not allowed here"),
        ("{content: events}", "telemetry.content: `content: events` needs `content_otlp`"),
        ("{content_otlp: 'http://c'}", "telemetry.content_otlp: has no effect without `content: events`"),
        (
            "{renderer: direct, otlp: {protocol: grpc}}",
            "telemetry.renderer: `direct` can't do what this asks for: protocol grpc",
        ),
        ("{inbound: trust}", "telemetry.inbound: `trust` is not allowed here"),
        ("{queue: 16}", "telemetry.queue: `16` has no unit"),
    ],
)
def test_what_can_not_be_used_is_refused(text: str, why: str) -> None:
    """Once, though it is for three signals."""
    assert whats(f"{HEAD}telemetry: {text}") == [why]


def test_half_a_client_certificate_is_refused() -> None:
    """It could never be shown."""
    assert whats(f"{HEAD}telemetry: {{otlp: {{cert: c.pem}}}}", files={"c.pem": "x"}) == [
        "telemetry.otlp: a client certificate needs `cert` and `key`"
    ]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318", "`c:4318` is not an http or https URL | write a URL such as"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "`http/json` is not allowed here | allowed: http/protobuf, grpc."),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "`zstd` is not allowed here | allowed: none, gzip."),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x", "not a list of `name=value` | write `name=value,other=value`."),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "`10s` is not a number of milliseconds | write a whole number"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "x", "`x` is not a number of milliseconds | write a whole number"),
        ("OTEL_RESOURCE_ATTRIBUTES", "x", "not a list of `name=value` | write `name=value,other=value`."),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "x", "`x` is not a number of characters | write a whole number."),
    ],
)
def test_a_wrong_variable_is_an_error_that_names_it(name: str, value: str, why: str) -> None:
    """It stands in no file."""
    found = problems(HEAD, {**ENV, name: value})
    assert [line.startswith(f"environment  {name}: {why}") for line in found] == [True], found
