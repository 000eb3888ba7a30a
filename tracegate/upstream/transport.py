"""The stock httpx transport of one provider: TLS always verified, proxies as configured; and the exchange over it."""

from __future__ import annotations

import functools
import ssl
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from tracegate.clock import Clock
from tracegate.upstream.connections import Connections
from tracegate.upstream.httpx import HttpxExchange
from tracegate.upstream.network import Network


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
    trust, proxy = _trust(settings), _proxy(settings)
    # How many there are at once is decided by our own pool, and how long they are kept by `Connections`.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)

    def make() -> httpx.AsyncHTTPTransport:
        transport = httpx.AsyncHTTPTransport(verify=trust, limits=limits, proxy=proxy, trust_env=False, retries=0)
        pool = transport._pool  # httpcore would take a network, httpx does not hand one on
        pool._network_backend = Network(pool._network_backend, clock.now)
        return transport

    return Connections(make, clock, settings.idle_ns)


def proxy_of(settings: TransportSettings) -> str | None:
    """The proxy's URL, `None` for a direct way.

    The environment says it per scheme (`HTTPS_PROXY`, `ALL_PROXY`, in small letters too), and in `NO_PROXY` for which
    hosts there is none: names, which stand for what ends in them, too, addresses, either with a port, or `*`.
    """
    if settings.proxy == "none":
        return None
    if settings.proxy != "env":
        return settings.proxy
    host, port = settings.host, settings.port
    named = [host, f"[{host}]:{port}"] if ":" in host else [f"{host}:{port}"]
    if any(urllib.request.proxy_bypass_environment(name) for name in named):  # type: ignore[attr-defined]  # no typeshed
        return None
    proxies = urllib.request.getproxies_environment()
    proxy = proxies.get(settings.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


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
        proxy.ssl_context = _system_trust() if settings.ca is None else ssl.create_default_context()
        if settings.ca is not None:
            proxy.ssl_context.load_verify_locations(settings.ca)
    return proxy


def _trust(settings: TransportSettings) -> ssl.SSLContext:
    """What is trusted, and what we show where we are asked."""
    if settings.ca is None and settings.cert is None:
        return _system_trust()
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except OSError as exc:  # those of `ssl` are of its kind
        raise ValueError(f"`tls.ca`: `{settings.ca}` is no file of certificates in PEM form ({exc})") from exc
    if settings.cert is not None:
        try:
            _load(context, settings.cert, settings.key)
        except OSError as exc:
            what = f"`{settings.cert}` is no certificate in PEM form that the key belongs to"
            raise ValueError(f"`tls.cert`, `tls.key`: {what} ({exc})") from exc
    return context


def _load(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    """Load a certificate, and its key if that is not in the same file. An encrypted key fails, instead of asking."""
    if key is None:
        context.load_cert_chain(cert, password="")
        return
    # The ssl module reads keys from files only; this one can be read by us alone, and is gone at once.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(key)
        file.flush()
        context.load_cert_chain(cert, file.name, password="")


@functools.cache  # reading the system's takes 30 ms; all providers share it
def _system_trust() -> ssl.SSLContext:
    return ssl.create_default_context()
