"""One configuration to one ASGI application: the only place where all parts meet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette

from tracegate import __version__
from tracegate.build.exchanges import exchanges as exchanges_of
from tracegate.build.plugins import dialects, policies
from tracegate.build.tree import Parts, Tree
from tracegate.clock import Clock, Ids, RandomIds, SystemClock
from tracegate.config.model import ClientKey, Config
from tracegate.prices.book import Prices
from tracegate.prices.table import load_table
from tracegate.redact import Redactor
from tracegate.server.app import application
from tracegate.server.auth import Caller, Keyring
from tracegate.server.gateway import Gateway
from tracegate.server.headers import GatewayFacts, HeaderWriter
from tracegate.server.protocol import STATE, WireLimits
from tracegate.telemetry.view import View
from tracegate.upstream.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Assembled:
    """A gateway that is ready to be served."""

    app: Starlette
    gateway: Gateway
    tree: Tree


def assemble(
    config: Config,
    view: View,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    exchanges: Mapping[str, Exchange] | None = None,
) -> Assembled:
    """Build everything a configuration asks for; nothing is opened before the first request.

    Args:
        config: The configuration.
        view: Where closed requests go; started and closed with the application.
        clock, ids: Injected in tests.
        exchanges: The ways to the providers instead of those configured; closed when the application stops.
    """
    clock = clock or SystemClock()
    ways = exchanges_of(config, clock) if exchanges is None else exchanges
    parts = Parts(
        exchanges=ways,
        dialects=dialects(),
        policies=policies(),
        prices=Prices(load_table(), config.prices.overrides, config.prices.currency),
        redactor=Redactor([secret.value for secret in config.secrets]),
        clock=clock,
    )
    tree = Tree(config, parts)
    gateway = Gateway(
        clock=clock,
        ids=ids or RandomIds(),
        keyring=_keyring(config),
        routes=tree,
        headers=HeaderWriter(_facts(config)),
        view=view,
        name=config.gateway.name,
        trust=config.telemetry.inbound,
        deadline_ns=config.deadline_ns,
        body_limit=config.limits.body,
        request_limit=config.limits.requests,
        attempt_limit=config.limits.attempts,
        comments=config.headers.comments,
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        limits = config.limits
        view.start()
        yield {STATE: WireLimits(limits.header, limits.header_time_ns, limits.keep_alive_ns)}
        for way in ways.values():
            await way.close()
        await view.close(clock.now() + config.telemetry.shutdown_ns)

    return Assembled(application(gateway, cors=config.headers.cors, lifespan=lifespan), gateway, tree)


def _facts(config: Config) -> GatewayFacts:
    return GatewayFacts(
        pseudonym=config.gateway.name,
        version=__version__,
        node=config.gateway.node,
        region=config.gateway.region,
        detail=config.headers.detail,
        traceresponse=config.headers.traceresponse,
    )


def _keyring(config: Config) -> Keyring:
    trust = config.telemetry.inbound
    anyone = Caller(key="none", tenant="default", trust=trust)
    if not config.keys:
        return Keyring(None, anyone)
    return Keyring({key.digest: _caller(config, key) for key in config.keys.values() if not key.disabled}, anyone)


def _caller(config: Config, key: ClientKey) -> Caller:
    tenant = config.tenants.get(key.tenant)
    lists = [key.routes] if tenant is None else [key.routes, tenant.routes]
    return Caller(
        key=key.id,
        tenant=key.tenant,
        trust=(tenant.inbound if tenant is not None else None) or config.telemetry.inbound,
        routes=tuple(names for names in lists if "*" not in names),
        expires=key.expires,
    )
