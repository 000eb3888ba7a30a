"""The configuration as `build`, `server` and `cli` read it: frozen, resolved, checked.

Nothing here reads a file or the environment, and no default is hidden here: `load` and `environment` make these values.
Durations are integer nanoseconds and `None` is no limit, sizes are bytes, money is `Decimal`, tokens are integers.
Every type that holds effective values has `origins`: where each came from, by the name of its key.
Maps are keyed by id, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from tracegate.config.secret import Secret
from tracegate.facts import ErrorClass, Target, Timeouts
from tracegate.policies.settings import FALLBACK_WHEN, Retry

Inbound = Literal["parent", "link", "ignore"]
Renderer = Literal["direct", "sdk"]
Delivery = Literal["live", "buffered"]
OnStreamFailure = Literal["error", "restart"]
OnMalformedEvent = Literal["break", "skip"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an effective value came from.

    Args:
        kind: `file`, `env`, `row` (a built-in row of a provider), `data` (built-in prices) or `default`.
        at: `tracegate.yaml:5:3`, a variable's name, a row's id; `None` for a default.
        level: For retry and time-outs, whose setting won: `timeouts`, `retry`, `provider`, `target` or `node`.
    """

    kind: Literal["file", "env", "row", "data", "default"]
    at: str | None = None
    level: str | None = None

    def __str__(self) -> str:
        """As `explain` prints it."""
        return self.kind if self.at is None else f"{self.kind} {self.at}"


Origins = Mapping[str, Origin]
DEFAULT = Origin("default")


