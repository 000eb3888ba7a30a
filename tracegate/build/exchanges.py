"""The way to each provider's origin, from its configuration: which transport, and what it is told.

`auto` is the fast transport wherever that can do it, and httpx where it can't: behind a proxy. httpx is not even loaded
before a provider needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from tracegate.clock import Clock
from tracegate.config.model import Config, Provider
from tracegate.errors import ConfigError
from tracegate.upstream.exchange import Exchange
from tracegate.upstream.origin import TransportSettings, proxy_of

if TYPE_CHECKING:
    from tracegate.upstream.transport import Maker, Wrap

TRANSPORTS = "tracegate.transports"
"""Entry point group of other transports: each is a `Maker`."""

Instrument = Callable[[bool], "Wrap"]
"""Makes the wrapper of an instrumented transport; the flag says whether trace context may reach the provider."""


def exchanges(config: Config, clock: Clock, instrument: Instrument | None = None) -> dict[str, Exchange]:
    """An exchange for every provider, by id.

    Raises:
        ConfigError: A certificate or proxy can't be used, or a transport can't be made; all of them in one text.
    """
    made: dict[str, Exchange] = {}
    wrong = []
    for id, provider in config.providers.items():
        try:
            made[id] = _exchange(provider, clock, instrument)
        except (ValueError, OSError) as exc:
            wrong.append(f"providers.{id}: {exc}")
    if wrong:
        raise ConfigError("\n".join(wrong))
    return made


def _exchange(provider: Provider, clock: Clock, instrument: Instrument | None) -> Exchange:
    tls = provider.tls
    settings = TransportSettings(
        scheme=provider.scheme,
        host=provider.host,
        port=provider.port,
        connections=provider.pool.connections,
        idle_ns=provider.pool.idle_ns,
        proxy=provider.proxy if isinstance(provider.proxy, str) else provider.proxy.value,
        ca=None if tls is None else tls.ca,
        cert=None if tls is None else tls.cert,
        key=None if tls is None or tls.key is None else tls.key.value,
    )
    waiting = provider.pool.waiting
    if _fast(provider.transport, settings):
        from tracegate.upstream.fast.exchange import fast_exchange

        return fast_exchange(settings, clock, waiting=waiting)
    from tracegate.upstream.transport import httpx_exchange

    wrap = instrument(provider.propagate) if provider.instrument and instrument is not None else None
    maker = None if provider.transport in ("auto", "httpx") else _maker(provider.transport)
    return httpx_exchange(settings, clock, waiting=waiting, maker=maker, wrap=wrap)


def _fast(name: str, settings: TransportSettings) -> bool:
    """Whether the fast transport is the way."""
    if name not in ("auto", "fast"):
        return False
    proxied = proxy_of(settings) is not None
    if proxied and name == "fast":
        raise ValueError(
            "`transport`: the environment names a proxy for this host, and `fast` knows no proxies; write `transport: "
            "auto`, or `proxy: none`"
        )
    return not proxied


def _maker(name: str) -> Maker:
    """What makes a transport of that name."""
    known = {entry.name: entry for entry in entry_points(group=TRANSPORTS)}
    if name not in known:
        allowed = ", ".join(["auto", "fast", "httpx", *sorted(known)])
        raise ValueError(f"`transport`: no installed package gives `{name}` to `{TRANSPORTS}`. Allowed: {allowed}.")
    try:
        maker: Maker = known[name].load()
    except (ImportError, AttributeError) as exc:
        raise ValueError(f"`transport`: `{known[name].value}`, which is `{name}`, can't be loaded: {exc}") from exc
    return maker
