"""The forms of the file's maps: which keys there are and how each is read. Nothing is resolved or inherited here.

A key that is not written keeps `None`, or its default where nothing is inherited; `model_fields_set` tells which were.
Reserved keys are refused as such: their place is fixed, the feature comes later.
Source: the tables of the configuration's reference, sections 3 to 11.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from tracegate.config import fields as f
from tracegate.config.form import Form, Reads
from tracegate.config.problems import Wrong
from tracegate.config.values import shown
from tracegate.facts import ErrorClass

Raw = Annotated[Any, Reads(lambda value: value)]
"""A key that is read by hand, after the model; `Any` because it is still a value of the document."""


_RETRIED = {
    "timeout": "a silent target is left, not asked again",
    "context_length": "the same request would be refused again",
    "content_filter": "the same request would be refused again",
    "auth": "the same key would be refused again",
    "quota": "the quota is still used up",
    "not_found": "the model would still be missing",
    "too_large": "the same request would be refused again",
    "invalid_request": "the same request would be refused again",
    "residency": "policy forbids the target",
}
_RETRYABLE = "rate_limit, overloaded, server_error, connection, broken_answer"


def _retry_when(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise Wrong(f"{shown(value)} is not a list", f"write a list of {_RETRYABLE}.")
    for name in value:
        why = _RETRIED.get(name) if isinstance(name, str) else None
        if why is not None:
            raise Wrong(f"`{name}` is never retried: {why}", f"allowed: {_RETRYABLE}.")
        if name not in _RETRYABLE.split(", "):
            raise Wrong(f"{shown(name)} is not an error class that can be retried", f"allowed: {_RETRYABLE}.")
    return frozenset(str(name) for name in value)


class Retry(Form):
    """Section 7; `retry: 2` is short for `{times: 2}`."""

    short: ClassVar[str] = "times"
    times: f.UpToTen | None = None
    when: Annotated[frozenset[ErrorClass] | None, Reads(_retry_when)] = None
    base: f.DurationOrZero | None = None
    cap: f.DurationOrZero | None = None
    max_wait: f.DurationOrZero | None = None


class Timeouts(Form):
    """Section 6, without `deadline`."""

    elsewhere: ClassVar[Mapping[str, str]] = {
        "deadline": "it bounds a whole request: write it at the top of a route, or in the file's own `timeouts`."
    }
    connect: f.Duration | None = None
    write: f.Duration | None = None
    attempt: f.DurationOrNone = None
    first_token: f.DurationOrNone = None
    idle: f.DurationOrNone = None


class AllTimeouts(Timeouts):
    """Section 6, at the top of the file."""

    deadline: f.Duration = 600_000_000_000


class ClientTls(Form):
    """TLS towards a provider."""

    ca: f.FilePath | None = None
    cert: f.FilePath | None = None
    key: f.SecretValue | None = None


class Pool(Form):
    """Connections to a provider."""

    connections: f.Positive = 200
    idle: f.Duration = 20_000_000_000
    waiting: f.Count = 1000


class Provider(Form):
    """Section 3."""

    reserved: ClassVar[frozenset[str]] = frozenset({"health", "require"})
    row: f.Text | None = None
    name: f.Text | None = None
    dialect: f.Text | None = None
    base_url: f.Text | None = None
    key: f.SecretOrNone = None
    auth: Raw = None
    region: f.Region | None = None
    headers: f.Fields = f.NOTHING
    propagate: Literal["none", "traceparent"] = "none"
    via: f.Boolean = True
    usage_in_stream: Literal["ask", "leave"] | None = None
    transport: f.Text = "auto"
    proxy: f.Text = "env"
    tls: ClientTls | None = None
    pool: Pool = Pool()
    instrument: f.Boolean = False
    disabled: f.Boolean = False
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()


class Target(Form):
    """Section 4."""

    reserved: ClassVar[frozenset[str]] = frozenset({"health", "require"})
    provider: f.Text
    model: f.Text
    region: f.Region | None = None
    context: f.Positive | None = None
    price: Raw = None
    body: Raw = None
    headers: f.Fields = f.NOTHING
    propagate: Literal["none", "traceparent"] | None = None
    via: f.Boolean | None = None
    disabled: f.Boolean = False
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()


class Beside(Form):
    """What may stand beside a chooser at any node of a route: section 5."""

    elsewhere: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("deadline", "on_stream_failure", "delivery", "on_malformed_event", "description"),
        "it holds for a whole route: write it at the top.",
    )
    reserved: ClassVar[frozenset[str]] = frozenset(
        {"require", "cheapest", "fastest", "least_loaded", "sticky", "hedge", "shadow", "match"}
    )
    retry: Retry = Retry()
    timeouts: Timeouts = Timeouts()
    fallback_when: list[ErrorClass] | None = None


class Top(Beside):
    """What may stand at the top of a route as well."""

    reserved: ClassVar[frozenset[str]] = Beside.reserved | {"cache"}
    deadline: f.Duration | None = None
    on_stream_failure: Literal["error", "restart"] = "error"
    delivery: Literal["live", "buffered"] = "live"
    on_malformed_event: Literal["break", "skip"] = "break"
    description: f.Text | None = None


class Key(Form):
    """Section 8: a client's key."""

    reserved: ClassVar[frozenset[str]] = frozenset({"rate", "budget", "concurrency", "require"})
    key: f.SecretValue | None = None
    hash: f.Text | None = None
    tenant: f.Text = "default"
    routes: f.Names = ("*",)
    expires: f.Day | None = None
    disabled: f.Boolean = False