def _origins() -> dict[str, Origin]:
    return {}


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know although the configuration can be used."""

    kind: Literal["note", "warning"]
    at: str  # file:line:column; empty where it has no place
    path: str
    text: str


# --- providers and targets ---


@dataclass(frozen=True, slots=True)
class Auth:
    """How a key is sent: the header, and what stands before the key in it."""

    header: str = "authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True, slots=True)
class ClientTls:
    """TLS towards a provider: paths of a CA bundle and a client certificate, and the certificate's key (PEM)."""

    ca: str | None = None
    cert: str | None = None
    key: Secret | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections per worker and origin; more waiters than `waiting` fail with `connection_limit_reached`."""

    connections: int = 200
    idle_ns: int = 20_000_000_000
    waiting: int = 1000


@dataclass(frozen=True, slots=True)
class Provider:
    """An account or host that serves targets.

    Args:
        id: In the configuration.
        name: `gen_ai.provider.name`.
        row: The built-in row it was made from.
        dialect: Name of a dialect.
        scheme: `https`, or `http` to a loopback or private address.
        path: Base path without a slash at its end, e.g. `/v1`; may be empty.
        key: `None`: no credentials are sent.
        region: As configured; `region_observed` is what the host name proves.
        headers: Added to each request; names are in lower case.
        propagate: Send `traceparent`.
        via: Send `Via`.
        usage_in_stream: Ask for usage in streams.
        transport: `auto`, `fast`, `httpx`, or the name of an entry point.
        proxy: `env` (the environment's), `none`, or a URL, which may hold credentials.
        timeouts, retry: Down to this level: defaults < the file's `timeouts` and `retry` < this provider.
    """

    id: str
    name: str
    row: str | None
    dialect: str
    scheme: str
    host: str
    port: int
    path: str
    key: Secret | None
    auth: Auth
    region: str | None
    region_observed: str | None
    headers: tuple[tuple[str, str], ...]
    propagate: bool
    via: bool
    usage_in_stream: bool
    transport: str
    proxy: Literal["env", "none"] | Secret
    tls: ClientTls | None
    pool: Pool
    instrument: bool
    disabled: bool
    timeouts: Timeouts
    retry: Retry
    origins: Origins = field(default_factory=_origins, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Price:
    """What `per` tokens cost, in the configuration's currency; `None` where no rate is given.

    `since` dates it: of a history the newest that is not in the future counts. `reasoning` is billed as output where
    it has no rate of its own.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    per: int = 1_000_000
    since: date | None = None
    source: str | None = None


FREE = Price(*(Decimal(0),) * 5, source="free")


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """A target with what is not a fact of it.

    Args:
        target: What the upstream hop, the records and the views read.
        prices: Its own, a history; empty: overrides, then price data, decide. `(FREE,)` for `price: free`.
        timeouts, retry: Down to this level: … < provider < this target.
    """

    target: Target
    prices: tuple[Price, ...]
    timeouts: Timeouts
    retry: Retry
    origins: Origins = field(default_factory=_origins, repr=False, compare=False)


# --- routes ---


@dataclass(frozen=True, slots=True)
class TargetNode:
    """A leaf: one target with its effective retry and time-outs; `name` is its id in `Config.targets`."""

    name: str
    retry: Retry
    timeouts: Timeouts
    origins: Origins = field(default_factory=_origins, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RouteNode:
    """A route inside a route. `route` is that route as it is here, with the settings that flow down into it."""

    name: str
    route: RouteSettings


@dataclass(frozen=True, slots=True)
class Child:
    """One child of a policy; `name` is a target's id, a route's name, or for an unnamed node `fallback(a, b)`."""

    name: str
    node: Node
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class PolicyNode:
    """A policy over children.

    Args:
        key: `fallback`, `weighted`, or the key of another policy.
        children: In the configured order.
        fallback_when: Classes after which the next child is asked; only for `fallback` and `weighted`.
        settings: For `policy: NAME`: its own settings model, validated; else `None`.
    """

    key: str
    children: tuple[Child, ...]
    fallback_when: frozenset[ErrorClass] = FALLBACK_WHEN
    settings: BaseModel | None = None


Node = TargetNode | RouteNode | PolicyNode


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """A named tree.

    `delivery`, `on_stream_failure` and `on_malformed_event` are those of the route that the client selected; of a
    nested route only the tree and the deadline count. `calls` is the greatest number of upstream calls one request can
    make, `limits.attempts` included.
    """

    name: str
    node: Node
    deadline_ns: int
    delivery: Delivery
    on_stream_failure: OnStreamFailure
    on_malformed_event: OnMalformedEvent
    description: str | None
    calls: int
    origins: Origins = field(default_factory=_origins, repr=False, compare=False)


# --- who may call ---


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A client's key, known by its SHA-256 only.

    `routes` are names, `provider/*` or `*`. `expires` is UTC nanoseconds: the end of the day that was written.
    """

    id: str
    digest: bytes = field(repr=False)
    tenant: str
    routes: tuple[str, ...]
    expires: int | None
    disabled: bool


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whom keys belong to; `inbound` `None` = as `telemetry.inbound`; `routes` is a ceiling for its keys."""

    id: str
    inbound: Inbound | None = None
    routes: tuple[str, ...] = ("*",)


# --- the server ---


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Paths of the server's certificate chain and key (PEM)."""

    cert: str
    key: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the server listens; port 0 is any free one."""

    host: str = "127.0.0.1"
    port: int = 4000
    tls: ServerTls | None = None
    without_keys: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server allows; sizes in bytes."""

    body: int = 32_000_000
    header: int = 32_000
    header_time_ns: int = 10_000_000_000
    keep_alive_ns: int = 75_000_000_000
    requests: int = 2000
    attempts: int = 12
    answer: int = 64_000_000


@dataclass(frozen=True, slots=True)
class ResponseHeaders:
    """What our response headers tell, and to which browser origins."""

    detail: Literal["full", "public"] = "full"
    traceresponse: bool = True
    comments: bool = True
    cors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gateway:
    """Who this gateway is: its `Via` pseudonym, its node in `X-Served-By`, where it runs."""

    name: str
    node: str | None
    region: str | None = None


# --- telemetry and prices ---


@dataclass(frozen=True, slots=True)
class Otlp:
    """Where one signal goes. `endpoint` is the whole URL of the signal; for `grpc` the target alone."""

    endpoint: str
    protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    headers: tuple[tuple[str, Secret], ...] = ()
    compression: Literal["none", "gzip"] = "none"
    timeout_ns: int = 10_000_000_000
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What is exported, how and where.

    Args:
        traces, metrics, logs: Where each signal goes; `None`: not exported.
        renderer: The effective one; `renderer_why` says what decided.
        content: Prompts and answers are exported, as events only, to `content_otlp`.
        queue: Bytes kept for what is not sent yet.
        disabled: `OTEL_SDK_DISABLED`: nothing is exported at all.
        value_limit: `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`, in characters.
        unread: `OTEL_*` variables that are set and that the renderer `direct` does not read.
    """

    traces: Otlp | None
    metrics: Otlp | None
    logs: Otlp | None
    metrics_every_ns: int
    renderer: Renderer
    renderer_why: str
    inbound: Inbound
    service: str
    resource: tuple[tuple[str, str], ...]
    content: bool
    content_otlp: Otlp | None
    queue: int
    shutdown_ns: int
    disabled: bool
    value_limit: int | None
    unread: tuple[str, ...]
    origins: Origins = field(default_factory=_origins, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Prices:
    """Own prices: `overrides` by `provider/model`, where a `*` at the end matches any rest; each is a history."""

    currency: str = "USD"
    overrides: Mapping[str, tuple[Price, ...]] = field(default_factory=dict)


# --- all of it ---


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration.

    Args:
        file: As it was given; `None`: made from the environment.
        providers, targets: By id; targets include those that a route made on the spot as `provider/model`.
        routes: By name, `*` included.
        keys: By id; empty: every caller is tenant `default` with key id `none`.
        deadline_ns: `timeouts.deadline`: of what has no route of its own.
        timeouts, retry: The file's defaults for every target.
        direct: Clients may send `provider/model`.
        digest: SHA-256 in hex; it covers no secret, no `gateway.name`, and nothing that comes from `OTEL_*`.
        secrets: Every secret value, for the redactor.
        origins: Of the keys outside providers, targets and routes, by path: `limits.body`.
    """

    file: str | None
    listen: Listen
    providers: Mapping[str, Provider]
    targets: Mapping[str, TargetSettings]
    routes: Mapping[str, RouteSettings]
    keys: Mapping[str, ClientKey]
    tenants: Mapping[str, Tenant]
    timeouts: Timeouts
    retry: Retry
    deadline_ns: int
    limits: Limits
    headers: ResponseHeaders
    telemetry: Telemetry
    prices: Prices
    gateway: Gateway
    direct: bool
    digest: str
    notes: tuple[Note, ...] = ()
    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    origins: Origins = field(default_factory=_origins, repr=False, compare=False)
