"""From configuration to the tree of hops, once. The only caller of the wrappers that record."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from tracegate.clock import Clock
from tracegate.config.model import (
    Child,
    Config,
    Node,
    PolicyNode,
    Provider,
    RouteNode,
    RouteSettings,
    TargetNode,
    TargetSettings,
)
from tracegate.config.nearest import nearest
from tracegate.config.targets import plain
from tracegate.dialects.dialect import Dialect
from tracegate.errors import Rejected
from tracegate.facts import Route
from tracegate.hop import Hop
from tracegate.policies.buffered import Buffered
from tracegate.policies.cooldown import Cooldowns
from tracegate.policies.policy import Candidate, Policy
from tracegate.policies.retry import Retry
from tracegate.policies.settings import Asking
from tracegate.prices.book import Prices
from tracegate.recorded import RecordedAttempt, RecordedRoute
from tracegate.redact import Redactor
from tracegate.upstream.attempt import Upstream
from tracegate.upstream.exchange import Exchange
from tracegate.upstream.leaf import Leaf

MADE_ON_THE_SPOT = 256  # of what clients named as `provider/model`, this many are kept, the last to be asked for
LOOKED_AT = 200  # names among which the nearest are sought: 3 ms for a 404, in which nobody else is served
LONGEST = 512  # characters of a model's name that can select anything; the longest in use are cloud resource names


class Selected(Struct, frozen=True):
    """What a client's `model` selected; `name` is the route's, or the target's that is asked alone."""

    name: str
    hop: Hop
    deadline_ns: int


class Parts(Struct, frozen=True):
    """What the tree is built with, beside the configuration.

    Args:
        exchanges: The way to each provider's origin, by provider id.
        dialects: By name.
        policies: By key.
        prices: Bound to each target once.
        redactor: Knows every secret.
        clock: Read when prices are bound.
        keep: Put around what a client selects, where answers are kept for the view of their content.
    """

    exchanges: Mapping[str, Exchange]
    dialects: Mapping[str, Dialect]
    policies: Mapping[str, Policy]
    prices: Prices
    redactor: Redactor
    clock: Clock
    keep: Callable[[Hop], Hop] | None = None


