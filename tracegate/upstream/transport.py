"""The stock httpx transport for one provider: TLS always verified, proxies as configured, a pool of its own."""

from __future__ import annotations

import ssl
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tracegate.clock import Clock
from tracegate.upstream.httpx import HttpxExchange


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """How a provider's origin is reached.

    Args:
        scheme, host: Of the origin; they decide which proxy of the environment is used.
        connections: Most connections at once.
        idle_ns: How long an unused connection is kept.
        proxy: A URL, `env` for the environment's, `none`.
        ca: Path of a CA bundle instead of the system's.
        cert: Path of a client certificate.
        key: The certificate's private key, as PEM.
    """

    scheme: str
    host: str
    connections: int = 200
    idle_ns: int = 20_000_000_000
    proxy: str = "env"
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


def stock_transport(settings: TransportSettings) -> httpx.AsyncHTTPTransport:
    """httpx's own transport; raises `OSError` or `ssl.SSLError` where a certificate or key can't be read."""
    return httpx.AsyncHTTPTransport(
        verify=_trust(settings),
        limits=httpx.Limits(
            max_connections=settings.connections,
            max_keepalive_connections=settings.connections,
            keepalive_expiry=settings.idle_ns / 1e9,
        ),
        proxy=proxy_of(settings),
        trust_env=False,
        retries=0,
    )


def proxy_of(settings: TransportSettings) -> str | None:
    """The proxy's URL, `None` for a direct way."""
    if settings.proxy == "none":
        return None
    if settings.proxy != "env":
        return settings.proxy
    if urllib.request.proxy_bypass_environment(settings.host):  # type: ignore[attr-defined]  # not in typeshed
        return None
    proxies = urllib.request.getproxies_environment()
    return proxies.get(settings.scheme) or proxies.get("all")


def _trust(settings: TransportSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca)
    if settings.cert is not None:
        if settings.key is None:
            context.load_cert_chain(settings.cert)
        else:
            # The ssl module reads keys from files only; this one is readable by us alone and gone at once.
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                file.write(settings.key)
                file.flush()
                context.load_cert_chain(settings.cert, file.name)
    return context


Wrap = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]
Maker = Callable[[TransportSettings], httpx.AsyncBaseTransport]


def httpx_exchange(
    settings: TransportSettings, clock: Clock, *, waiting: int, maker: Maker | None = None, wrap: Wrap | None = None
) -> HttpxExchange:
    """An exchange with one origin over the stock transport, or over one that `maker` makes.

    Args:
        settings: How the origin is reached.
        clock: Stamps the connection facts.
        waiting: Most exchanges that may wait for a connection.
        maker: Makes another transport; connection facts are then absent.
        wrap: Put around the transport, e.g. OpenTelemetry's instrumentation.
    """
    transport = stock_transport(settings) if maker is None else maker(settings)
    if wrap is not None:
        transport = wrap(transport)
    return HttpxExchange(transport, clock, settings.connections + waiting, traces=maker is None)
