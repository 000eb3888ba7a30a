"""The way to each provider's origin, from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from tracegate.clock import Clock
from tracegate.config.model import Config, Provider
from tracegate.errors import ConfigError
from tracegate.upstream.exchange import Exchange
from tracegate.upstream.transport import Maker, TransportSettings, Wrap, httpx_exchange

Instrument = Callable[[bool], Wrap]
"""Makes the wrapper of an instrumented transport; the flag says whether trace context may reach the provider."""


def exchanges(config: Config, clock: Clock, instrument: Instrument | None = None) -> dict[str, Exchange]:
    """An exchange for every provider, by id.

    Raises:
        ConfigError: A certificate can't be read, or a transport is not installed.
    """
    return {id: _exchange(provider, clock, instrument) for id, provider in config.providers.items()}


def _exchange(provider: Provider, clock: Clock, instrument: Instrument | None) -> Exchange:
    tls = provider.tls
    settings = TransportSettings(
        scheme=provider.scheme,
        host=provider.host,
        connections=provider.pool.connections,
        idle_ns=provider.pool.idle_ns,
        proxy=provider.proxy if isinstance(provider.proxy, str) else provider.proxy.value,
        ca=None if tls is None else tls.ca,
        cert=None if tls is None else tls.cert,
        key=None if tls is None or tls.key is None else tls.key.value,
    )
    wrap = instrument(provider.propagate) if provider.instrument and instrument is not None else None
    try:
        return httpx_exchange(settings, clock, waiting=provider.pool.waiting, maker=_maker(provider), wrap=wrap)
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        raise ConfigError(f"providers.{provider.id}: the transport can't be made: {exc}") from exc


def _maker(provider: Provider) -> Maker | None:
    if provider.transport in ("auto", "httpx"):
        return None
    known = {entry.name: entry for entry in entry_points(group="tracegate.transports")}
    if provider.transport not in known:
        raise ConfigError(
            f"providers.{provider.id}.transport: no installed package gives `{provider.transport}` to the entry point "
            f"group `tracegate.transports`. Known: auto, httpx{''.join(f', {name}' for name in sorted(known))}."
        )
    maker: Maker = known[provider.transport].load()
    return maker