class Tenant(Form):
    """Section 8: a tenant."""

    reserved: ClassVar[frozenset[str]] = frozenset({"rate", "budget", "concurrency", "require"})
    inbound: Literal["parent", "link", "ignore"] | None = None
    routes: f.Names = ("*",)


class ServerTls(Form):
    """The server's certificate."""

    cert: f.FilePath
    key: f.FilePath


class Listen(Form):
    """Section 9; `listen: HOST:PORT` is short for `{address: HOST:PORT}`."""

    short: ClassVar[str] = "address"
    address: f.Text = "127.0.0.1:4000"
    tls: ServerTls | None = None
    without_keys: f.Boolean = False


class Limits(Form):
    """Section 9."""

    body: f.Size = 32_000_000
    header: f.Size = 32_000
    header_time: f.Duration = 10_000_000_000
    keep_alive: f.Duration = 75_000_000_000
    requests: f.Positive = 2000
    attempts: f.Positive = 12
    answer: f.Size = 64_000_000


class ResponseHeaders(Form):
    """Section 9."""

    detail: Literal["full", "public"] = "full"
    traceresponse: f.Boolean = True
    comments: f.Boolean = True
    cors: f.WebOrigins = ()


class Gateway(Form):
    """Section 2."""

    name: f.Token | None = None
    node: f.FieldValue | None = None
    region: f.Region | None = None


class Otlp(Form):
    """Section 10; a URL alone is short for `{endpoint: URL}`."""

    short: ClassVar[str] = "endpoint"
    endpoint: f.Text | None = None
    protocol: Literal["http/protobuf", "grpc"] | None = None
    headers: f.SecretFields | None = None
    compression: Literal["none", "gzip"] | None = None
    ca: f.FilePath | None = None
    cert: f.FilePath | None = None
    key: f.FilePath | None = None
    timeout: f.Duration | None = None


class Telemetry(Form):
    """Section 10."""

    otlp: Otlp | None = None
    traces: f.Boolean | None = None
    metrics: f.Boolean | None = None
    logs: f.Boolean | None = None
    metrics_every: f.Duration | None = None
    renderer: Literal["auto", "direct", "sdk"] = "auto"
    inbound: Literal["parent", "link", "ignore"] = "parent"
    service: f.Text | None = None
    resource: f.Texts = f.NOTHING
    content: Literal["none", "events"] = "none"
    content_otlp: Otlp | None = None
    queue: f.Size = 16_000_000
    shutdown: f.Duration = 3_000_000_000


class Prices(Form):
    """Section 11."""

    reserved: ClassVar[frozenset[str]] = frozenset({"feed"})
    currency: f.Currency = "USD"
    overrides: Raw = None


class Price(Form):
    """Section 11: one price."""

    aliases: ClassVar[Mapping[str, str]] = {"from": "since"}
    input: f.Money | None = None
    output: f.Money | None = None
    cache_read: f.Money | None = None
    cache_write: f.Money | None = None
    reasoning: f.Money | None = None
    per: f.Per = 1_000_000
    since: f.Day | None = None
    source: f.Text | None = None
