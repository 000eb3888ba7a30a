"""The configuration of the server: who may call, where it listens, its limits, what its headers tell.

Part of `model`, which says what all of it has in common.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Inbound = Literal["parent", "link", "ignore"]


class ClientKey(Struct, frozen=True):
    """A client's key, known by its SHA-256 only.

    `routes` are names, `provider/*` or `*`. `expires` is UTC nanoseconds: the end of the day that was written.
    `short`: the key has less than 16 characters, which is allowed on loopback only.
    """

    id: str
    digest: bytes
    tenant: str
    routes: tuple[str, ...]
    expires: int | None
    disabled: bool
    short: bool = False

    def __repr__(self) -> str:
        """Without the digest, against which keys could be tried."""
        return f"ClientKey(id={self.id!r}, tenant={self.tenant!r}, routes={self.routes!r})"


class Tenant(Struct, frozen=True):
    """Whom keys belong to; `inbound` `None` = as `telemetry.inbound`; `routes` is a ceiling for its keys."""

    id: str
    inbound: Inbound | None = None
    routes: tuple[str, ...] = ("*",)


class ServerTls(Struct, frozen=True):
    """Paths of the server's certificate chain and key (PEM)."""

    cert: str
    key: str


class Listen(Struct, frozen=True):
    """Where the server listens; port 0 is any free one."""

    host: str = "127.0.0.1"
    port: int = 4000
    tls: ServerTls | None = None
    without_keys: bool = False


class Limits(Struct, frozen=True):
    """What the server allows; sizes in bytes."""

    body: int = 32_000_000
    header: int = 32_000
    header_time_ns: int = 10_000_000_000
    keep_alive_ns: int = 75_000_000_000
    requests: int = 2000
    attempts: int = 12
    answer: int = 64_000_000


class ResponseHeaders(Struct, frozen=True):
    """What our response headers tell, and to which browser origins."""

    detail: Literal["full", "public"] = "full"
    traceresponse: bool = True
    comments: bool = True
    cors: tuple[str, ...] = ()


class Gateway(Struct, frozen=True):
    """Who this gateway is: its `Via` pseudonym, its node in `X-Served-By`, where it runs."""

    name: str
    node: str | None
    region: str | None = None
