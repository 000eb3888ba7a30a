"""One configuration to one ASGI application: the only place where all parts meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct
from starlette.types import ASGIApp

from tracegate import __version__
from tracegate.alarms import Alarms
from tracegate.build.exchanges import exchanges as exchanges_of
from tracegate.build.plugins import dialects, policies
from tracegate.build.tree import Parts, Tree
from tracegate.clock import Clock, Ids, RandomIds, SystemClock
from tracegate.config.known import price_data
from tracegate.config.model import Config, Tenant
from tracegate.hop import Hop
from tracegate.prices.book import Prices
from tracegate.redact import Redactor
from tracegate.server.app import Lifespan, application
from tracegate.server.auth import Caller, Keyring
from tracegate.server.gateway import Gateway
from tracegate.server.headers import GatewayFacts, HeaderWriter
from tracegate.server.limits import WIRE, Wire
from tracegate.server.unrecorded import on_the_wire
from tracegate.telemetry.metrics_labels import Names
from tracegate.telemetry.metrics_tally import Active
from tracegate.telemetry.view import View
from tracegate.upstream.exchange import Exchange

if TYPE_CHECKING:
    from tracegate.audit.process import Audit

STARTING, STOPPING, AUDIT = "starting_up", "shutting_down", "audit_log"
"""What `/readyz` names while it is so."""

LEAVE_NS = 1_000_000_000  # at the end: for requests that were cancelled to close their records
LOOK_NS = 10_000_000  # how often is looked whether they have
CLOSE_S = 1.0  # at the end: for connections to providers to close


class Beside(Protocol):
    """What runs beside requests, the audit log for one."""

    async def start(self) -> None:
        """Start it."""

    async def close(self) -> None:
        """End it, within a bounded time."""


class Assembled(Struct, frozen=True):
    """A gateway that is ready to be served."""

    app: ASGIApp
    gateway: Gateway
    tree: Tree


def assemble(
    config: Config,
    view: View,
    *,
    active: Active | None = None,
    keep: Callable[[Hop], Hop] | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    exchanges: Mapping[str, Exchange] | None = None,
    audit: Audit | None = None,
    beside: Beside | None = None,
) -> Assembled:
    """Build everything a configuration asks for; nothing is opened before the first request.

    Args:
        config: The configuration.
        view: Where closed requests go; started and closed with the application.
        active: Counts the requests in flight; by default nobody looks at it.
        keep: Put around what a client selects, where prompts and answers are exported.
        clock, ids: Injected in tests.
        exchanges: The ways to the providers instead of those configured; closed when the application stops.
        audit: Logs that are open, in which requests leave their records.
        beside: Started before requests are served, and closed after the last of them.
    """
    clock = clock or SystemClock()
    ways = exchanges_of(config, clock) if exchanges is None else exchanges
    parts = Parts(
        exchanges=ways,
        dialects=dialects(),
        policies=policies(),
        prices=Prices(price_data(), config.prices.overrides, config.prices.currency),
        redactor=Redactor([secret.value for secret in config.secrets]),
        clock=clock,
        keep=keep,
    )
    tree = Tree(config, parts)
    gateway = Gateway(
        clock=clock,
        ids=ids or RandomIds(),
        keyring=_keyring(config),
        routes=tree,
        headers=HeaderWriter(_facts(config)),
        view=view,
        active=active or Active(Names(config.routes)),
        name=config.gateway.name,
        deadline_ns=config.deadline_ns,
        body_limit=config.limits.body,
        request_limit=config.limits.requests,
        attempt_limit=config.limits.attempts,
        comments=config.headers.comments,
        content=keep is not None,
        audit=audit,
        not_ready={STARTING},
    )
    app = application(
        gateway,
        cors=config.headers.cors,
        auditors=config.audit.auditors,
        deadline_ns=max((route.deadline_ns for route in config.routes.values()), default=0),
        lifespan=_lifespan(config, gateway, ways.values(), beside),
    )
    return Assembled(app, gateway, tree)


def _lifespan(config: Config, gateway: Gateway, ways: Iterable[Exchange], beside: Beside | None) -> Lifespan:
    """Start what runs beside requests; at the end close it, telemetry last, so that it has everything."""
    clock, limits = gateway.clock, config.limits
    wire = Wire(
        header=limits.header,
        header_time_ns=limits.header_time_ns,
        keep_alive_ns=limits.keep_alive_ns,
        refusal=partial(on_the_wire, gateway),
        stopping=partial(gateway.not_ready.add, STOPPING),
        alarms=Alarms(clock),
    )

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
        gateway.view.start()
        if beside is not None:
            await beside.start()
        if gateway.audit is not None and gateway.audit.mode == "strict":
            gateway.audit.epoch.log.watched = partial(_audit_log, gateway.not_ready)
        gateway.not_ready.discard(STARTING)
        yield {WIRE: wire}
        gateway.not_ready.add(STOPPING)
        until = clock.now() + LEAVE_NS
        while gateway.open and (now := clock.now()) < until:
            await clock.sleep_until(now + LOOK_NS)
        await _all(way.close for way in ways)
        if beside is not None:
            await beside.close()
        await gateway.view.close(clock.now() + config.telemetry.shutdown_ns)

    return lifespan


def _audit_log(not_ready: set[str], failing: bool) -> None:
    """While the log that every answer waits for can't be written, nothing is answered."""
    if failing:
        not_ready.add(AUDIT)
    else:
        not_ready.discard(AUDIT)


async def _all(closers: Iterable[Callable[[], Any]]) -> None:
    """Close everything, whatever one of them does, and wait no longer than `CLOSE_S`."""
    tasks = [asyncio.ensure_future(close()) for close in closers]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=CLOSE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
    anyone = _caller(config, "none", "default", ("*",), None)
    if not config.keys:
        return Keyring(None, anyone)
    callers = {
        key.digest: _caller(config, key.id, key.tenant, key.routes, key.expires)
        for key in config.keys.values()
        if not key.disabled
    }
    return Keyring(callers, anyone)


def _caller(config: Config, key: str, tenant_id: str, routes: tuple[str, ...], expires: int | None) -> Caller:
    """A caller with what its tenant says; a tenant need not be configured."""
    tenant = config.tenants.get(tenant_id) or Tenant(tenant_id)
    return Caller(
        key=key,
        tenant=tenant_id,
        trust=tenant.inbound or config.telemetry.inbound,
        routes=tuple(frozenset(names) for names in (routes, tenant.routes) if "*" not in names),
        expires=expires,
    )
