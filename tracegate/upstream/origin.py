"""How a provider's origin is reached, whatever transport does it: settings, and which proxy they mean."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """How a provider's origin is reached.

    Args:
        scheme, host, port: Of the origin; they decide which proxy of the environment is used.
        connections: Most connections at once, at least 1.
        idle_ns: How long an unused connection is kept.
        proxy: A URL, which may hold credentials; `env` for the environment's; `none`.
        ca: Path of a CA bundle instead of the system's.
        cert: Path of a client certificate.
        key: Its private key, as PEM; `None` where the certificate's file has it.
    """

    scheme: str
    host: str
    port: int | None = None
    connections: int = 200
    idle_ns: int = 20_000_000_000
    proxy: str = field(default="env", repr=False)
    ca: str | None = None
    cert: str | None = None
    key: str | None = field(default=None, repr=False)


def proxy_of(settings: TransportSettings) -> str | None:
    """The proxy's URL, `None` for a direct way.

    The environment says it per scheme (`HTTPS_PROXY`, `ALL_PROXY`, in small letters too), and in `NO_PROXY` for which
    hosts there is none: names, which stand for what ends in them, too, addresses, either with a port, or `*`.
    """
    if settings.proxy == "none":
        return None
    if settings.proxy != "env":
        return settings.proxy
    # Addresses of IPv6 stand there with brackets or without.
    named = {settings.host, authority(settings.host, settings.port)}
    if any(urllib.request.proxy_bypass_environment(name) for name in named):  # type: ignore[attr-defined]  # typeshed knows `proxy_bypass` alone, which asks the system of a Mac, too
        return None
    proxies = urllib.request.getproxies_environment()
    proxy = proxies.get(settings.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def authority(host: str, port: int | None) -> str:
    """Host and port as a URL has them: an address of IPv6 in brackets, the port where there is one to be named."""
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"
