"""The configuration of the server: who may call, where it listens, its limits, what its headers tell.

Part of `model`, which says what all of it has in common.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Inbound = Literal["parent", "link", "ignore"]


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A client's key, known by its SHA-256 only.

    `routes` are names, `provider/*` or `*`. `expires` is UTC nanoseconds: the end of the day that was written.
    `short`: the key has less than 16 characters, which is allowed on loopback only.
    """

    id: str
    digest: bytes = field(repr=False)
    tenant: str
    routes: tuple[str, ...]
    expires: int | None
    disabled: bool
    short: bool = False


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whom keys belong to; `inbound` `None` = as `telemetry.inbound`; `routes` is a ceiling for its keys."""

    id: str
    inbound: Inbound | None = None
    routes: tuple[str, ...] = ("*",)


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