class Tree:
    """Every route and target of a configuration, as recorded hops, by the name that clients send.

    Args:
        config: The configuration.
        parts: What it is built with.
    """

    def __init__(self, config: Config, parts: Parts) -> None:
        self._config = config
        self._parts = parts
        self._cooldowns = Cooldowns()
        self._routes = {
            name: self._selected(name, self._route(route), route.deadline_ns) for name, route in config.routes.items()
        }
        # A target that a route made on the spot has a `/` in its id: clients reach such ones by `direct` only.
        self._routes |= {id: self._alone(target) for id, target in config.targets.items() if "/" not in id}
        self._direct: dict[str, Selected] = {}  # the last to be asked for is last

    def select(self, model: str, may: Callable[[str], bool]) -> Selected:
        """What a client's `model` selects; the first match that the caller may use wins.

        Raises:
            Rejected: 404 `model_not_found`, with the nearest names that the caller may use.
        """
        selected = self._routes.get(model)
        if selected is not None and may(model):
            return selected
        if self._config.direct and "/" in model and may(model):
            direct = self._on_the_spot(model)
            if direct is not None:
                return direct
        anything = self._routes.get("*")
        if anything is not None and may("*"):
            return anything
        near = nearest(model, self.names(may)[:LOOKED_AT], 3)
        hint = f" Did you mean {', '.join(f'`{name}`' for name in near)}?" if near else ""
        raise Rejected(
            404,
            "model_not_found",
            f"The model `{model[:200]}` does not exist or you may not use it.{hint} GET /v1/models lists what you may.",
            reason="not_found",
            param="model",
        )

    def names(self, may: Callable[[str], bool]) -> list[str]:
        """What a caller may send as `model`; without routes and targets the providers as `provider/*`."""
        named = [name for name in self._routes if name != "*" and may(name)]
        if self._config.direct:
            named += [f"{id}/*" for id in self._config.providers if may(f"{id}/*")]
        return named

    def _on_the_spot(self, model: str) -> Selected | None:
        """A target that the client named as `provider/model`; most of them are named again."""
        made = self._direct
        selected = made.pop(model, None)
        if selected is None:
            provider_id, _, name = model.partition("/")
            provider = self._config.providers.get(provider_id)
            if provider is None or not name or len(model) > LONGEST:
                return None
            settings = TargetSettings(plain(model, name, provider), (), provider.timeouts, provider.retry)
            selected = self._alone(settings)
            if len(made) >= MADE_ON_THE_SPOT:
                del made[next(iter(made))]
        made[model] = selected
        return selected

    def _alone(self, settings: TargetSettings) -> Selected:
        """A route of one target."""
        node = TargetNode(settings.target.id, settings.retry, settings.timeouts)
        hop = self._target(settings, node, _Delivery())
        id = settings.target.id
        about = Route(id, "target", (id,), self._config.digest)
        return self._selected(id, RecordedRoute(hop, about), self._config.deadline_ns)

    def _selected(self, name: str, hop: Hop, deadline_ns: int) -> Selected:
        keep = self._parts.keep
        return Selected(name, hop if keep is None else keep(hop), deadline_ns)

    def _route(self, route: RouteSettings, within: _Delivery | None = None) -> Hop:
        """A route; nested, the delivery of the route that the client selected stands."""
        delivery = within or _Delivery(
            buffered=route.delivery == "buffered",
            restart=route.on_stream_failure == "restart",
            skip_malformed=route.on_malformed_event == "skip",
        )
        hop = self._node(route.node, delivery)
        if within is None and delivery.buffered and not delivery.restart:
            hop = Buffered(hop, self._config.limits.answer)
        return RecordedRoute(hop, self._about(route), route.deadline_ns)

    def _about(self, route: RouteSettings) -> Route:
        node = route.node
        if isinstance(node, PolicyNode):
            return Route(route.name, node.key, tuple(child.name for child in node.children), self._config.digest)
        return Route(route.name, "target", (node.name,), self._config.digest)

    def _node(self, node: Node, delivery: _Delivery) -> Hop:
        if isinstance(node, TargetNode):
            return self._target(self._config.targets[node.name], node, delivery)
        if isinstance(node, RouteNode):
            return self._route(node.route, delivery)
        policy = self._parts.policies[node.key]
        settings = node.settings or Asking(node.fallback_when)
        return policy.build(settings, [self._candidate(child, delivery) for child in node.children])

    def _candidate(self, child: Child, delivery: _Delivery) -> Candidate:
        return Candidate(child.name, self._node(child.node, delivery), child.weight)

    def _target(self, settings: TargetSettings, node: TargetNode, delivery: _Delivery) -> Hop:
        """Retry around one target, always; inside it the recorded attempt."""
        target, parts, config = settings.target, self._parts, self._config
        provider = config.providers[target.provider]
        leaf = Leaf(
            target=target,
            dialect=parts.dialects[target.dialect],
            exchange=parts.exchanges[target.provider],
            timeouts=node.timeouts,
            redactor=parts.redactor,
            credentials=_credentials(provider),
            via=f"1.1 {config.gateway.name}" if target.via else None,
            answer_limit=config.limits.answer,
            skip_malformed=delivery.skip_malformed,
        )
        hop: Hop = RecordedAttempt(Upstream(leaf), target, parts.prices.bind(target, parts.clock, settings.prices))
        if delivery.restart:
            hop = Buffered(hop, config.limits.answer)
        return Retry(hop, target, node.retry, self._cooldowns)


class _Delivery(Struct, frozen=True):
    """What the selected route says about the delivery of its answers; flows down to the targets."""

    buffered: bool = False
    restart: bool = False
    skip_malformed: bool = False


def _credentials(provider: Provider) -> tuple[tuple[str, str], ...]:
    if provider.key is None:
        return ()
    return ((provider.auth.header, provider.auth.prefix + provider.key.value),)
