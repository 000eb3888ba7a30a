"""The configuration as `build`, `server` and `cli` read it: frozen, resolved, checked.

Nothing here reads a file or the environment, and no default is hidden here: `load` and `environment` make these values.
Durations are integer nanoseconds and `None` is no limit, sizes are bytes, money is `Decimal`, tokens are integers.
Every type that holds effective values has `origins`: where each came from, by the name of its key.
Maps are keyed by id, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec import Struct, field

from tracegate.config.model_audit import Audit
from tracegate.config.model_server import (
    ClientKey,
    Gateway,
    Inbound,
    Limits,
    Listen,
    ResponseHeaders,
    ServerTls,
    Tenant,
)
from tracegate.config.model_telemetry import Otlp, Renderer, Telemetry
from tracegate.config.origin import DEFAULT, Effective, Origin, Origins, no_origins
from tracegate.config.secret import Secret
from tracegate.facts import ErrorClass, Target, Timeouts
from tracegate.policies.settings import FALLBACK_WHEN, Retry
from tracegate.prices.price import FREE, Price

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "DEFAULT",
    "FREE",
    "Audit",
    "Auth",
    "Child",
    "ClientKey",
    "ClientTls",
    "Config",
    "Gateway",
    "Inbound",
    "Limits",
    "Listen",
    "Node",
    "Note",
    "Origin",
    "Origins",
    "Otlp",
    "PolicyNode",
    "Pool",
    "Price",
    "Prices",
    "Provider",
    "Renderer",
    "ResponseHeaders",
    "RouteNode",
    "RouteSettings",
    "ServerTls",
    "TargetNode",
    "TargetSettings",
    "Telemetry",
    "Tenant",
]

Delivery = Literal["live", "buffered"]
OnStreamFailure = Literal["error", "restart"]
OnMalformedEvent = Literal["break", "skip"]


class Note(Struct, frozen=True):
    """Something a person should know although the configuration can be used."""

    kind: Literal["note", "warning"]
    at: str  # file:line:column; empty where it has no place
    path: str
    text: str


# --- providers and targets ---


class Auth(Struct, frozen=True):
    """How a key is sent: the header, and what stands before the key in it."""

    header: str = "authorization"
    prefix: str = "Bearer "


class ClientTls(Struct, frozen=True):
    """TLS towards a provider: paths of a CA bundle and a client certificate, and the certificate's key (PEM)."""

    ca: str | None = None
    cert: str | None = None
    key: Secret | None = None


class Pool(Struct, frozen=True):
    """Connections per worker and origin; more waiters than `waiting` fail with `connection_limit_reached`."""

    connections: int = 200
    idle_ns: int = 20_000_000_000
    waiting: int = 1000


class Provider(Effective, frozen=True):
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

    hidden: ClassVar[frozenset[str]] = frozenset({"headers"})

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
    origins: Origins = field(default_factory=no_origins)


class TargetSettings(Effective, frozen=True):
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
    origins: Origins = field(default_factory=no_origins)


# --- routes ---


class TargetNode(Effective, frozen=True):
    """A leaf: one target with its effective retry and time-outs; `name` is its id in `Config.targets`."""

    name: str
    retry: Retry
    timeouts: Timeouts
    origins: Origins = field(default_factory=no_origins)


class RouteNode(Struct, frozen=True):
    """A route inside a route. `route` is that route as it is here, with the settings that flow down into it."""

    name: str
    route: RouteSettings


class Child(Struct, frozen=True):
    """One child of a policy; `name` is a target's id, a route's name, or for an unnamed node `fallback(a, b)`."""

    name: str
    node: Node
    weight: float = 1.0


class PolicyNode(Struct, frozen=True):
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


class RouteSettings(Effective, frozen=True):
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
    origins: Origins = field(default_factory=no_origins)


# --- all of it ---


class Prices(Struct, frozen=True):
    """Own prices: `overrides` by `provider/model`, where a `*` at the end matches any rest; each is a history."""

    currency: str = "USD"
    overrides: Mapping[str, tuple[Price, ...]] = field(default_factory=dict)


class Config(Effective, frozen=True):
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

    hidden: ClassVar[frozenset[str]] = frozenset({"secrets"})

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
    audit: Audit
    prices: Prices
    gateway: Gateway
    direct: bool
    digest: str
    notes: tuple[Note, ...] = ()
    secrets: tuple[Secret, ...] = ()
    origins: Origins = field(default_factory=no_origins)
