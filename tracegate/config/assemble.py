"""From a draft to a configuration: every section in its order, so that names are known where they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from tracegate.config import schema, serving
from tracegate.config.audit import audit, meant
from tracegate.config.checks import warn
from tracegate.config.clients import keys, tenants
from tracegate.config.digest import digest
from tracegate.config.draft import Draft
from tracegate.config.hosts import is_loopback
from tracegate.config.inherit import DEFAULTS, Inherited, inherit
from tracegate.config.listening import listen
from tracegate.config.model import Config, Gateway, Provider, RouteSettings, TargetSettings
from tracegate.config.price_lists import prices
from tracegate.config.providers import provider
from tracegate.config.routes import Routes
from tracegate.config.sections import entries
from tracegate.config.targets import target
from tracegate.config.telemetry import telemetry
from tracegate.config.validate import section, unknown_key

SECTIONS = (
    "audit",
    "direct",
    "gateway",
    "headers",
    "include",
    "keys",
    "limits",
    "listen",
    "prices",
    "providers",
    "retry",
    "routes",
    "targets",
    "telemetry",
    "tenants",
    "timeouts",
)
_RESERVED = ("chains", "store")

V = TypeVar("V")


def assemble(draft: Draft, file: str | None) -> Config:
    """The configuration of a draft; it means something only if the draft has no problems afterwards."""
    for name in draft.root.map:
        if name in _RESERVED:
            draft.wrong((name,), f"`{name}` is not in this version", "take it out.", key=True)
        elif name not in SECTIONS:
            unknown_key(draft, (name,), list(SECTIONS))
    timeouts = section(draft, "timeouts", schema.AllTimeouts)
    defaults = inherit(draft, DEFAULTS, (), timeouts, section(draft, "retry", schema.Retry), "defaults")
    limits, headers = serving.limits(draft), serving.response_headers(draft)
    providers, targets, routes = _upstream(draft, defaults, timeouts.deadline, limits.attempts)

    listening = listen(draft, entries(draft, "keys"))
    names = [*entries(draft, "routes", also=("*",)), *targets]
    clients = keys(draft, names, providers, loopback=is_loopback(listening.host))
    belonging = tenants(draft, names, providers)
    instrumented = [id for id, one in providers.items() if one is not None and one.instrument]
    exported = telemetry(draft, instrumented)
    priced = prices(draft, list(providers))
    gateway = section(draft, "gateway", schema.Gateway)
    direct, audited = serving.direct(draft), audit(draft, file, entries(draft, "keys"))

    hexadecimal = digest(
        {
            "audit": meant(audited),
            "deadline": timeouts.deadline,
            "direct": direct,
            "gateway": {"node": gateway.node, "region": gateway.region},
            "headers": headers,
            "keys": clients,
            "limits": limits,
            "listen": listening,
            "prices": priced,
            "providers": _right(providers),
            "retry": defaults.retry,
            "routes": routes,
            "targets": _right(targets),
            "telemetry": section(draft, "telemetry", schema.Telemetry),
            "tenants": belonging,
            "timeouts": defaults.timeouts,
        }
    )
    node = None if headers.detail == "public" else gateway.node or draft.known.node
    return Config(
        file=file,
        listen=listening,
        providers=_right(providers),
        targets=_right(targets),
        routes=routes,
        keys=clients,
        tenants=belonging,
        timeouts=defaults.timeouts,
        retry=defaults.retry,
        deadline_ns=timeouts.deadline,
        limits=limits,
        headers=headers,
        telemetry=exported,
        audit=audited,
        prices=priced,
        gateway=Gateway(gateway.name or f"tracegate-{hexadecimal[:8]}", node, gateway.region),
        direct=direct,
        digest=hexadecimal,
        notes=tuple(draft.notes),
        secrets=tuple(draft.secrets.values()),
        origins={**defaults.origins, **serving.origins(draft)},
    )


def _upstream(
    draft: Draft, defaults: Inherited, deadline_ns: int, attempts: int
) -> tuple[dict[str, Provider | None], dict[str, TargetSettings | None], dict[str, RouteSettings]]:
    """Providers, targets and routes; those that have problems are `None`, so that their names are known."""
    providers = {id: provider(draft, id, defaults) for id in entries(draft, "providers")}
    targets = {id: target(draft, id, providers) for id in entries(draft, "targets")}
    names = entries(draft, "routes", also=("*",))
    routes = Routes(draft, providers, targets, deadline_ns, attempts).resolve(names)
    if not providers:
        draft.note("warning", (), "there are no `providers`: nothing can be served")
    elif not draft.problems:
        warn(draft, _right(targets), routes, deadline_ns)
    return providers, targets, routes


def _right(found: Mapping[str, V | None]) -> dict[str, V]:
    return {id: one for id, one in found.items() if one is not None}
