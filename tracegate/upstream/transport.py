"""The stock httpx transport of one provider: TLS always verified, proxies as configured; and the exchange over it."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import httpx

from tracegate.clock import Clock
from tracegate.upstream.connections import Connections
from tracegate.upstream.httpx import HttpxExchange
from tracegate.upstream.network import Network
from tracegate.upstream.origin import TransportSettings, proxy_of
from tracegate.upstream.trust import system_trust, trust

Wrap = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]
"""Puts something around a transport, which hands on the extensions of requests and the answers as they are."""

Maker = Callable[[TransportSettings], httpx.AsyncBaseTransport]
"""Makes a transport; what the entry points of the group `tracegate.transports` are."""


def httpx_exchange(
    settings: TransportSettings, clock: Clock, *, waiting: int, maker: Maker | None = None, wrap: Wrap | None = None
) -> HttpxExchange:
    """An exchange with one origin over the stock transport, or over one that `maker` makes.

    Args:
        settings: How the origin is reached.
        clock: Of limits and stamps.
        waiting: Most exchanges that wait for a connection.
        maker: Makes another transport; connection facts are then those that its trace hooks tell, if it has any.
        wrap: Put around the transport, e.g. OpenTelemetry's instrumentation.

    Raises:
        ValueError: The proxy, a certificate, its key or what was made can't be used; the text says which.
    """
    transport: object = stock_transport(settings, clock) if maker is None else maker(settings)
    if not isinstance(transport, httpx.AsyncBaseTransport):
        raise ValueError(f"`transport`: {maker} made {type(transport).__name__}, which is no httpx.AsyncBaseTransport")
    if wrap is not None:
        transport = wrap(transport)
    return HttpxExchange(transport, clock, connections=settings.connections, waiting=waiting, hooks=maker is None)


def stock_transport(settings: TransportSettings, clock: Clock) -> Connections:
    """httpx's own transport, one for each connection; raises as `httpx_exchange`."""
    verify, proxy = trust(settings), _proxy(settings)
    # How many there are at once is decided by our own pool, and how long they are kept by `Connections`.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)

    def make() -> httpx.AsyncHTTPTransport:
        transport = httpx.AsyncHTTPTransport(verify=verify, limits=limits, proxy=proxy, trust_env=False, retries=0)
        pool = transport._pool  # httpcore would take a network, httpx does not hand one on
        pool._network_backend = Network(pool._network_backend, clock.now)
        return transport

    return Connections(make, clock, settings.idle_ns)


def _proxy(settings: TransportSettings) -> httpx.Proxy | None:
    url = proxy_of(settings)
    if url is None:
        return None
    try:
        proxy = httpx.Proxy(url)
    except (httpx.InvalidURL, ValueError):
        proxy = None
    if proxy is None or proxy.url.scheme not in ("http", "https") or not proxy.url.host:
        # The URL is not shown: it may hold a password.
        raise ValueError("the URL of the proxy can't be used; write `http://host:port` or `https://host:port`")
    if proxy.url.scheme == "https":
        # A proxy is somebody else: it is never shown the client's certificate, and may have one of any authority.
        proxy.ssl_context = system_trust() if settings.ca is None else ssl.create_default_context()
        if settings.ca is not None:
            proxy.ssl_context.load_verify_locations(settings.ca)
    return proxy
