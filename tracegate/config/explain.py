"""What `tracegate explain` prints: the tree of a route as it will run, then every effective value and where it is from.

Source of the form: section 17 of the configuration's reference. No secret is shown, only where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from tracegate.config.explain_values import gateway_values, provider_values, route_values, target_values
from tracegate.config.model import Config, Node, PolicyNode, RouteNode, RouteSettings, TargetNode
from tracegate.config.nearest import did_you_mean, listed
from tracegate.config.prices_shown import price_of
from tracegate.config.words import duration, error_classes
from tracegate.errors import ConfigError
from tracegate.policies.settings import FALLBACK_WHEN

Row = tuple[str, str]  # a name with the lines of the tree before it, and what is said of it


def explain(config: Config, route: str | None = None, *, today: date | None = None) -> str:
    """The trees and values of a configuration.

    Args:
        config: The configuration.
        route: The name of one route or the id of one target; `None`: all of it, the gateway's own values too.
        today: For the price that counts; UTC.

    Raises:
        ConfigError: There is no such route, with the nearest names.
    """
    today = today or datetime.now(UTC).date()
    if route is None:
        parts = [tree(config, one, today) for one in config.routes.values()]
        if not parts:
            parts = [_target(config, id, today) for id in config.targets]
        values = [gateway_values(config)]
        values += [provider_values(provider) for provider in config.providers.values()]
        values += [target_values(config, target, today) for target in config.targets.values()]
        values += [route_values(one) for one in config.routes.values()]
        return "\n\n".join([*parts, *values])
    if route in config.routes:
        chosen = config.routes[route]
        ids = list(dict.fromkeys(leaf.name for leaf in _leaves(chosen.node)))
        values = [route_values(chosen)]
        values += [target_values(config, config.targets[id], today) for id in ids]
        owners = dict.fromkeys(config.targets[id].target.provider for id in ids)
        values += [provider_values(config.providers[id]) for id in owners]
        return "\n\n".join([tree(config, chosen, today), *values])
    if route in config.targets:
        settings = config.targets[route]
        provider = config.providers[settings.target.provider]
        return "\n\n".join(
            [_target(config, route, today), target_values(config, settings, today), provider_values(provider)]
        )
    names = [*config.routes, *config.targets]
    raise ConfigError(f"there is no route `{route}`\n    {did_you_mean(route, names)}Known: {listed(sorted(names))}.")


def tree(config: Config, route: RouteSettings, today: date) -> str:
    """A route as a tree, and what holds for all of it."""
    rows = [(route.name, _about(route)), *_below(config, route.node, "", today)]
    if route.description is not None:
        rows.insert(1, ("│", route.description))
    width = max(len(name) for name, _ in rows) + 3
    lines = [f"{name:<{width}}{text}".rstrip() for name, text in rows]
    calls = f"at most {route.calls} upstream call{'' if route.calls == 1 else 's'}"
    if isinstance(route.node, PolicyNode) and route.node.key in ("fallback", "weighted"):
        calls += f"; next candidate on {error_classes(route.node.fallback_when)}"
    return "\n".join([*lines, calls])


def _target(config: Config, id: str, today: date) -> str:
    settings = config.targets[id]
    leaf = TargetNode(id, settings.retry, settings.timeouts)
    return f"{id}   deadline {duration(config.deadline_ns)}\n└─ {id}   {_leaf(config, leaf, today)}"


def _about(route: RouteSettings) -> str:
    parts = [f"deadline {duration(route.deadline_ns)}"]
    if route.delivery == "buffered":
        parts.append("buffered")
    if route.on_stream_failure == "restart":
        parts.append("restart when a stream dies")
    if route.on_malformed_event == "skip":
        parts.append("malformed events are skipped")
    return " · ".join(parts)


def _below(config: Config, node: Node, indent: str, today: date) -> Iterator[Row]:
    """The rows of what a route or policy holds."""
    if not isinstance(node, PolicyNode):
        yield from _row(config, node, indent, "", today, last=True)
        return
    total = sum(child.weight for child in node.children)
    for index, child in enumerate(node.children):
        share = f"{100 * child.weight / total:.4g}% · " if node.key == "weighted" else ""
        yield from _row(config, child.node, indent, share, today, last=index == len(node.children) - 1)


def _row(config: Config, node: Node, indent: str, share: str, today: date, *, last: bool) -> Iterator[Row]:
    branch, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
    if isinstance(node, TargetNode):
        yield f"{indent}{branch}{node.name}", share + _leaf(config, node, today)
    elif isinstance(node, RouteNode):
        yield f"{indent}{branch}{node.name}", f"{share}route · {_about(node.route)}{_next(node.route.node)}"
        yield from _below(config, node.route.node, indent + below, today)
    else:
        count = f"{len(node.children)} candidate{'' if len(node.children) == 1 else 's'}"
        yield f"{indent}{branch}{node.key}", f"{share}{count}{_next(node)}"
        yield from _below(config, node, indent + below, today)


def _next(node: Node) -> str:
    """What sends a nested policy to its next candidate, where it is not the usual."""
    if not isinstance(node, PolicyNode) or node.fallback_when == FALLBACK_WHEN:
        return ""
    return f" · next candidate on {error_classes(node.fallback_when)}"


def _leaf(config: Config, leaf: TargetNode, today: date) -> str:
    """What is said of one target in a tree."""
    settings = config.targets[leaf.name]
    target, limits = settings.target, leaf.timeouts
    region = "region unknown"
    if target.region_observed is not None:
        region = f"{target.region_observed} (observed)"
    elif target.region is not None:
        region = f"{target.region} (configured)"
    times = leaf.retry.times
    retries = "no retry" if times == 0 else "1 retry" if times == 1 else f"{times} retries"
    shown = (
        ("connect", limits.connect),
        ("attempt", limits.attempt),
        ("first token", limits.first_token),
        ("idle", limits.idle),
    )
    waits = ", ".join(f"{name} {duration(ns)}" for name, ns in shown)
    price, _ = price_of(config, settings, today)
    parts = [target.provider, target.model, region, price, retries, waits]
    return " · ".join(["disabled", *parts] if target.disabled else parts)


def _leaves(node: Node) -> Iterator[TargetNode]:
    if isinstance(node, TargetNode):
        yield node
    elif isinstance(node, RouteNode):
        yield from _leaves(node.route.node)
    else:
        for child in node.children:
            yield from _leaves(child.node)
