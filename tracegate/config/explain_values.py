"""Every effective value as a line: its key, its value, and where it came from. Part of `explain`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from tracegate.config.hosts import Url
from tracegate.config.model import (
    DEFAULT,
    Audit,
    Config,
    Node,
    Origin,
    Origins,
    Provider,
    RouteNode,
    RouteSettings,
    TargetNode,
    TargetSettings,
)
from tracegate.config.prices_shown import price_of
from tracegate.config.secret import Secret, names_credential
from tracegate.config.words import boolean, duration, error_classes, size
from tracegate.facts import Timeouts
from tracegate.policies.settings import Retry

Line = tuple[str, str, Origin]


def gateway_values(config: Config) -> str:
    """What holds for the gateway as a whole."""
    listen, limits, headers, telemetry = config.listen, config.limits, config.headers, config.telemetry
    origins, exported = config.origins, telemetry.origins
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    values: list[tuple[str, str]] = [
        ("listen.address", f"{host}:{listen.port}"),
        ("listen.tls", "none" if listen.tls is None else listen.tls.cert),
        ("listen.without_keys", boolean(listen.without_keys)),
        ("direct", boolean(config.direct)),
        ("gateway.name", config.gateway.name),
        ("gateway.node", config.gateway.node or "none"),
        ("gateway.region", config.gateway.region or "none"),
        ("timeouts.deadline", duration(config.deadline_ns)),
        ("limits.body", size(limits.body)),
        ("limits.header", size(limits.header)),
        ("limits.header_time", duration(limits.header_time_ns)),
        ("limits.keep_alive", duration(limits.keep_alive_ns)),
        ("limits.requests", str(limits.requests)),
        ("limits.attempts", str(limits.attempts)),
        ("limits.answer", size(limits.answer)),
        ("headers.detail", headers.detail),
        ("headers.traceresponse", boolean(headers.traceresponse)),
        ("headers.comments", boolean(headers.comments)),
        ("headers.cors", ", ".join(headers.cors) or "none"),
        ("prices.currency", config.prices.currency),
        ("prices.overrides", ", ".join(config.prices.overrides) or "none"),
    ]
    lines: list[Line] = [(key, value, origins[key]) for key, value in values]
    sent = [
        (signal, exported.get(f"otlp.{signal}", exported[signal]) if otlp else _off(exported, signal), otlp)
        for signal, otlp in (("traces", telemetry.traces), ("metrics", telemetry.metrics), ("logs", telemetry.logs))
    ]
    lines += [(f"telemetry.{signal}", otlp.endpoint if otlp else "off", origin) for signal, origin, otlp in sent]
    values = [
        ("metrics_every", duration(telemetry.metrics_every_ns)),
        ("renderer", f"{telemetry.renderer} ({telemetry.renderer_why})"),
        ("inbound", telemetry.inbound),
        ("service", telemetry.service),
        ("resource", ", ".join(f"{name}={value}" for name, value in telemetry.resource) or "none"),
        ("content", "events" if telemetry.content else "none"),
        ("queue", size(telemetry.queue)),
        ("shutdown", duration(telemetry.shutdown_ns)),
    ]
    lines += [(f"telemetry.{key}", value, exported[key]) for key, value in values]
    lines += [(f"audit.{key}", value, config.audit.origins[key]) for key, value in _audit(config.audit)]
    return _table("gateway", lines)


def _audit(audit: Audit) -> list[tuple[str, str]]:
    preset = "" if audit.preset is None else f" ({audit.preset})"
    return [
        ("mode", audit.mode),
        ("dir", audit.dir),
        ("host", audit.host),
        ("cluster", audit.cluster),
        ("replica", audit.replica),
        ("wait", duration(audit.wait_ns)),
        ("retention", f"{duration(audit.retention_ns)}{preset}"),
        ("sign_path", boolean(audit.sign_path)),
        ("ship", "none" if audit.ship is None else audit.ship.endpoint),
        ("auditors", ", ".join(audit.auditors) or "none"),
        ("anchors", ", ".join(f"{anchor.name} ({anchor.kind})" for anchor in audit.anchors) or "none"),
    ]


def provider_values(provider: Provider) -> str:
    """One provider."""
    tls, pool, proxy = provider.tls, provider.pool, provider.proxy
    values: Mapping[str, str] = {
        "row": provider.row or "none",
        "name": provider.name,
        "dialect": provider.dialect,
        "base_url": str(Url(provider.scheme, provider.host, provider.port, provider.path)),
        "key": "none" if provider.key is None else str(provider.key),
        "auth": "bearer" if provider.auth.prefix else f"header:{provider.auth.header}",
        "region": _region(provider.region, provider.region_observed),
        "headers": _headers(provider.headers),
        "propagate": "traceparent" if provider.propagate else "none",
        "via": boolean(provider.via),
        "usage_in_stream": "ask" if provider.usage_in_stream else "leave",
        "transport": provider.transport,
        "proxy": proxy.name if isinstance(proxy, Secret) else proxy,
        "tls": "system trust" if tls is None else ", ".join(filter(None, (tls.ca, tls.cert))) or "system trust",
        "pool": f"{pool.connections} connections, idle {duration(pool.idle_ns)}, {pool.waiting} waiting",
        "instrument": boolean(provider.instrument),
        "disabled": boolean(provider.disabled),
    }
    lines = [(key, value, provider.origins[key]) for key, value in values.items()]
    return _table(f"provider {provider.id}", [*lines, *_flowing(provider.retry, provider.timeouts, provider.origins)])


def target_values(config: Config, settings: TargetSettings, today: date) -> str:
    """One target, with what it has from its provider."""
    target, origins = settings.target, settings.origins
    price, price_origin = price_of(config, settings, today)
    body = [*target.defaults, *(f"{name} (always)" for name in target.forced)]
    values: Mapping[str, str] = {
        "provider": target.provider,
        "model": target.model,
        "region": _region(target.region, target.region_observed),
        "context": "unknown" if target.context is None else f"{target.context} tokens",
        "body": ", ".join(body) or "none",
        "headers": _headers(target.headers),
        "propagate": "traceparent" if target.propagate else "none",
        "via": boolean(target.via),
        "disabled": boolean(target.disabled),
    }
    lines = [(key, value, origins.get(key, DEFAULT)) for key, value in values.items()]
    lines.insert(4, ("price", price, price_origin))
    return _table(f"target {target.id}", [*lines, *_flowing(settings.retry, settings.timeouts, origins)])


def route_values(route: RouteSettings) -> str:
    """One route: its own values, and those that its settings give to each of its targets."""
    values: Mapping[str, str] = {
        "deadline": duration(route.deadline_ns),
        "delivery": route.delivery,
        "on_stream_failure": route.on_stream_failure,
        "on_malformed_event": route.on_malformed_event,
        "description": route.description or "none",
    }
    lines = [(key, value, route.origins[key]) for key, value in values.items()]
    return _table(f"route {route.name}", [*lines, *_leaves(route.node, ())])


def _leaves(node: Node, above: tuple[str, ...]) -> Iterator[Line]:
    if isinstance(node, TargetNode):
        path = " > ".join((*above, node.name))
        for key, value, origin in _flowing(node.retry, node.timeouts, node.origins):
            yield f"{path}  {key}", value, origin
    elif isinstance(node, RouteNode):
        yield from _leaves(node.route.node, (*above, node.name))
    else:
        for child in node.children:
            yield from _leaves(child.node, above)


def _flowing(retry: Retry, limits: Timeouts, origins: Origins) -> list[Line]:
    """Retry and time-outs."""
    values: Mapping[str, str] = {
        "retry.times": str(retry.times),
        "retry.when": error_classes(retry.when),
        "retry.base": duration(retry.base_ns),
        "retry.cap": duration(retry.cap_ns),
        "retry.max_wait": duration(retry.max_wait_ns),
        "timeouts.connect": duration(limits.connect),
        "timeouts.write": duration(limits.write),
        "timeouts.attempt": duration(limits.attempt),
        "timeouts.first_token": duration(limits.first_token),
        "timeouts.idle": duration(limits.idle),
    }
    return [(key, value, origins[key]) for key, value in values.items()]


def _off(exported: Origins, signal: str) -> Origin:
    """What switched a signal off: its own key, or `otlp: none`."""
    return exported["otlp"] if exported[signal] is DEFAULT else exported[signal]


def _region(configured: str | None, observed: str | None) -> str:
    if observed is not None:
        return f"{observed} (observed)"
    return "unknown" if configured is None else f"{configured} (configured)"


def _headers(headers: Sequence[tuple[str, str]]) -> str:
    shown = (f"{name}: {'[redacted]' if names_credential(name) else value}" for name, value in headers)
    return ", ".join(shown) or "none"


def _table(title: str, lines: Sequence[Line]) -> str:
    keys = max(len(key) for key, _, _ in lines)
    values = min(max(len(value) for _, value, _ in lines), 48)
    return "\n".join([title, *(f"  {key:<{keys}}  {value:<{values}}  {_from(origin)}" for key, value, origin in lines)])


def _from(origin: Origin) -> str:
    return f"{origin} ({origin.level})" if origin.level in ("provider", "target", "node") else str(origin)
